//! Appending a client's batch to a partition.

mod prepare;

use std::sync::Arc;

use bytes::BytesMut;
use thalweg_cluster::acl::AclOperation;
use thalweg_cluster::config::TimestampType;
use thalweg_coordination::Producer;
use thalweg_log::{Partition, Ticket, TransactionGuard};
use thalweg_records::BatchHeader;
use thalweg_types::{Offset, Timestamp};

use crate::metrics::{add, count};
use crate::transactions::FirstBatch;
use crate::{Broker, BrokerError, InTransaction, Session, Topic, TopicKey};

/// Compressed batches up to this many bytes are decompressed where they are: sending them to a
/// thread would cost more.
const INLINE_BYTES_MAX: usize = 16 << 10;
/// What turns out to be more than that goes there all the same: others wait for this thread.
const INLINE_DECOMPRESSED_MAX: usize = 256 << 10;

/// How a batch is to be appended.
#[derive(Clone, Debug)]
pub struct AppendOptions {
    /// The client asks for all copies (`acks=all`), so that the topic's `min.insync.replicas` counts.
    pub all_replicas: bool,
    /// False for clients that are too old to have been told of zstd (KIP-110).
    pub zstd_allowed: bool,
    /// The transaction that transactional batches belong to.
    pub transaction: Option<InTransaction>,
}

impl Default for AppendOptions {
    fn default() -> Self {
        Self { all_replicas: true, zstd_allowed: true, transaction: None }
    }
}

/// A batch was accepted. It must not be acknowledged before [`Durable::wait`] says so.
#[derive(Debug)]
pub struct Appended {
    /// The offset of its first record.
    pub base_offset: Offset,
    /// The timestamp of all its records, where the topic has the broker's time; the largest of them where
    /// the batch is there already.
    pub log_append_time: Option<Timestamp>,
    /// The log start offset.
    pub log_start: Offset,
    /// Tells when it is durable.
    pub durable: Durable,
}

/// A claim on the durability of something that was accepted.
#[derive(Debug)]
pub struct Durable(Ticket);

impl Durable {
    /// Has the log write now what was accepted so far. Without it the log begins when somebody waits.
    pub fn submit(&mut self) {
        self.0.submit();
    }

    /// Completes when the claim is durable, or has failed for good: then nothing of it will be seen.
    pub async fn wait(self) -> Result<(), BrokerError> {
        Ok(self.0.wait().await?)
    }
}

impl Broker {
    /// Appends what a client sent for one partition: exactly one record batch.
    ///
    /// Batches that one caller appends one after the other get their offsets in that order; the
    /// caller need not wait for one to be durable before it appends the next.
    pub async fn append(
        &self,
        session: &Session,
        topic: TopicKey<'_>,
        partition: i32,
        records: BytesMut,
        options: &AppendOptions,
    ) -> Result<Appended, BrokerError> {
        let appended = self.try_append(session, topic, partition, records, options).await;
        if appended.is_err() {
            count(&self.shared.metrics.appends_refused);
        }
        appended
    }

    async fn try_append(
        &self,
        session: &Session,
        topic: TopicKey<'_>,
        partition: i32,
        records: BytesMut,
        options: &AppendOptions,
    ) -> Result<Appended, BrokerError> {
        let table = self.table();
        let topic = table.authorized_topic(session, AclOperation::Write, topic)?;
        let partition = topic.partition(partition)?;
        check_topic(session, topic, options)?;

        // Before the records are looked at: whoever tries to write has added the partition.
        let guard = match prepare::transactional(&records) {
            Some(header) => self.vouch_for(session, &header, topic, partition, options).await?,
            None => None,
        };
        let batch = prepare::accept(records, topic.config(), options)?;
        let batch = self.prepare(batch, topic.config()).await?;
        let (bytes, count_in) = (batch.as_bytes().len(), batch.header().count);
        let appended = partition.append_transactional(batch, guard)?;

        if appended.duplicate {
            count(&self.shared.metrics.appends_duplicate);
        } else {
            add(&topic.traffic.bytes_in, bytes);
            add(&topic.traffic.records_in, count_in as usize);
        }
        let has_append_time = topic.config.message_timestamp_type == TimestampType::LogAppendTime;
        Ok(Appended {
            base_offset: appended.base_offset,
            // Kafka tells the timestamp of a batch that it has already, whoever set it.
            log_append_time: (has_append_time || appended.duplicate)
                .then_some(appended.max_timestamp),
            log_start: appended.log_start,
            durable: Durable(appended.ticket),
        })
    }

    /// What a batch needs to be the first of a transaction.
    async fn vouch_for(
        &self,
        session: &Session,
        header: &BatchHeader,
        topic: &Topic,
        partition: &Arc<Partition>,
        options: &AppendOptions,
    ) -> Result<Option<TransactionGuard>, BrokerError> {
        let transaction = options.transaction.as_ref().ok_or(BrokerError::NoTransactionalId)?;
        let first = FirstBatch {
            producer: Producer::new(header.producer_id, header.producer_epoch),
            sequence: header.base_sequence,
        };
        self.vouch(session, transaction, first, topic.name(), partition).await
    }
}

fn check_topic(
    session: &Session,
    topic: &Topic,
    options: &AppendOptions,
) -> Result<(), BrokerError> {
    if topic.is_internal() && !session.may_write_internal_topics() {
        return Err(BrokerError::InternalTopic(topic.name().clone()));
    }
    let (required, copies) = (topic.config.min_insync_replicas, topic.replication_factor());
    if options.all_replicas && required > i32::from(copies) {
        return Err(BrokerError::NotEnoughReplicas { required, copies });
    }
    Ok(())
}
