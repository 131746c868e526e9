//! Producing: records into batches, batches to the leaders of their partitions.
//!
//! The caller's side fills one open batch a partition and seals it; a task of its own, the
//! [`sender`], keeps sealed batches in order, on their way, and sends them again if need be.

mod open;
mod options;
mod sender;
mod window;

use std::sync::Arc;

use thalweg_env::{Instant, Task};
use thalweg_kafka_wire::messages::InitProducerIdRequest;
use thalweg_records::Header;
use thalweg_types::{ProducerEpoch, ProducerId, Timestamp};
use tokio::sync::mpsc;

use super::partitioner::partition_of;
use super::{Client, ClientError, Topic};
use open::OpenBatch;
pub use options::{Acks, Delivery, ProducerOptions};
use sender::Sender;
use window::Sealed;

/// Sealed batches that may wait for the sender. It holds as many more as its memory allows.
const SEALED_MAX: usize = 8;

/// A record to be sent.
#[derive(Clone, Debug, Default)]
pub struct ProducerRecord<'a> {
    /// The partition; chosen by the key if there is none.
    pub partition: Option<i32>,
    /// The time of the record; now if there is none.
    pub timestamp: Option<Timestamp>,
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The value; a record without one deletes its key in a compacted topic.
    pub value: Option<&'a [u8]>,
    /// Headers in order.
    pub headers: &'a [Header],
}

/// Who the producer is to the brokers, if it is idempotent (KIP-98).
#[derive(Clone, Copy, Debug)]
struct Identity {
    id: ProducerId,
    epoch: ProducerEpoch,
}

/// Sends records to one topic.
pub struct Producer {
    client: Arc<Client>,
    topic: Arc<Topic>,
    options: ProducerOptions,
    open: Vec<OpenBatch>,
    /// Where records without a key go until their batch is full (KIP-480).
    sticky: i32,
    /// When the oldest record that is not sealed was added.
    oldest_open: Option<Instant>,
    sealed: mpsc::Sender<Sealed>,
    sender: Task<Result<(), ClientError>>,
}

impl Producer {
    /// A producer to `topic`, which the broker may create if it is configured to do so.
    pub async fn start(
        client: &Arc<Client>,
        topic: &str,
        options: ProducerOptions,
    ) -> Result<Self, ClientError> {
        let topic = Arc::new(client.topic_or_create(topic).await?);
        let identity = if options.idempotent {
            Some(client.retry(async || register(client).await).await?)
        } else {
            None
        };
        let partitions = topic.partitions.len();
        let (sealed, input) = mpsc::channel(SEALED_MAX);
        let sender = Sender::new(client, &topic, options.clone(), input);
        Ok(Self {
            sticky: random_partition(client, partitions),
            client: Arc::clone(client),
            open: (0..partitions).map(|_| OpenBatch::new(identity, options.codec)).collect(),
            options,
            topic,
            oldest_open: None,
            sealed,
            sender: client.env().spawn("producer", sender.run()),
        })
    }

    /// Adds a record; waits while too much is on its way already.
    pub async fn send(&mut self, record: &ProducerRecord<'_>) -> Result<(), ClientError> {
        let partition = self.choose_partition(record)?;
        let now = self.client.env().now();
        let timestamp = record.timestamp.unwrap_or_else(|| self.client.env().wall());
        let open = &mut self.open[partition as usize];
        if open.would_exceed(record, self.options.batch_bytes) {
            self.seal(partition).await?;
        }
        self.open[partition as usize].push(record, timestamp, now);
        let oldest = *self.oldest_open.get_or_insert(now);
        if self.open[partition as usize].len() >= self.options.batch_bytes {
            self.seal(partition).await?;
        }
        if now.saturating_duration_since(oldest) >= self.options.linger {
            self.seal_all().await?;
        }
        Ok(())
    }

    /// Sends what has been added, however little. Call it when no record came for the linger time.
    pub async fn seal_all(&mut self) -> Result<(), ClientError> {
        self.oldest_open = None;
        for partition in 0..self.open.len() as i32 {
            self.seal(partition).await?;
        }
        Ok(())
    }

    /// Sends everything and waits until it is acknowledged.
    pub async fn close(mut self) -> Result<(), ClientError> {
        let sealed = self.seal_all().await;
        let Self { sealed: queue, sender, .. } = self;
        drop(queue);
        sealed?;
        sender.join().await.unwrap_or(Err(ClientError::Interrupted))
    }

    fn choose_partition(&self, record: &ProducerRecord<'_>) -> Result<i32, ClientError> {
        let partitions = self.open.len() as i32;
        match (record.partition, record.key) {
            (Some(partition), _) if (0..partitions).contains(&partition) => Ok(partition),
            (Some(partition), _) => Err(ClientError::NoPartition {
                topic: self.topic.name.clone(),
                partition,
                last: partitions - 1,
            }),
            (None, Some(key)) => Ok(partition_of(key, partitions)),
            (None, None) => Ok(self.sticky),
        }
    }

    async fn seal(&mut self, partition: i32) -> Result<(), ClientError> {
        let Some(sealed) = self.open[partition as usize].seal(partition)? else { return Ok(()) };
        if partition == self.sticky {
            self.sticky = random_partition(&self.client, self.open.len());
        }
        if self.sealed.send(sealed).await.is_ok() {
            return Ok(());
        }
        // The sender only ends by itself when it failed; its error is the one to report.
        let (closed, _) = mpsc::channel(1);
        self.sealed = closed;
        let ended = self.client.env().spawn("producer", async { Ok(()) });
        let sender = std::mem::replace(&mut self.sender, ended);
        sender.join().await.unwrap_or(Err(ClientError::Interrupted))?;
        Err(ClientError::Interrupted)
    }
}

fn random_partition(client: &Client, partitions: usize) -> i32 {
    (client.env().random_u64() % partitions.max(1) as u64) as i32
}

async fn register(client: &Client) -> Result<Identity, ClientError> {
    let request = InitProducerIdRequest {
        transactional_id: None,
        transaction_timeout_ms: i32::MAX,
        producer_id: ProducerId::NONE.0,
        producer_epoch: ProducerEpoch::NONE.0,
        ..Default::default()
    };
    let response = client.any_broker().await?.call(&request).await?;
    ClientError::check(response.error_code, None, || "cannot get a producer id".to_owned())?;
    Ok(Identity {
        id: ProducerId(response.producer_id),
        epoch: ProducerEpoch(response.producer_epoch),
    })
}
