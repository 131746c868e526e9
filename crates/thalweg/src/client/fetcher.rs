//! Reading partitions of a topic: one long poll per leader on its way while the answer before it
//! is used.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use thalweg_env::Instant;
use thalweg_kafka_wire::messages::fetch_request::{FetchPartition, FetchTopic};
use thalweg_kafka_wire::messages::fetch_response::{AbortedTransaction, PartitionData};
use thalweg_kafka_wire::messages::{FetchRequest, FetchResponse};
use thalweg_kafka_wire::{ErrorCode, Segments};
use thalweg_records::{Batch, BatchReader, Record, RecordsError};
use thalweg_types::{BATCH_LENGTH_MAX, Offset};
use tokio::sync::mpsc;

use super::{At, Client, ClientError};

const BACKOFF: Duration = Duration::from_millis(100);
/// Answers that may wait to be taken; each leader has one request on its way.
const COMPLETIONS_MAX: usize = 16;

/// How a fetcher is to behave.
#[derive(Clone, Copy, Debug)]
pub struct FetchOptions {
    /// How long a broker waits for records before it answers without any.
    pub max_wait: Duration,
    /// Bytes that a broker waits for, as long as it may.
    pub min_bytes: i32,
    /// Most bytes of one answer.
    pub max_bytes: i32,
    /// Most bytes of one partition in an answer.
    pub partition_max_bytes: i32,
    /// Leaves out records of transactions that are open or aborted.
    pub read_committed: bool,
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            max_wait: Duration::from_millis(500),
            min_bytes: 1,
            max_bytes: 16 << 20,
            partition_max_bytes: 1 << 20,
            read_committed: false,
        }
    }
}

/// Records of one partition, as they came.
#[derive(Debug)]
pub struct Fetched {
    /// The partition.
    pub partition: i32,
    /// The offset that was asked for; batches may begin before it.
    pub from: i64,
    /// The offset after the last batch.
    pub next: i64,
    /// The batches, with matching checksums.
    pub batches: Vec<Batch>,
}

impl Fetched {
    /// The records from the offset on that was asked for, without the markers of transactions.
    pub fn records(&self) -> impl Iterator<Item = Result<Record, ClientError>> {
        let data = self.batches.iter().filter(|batch| !batch.header().attributes.is_control());
        data.flat_map(move |batch| {
            let (records, failure) = match batch.records(BATCH_LENGTH_MAX) {
                Ok(records) => (Some(records), None),
                Err(error) => (None, Some(Err(error))),
            };
            let damaged = move |source| self.damaged(batch.base_offset(), source);
            let all = records.into_iter().flatten().chain(failure);
            all.map(move |record| record.map_err(damaged))
        })
        .filter(|record| record.as_ref().map_or(true, |record| record.offset.0 >= self.from))
    }

    fn damaged(&self, offset: Offset, source: RecordsError) -> ClientError {
        ClientError::Records { partition: self.partition, offset: offset.0, source }
    }
}

struct Completion {
    broker: i32,
    assignment: u64,
    answer: Result<FetchResponse, ClientError>,
}

/// Reads some partitions of a topic, each from its position on.
pub struct Fetcher {
    client: Arc<Client>,
    topic: String,
    options: FetchOptions,
    positions: BTreeMap<i32, i64>,
    leaders: BTreeMap<i32, i32>,
    /// Leaders with a request on its way, and for which assignment.
    waiting: BTreeMap<i32, u64>,
    /// Counts the assignments: answers to those before are dropped.
    assignment: u64,
    completions: (mpsc::Sender<Completion>, mpsc::Receiver<Completion>),
    /// When to ask for the leaders again.
    retry_at: Option<Instant>,
}

impl Fetcher {
    /// A fetcher without partitions.
    pub fn new(client: &Arc<Client>, topic: &str, options: FetchOptions) -> Self {
        Self {
            client: Arc::clone(client),
            topic: topic.to_owned(),
            options,
            positions: BTreeMap::new(),
            leaders: BTreeMap::new(),
            waiting: BTreeMap::new(),
            assignment: 0,
            completions: mpsc::channel(COMPLETIONS_MAX),
            retry_at: None,
        }
    }

    /// Reads these partitions from these offsets on, and no others.
    pub fn assign(&mut self, positions: BTreeMap<i32, i64>) {
        self.positions = positions;
        self.assignment += 1;
        self.waiting.clear();
        self.retry_at = Some(self.client.env().now());
    }

    /// Takes a partition out.
    pub fn drop_partition(&mut self, partition: i32) {
        self.positions.remove(&partition);
    }

    /// True without partitions.
    pub fn is_idle(&self) -> bool {
        self.positions.is_empty()
    }

    /// The next records; none if the brokers had none in time. May be dropped while it waits.
    pub async fn poll(&mut self) -> Result<Vec<Fetched>, ClientError> {
        loop {
            if self.retry_at.is_none() {
                self.ask_leaders().await?;
            }
            let wake = self.retry_at.unwrap_or_else(|| self.client.env().now());
            tokio::select! {
                Some(completion) = self.completions.1.recv() => {
                    if self.waiting.get(&completion.broker) != Some(&completion.assignment) {
                        continue;
                    }
                    self.waiting.remove(&completion.broker);
                    let fetched = self.take(completion).await?;
                    // The next request is on its way while the caller uses these records.
                    if self.retry_at.is_none() {
                        self.ask_leaders().await?;
                    }
                    return Ok(fetched);
                }
                () = self.client.env().sleep_until(wake), if self.retry_at.is_some() => {
                    self.find_leaders().await?;
                }
            }
        }
    }

    /// Sends a request to each leader that has none on its way.
    async fn ask_leaders(&mut self) -> Result<(), ClientError> {
        let mut wanted: BTreeMap<i32, Vec<(i32, i64)>> = BTreeMap::new();
        for (partition, offset) in &self.positions {
            if let Some(leader) = self.leaders.get(partition)
                && !self.waiting.contains_key(leader)
            {
                wanted.entry(*leader).or_default().push((*partition, *offset));
            }
        }
        for (leader, partitions) in wanted {
            if let Err(error) = self.ask(leader, &partitions).await {
                self.retry_later(error)?;
            }
        }
        Ok(())
    }

    async fn ask(&mut self, leader: i32, partitions: &[(i32, i64)]) -> Result<(), ClientError> {
        let request = self.request(partitions);
        let pending = self.client.broker(leader).await?.start(&request).await?;
        self.waiting.insert(leader, self.assignment);
        let (done, assignment) = (self.completions.0.clone(), self.assignment);
        let patience = self.options.max_wait;
        self.client.env().spawn("fetch", async move {
            let answer = pending.answer(patience).await;
            // Fails only if the fetcher is gone.
            let _ = done.send(Completion { broker: leader, assignment, answer }).await;
        });
        Ok(())
    }

    fn request(&self, partitions: &[(i32, i64)]) -> FetchRequest {
        let partitions = partitions.iter().map(|(partition, offset)| FetchPartition {
            partition: *partition,
            fetch_offset: *offset,
            current_leader_epoch: -1,
            last_fetched_epoch: -1,
            log_start_offset: -1,
            partition_max_bytes: self.options.partition_max_bytes,
            ..Default::default()
        });
        FetchRequest {
            max_wait_ms: self.options.max_wait.as_millis() as i32,
            min_bytes: self.options.min_bytes,
            max_bytes: self.options.max_bytes,
            isolation_level: i8::from(self.options.read_committed),
            session_epoch: -1,
            topics: vec![FetchTopic {
                topic: self.topic.clone(),
                partitions: partitions.collect(),
                ..Default::default()
            }],
            ..Default::default()
        }
    }

    async fn take(&mut self, completion: Completion) -> Result<Vec<Fetched>, ClientError> {
        let response = match completion.answer {
            Ok(response) => response,
            Err(error) => return self.retry_later(error).map(|()| Vec::new()),
        };
        let what = || format!("cannot read topic '{}'", self.topic);
        if let Err(error) = ClientError::check(response.error_code, None, what) {
            return self.retry_later(error).map(|()| Vec::new());
        }
        let mut all = Vec::new();
        for data in response.responses.into_iter().flat_map(|topic| topic.partitions) {
            let Some(from) = self.positions.get(&data.partition_index).copied() else { continue };
            if data.error_code == ErrorCode::OffsetOutOfRange.code() {
                self.return_to_range(data.partition_index, from).await?;
            } else if let Some(fetched) = self.take_partition(data, from)? {
                all.push(fetched);
            }
        }
        Ok(all)
    }

    fn take_partition(
        &mut self,
        data: PartitionData,
        from: i64,
    ) -> Result<Option<Fetched>, ClientError> {
        let partition = data.partition_index;
        let what = || format!("cannot read partition {partition} of topic '{}'", self.topic);
        if let Err(error) = ClientError::check(data.error_code, None, what) {
            return self.retry_later(error).map(|()| None);
        }
        let records = data.records.unwrap_or_default();
        let mut batches = split(&records).map_err(|source| ClientError::Records {
            partition,
            offset: from,
            source,
        })?;
        let next = batches.last().map_or(from, |batch| batch.next_offset().0.max(from));
        self.positions.insert(partition, next);
        remove_aborted(&mut batches, data.aborted_transactions.unwrap_or_default());
        Ok(Some(Fetched { partition, from, next, batches }))
    }

    /// Records before the start are gone, by age or size: reading goes on at the start.
    async fn return_to_range(&mut self, partition: i32, from: i64) -> Result<(), ClientError> {
        let topic = self.client.topic(&self.topic).await?;
        let start = self.client.offsets(&topic, &[partition], At::Start).await?;
        let start = start.get(&partition).copied().unwrap_or_default();
        if start <= from {
            let what = format!("offset {from} is after the end of partition {partition}");
            return Err(ClientError::refused(what, ErrorCode::OffsetOutOfRange.code(), None));
        }
        tracing::warn!(partition, offset = from, start, "records before the start are gone");
        self.positions.insert(partition, start);
        Ok(())
    }

    fn retry_later(&mut self, error: ClientError) -> Result<(), ClientError> {
        if !error.retriable() && !matches!(error, ClientError::Unreachable { .. }) {
            return Err(error);
        }
        tracing::debug!(%error, "reading again");
        self.retry_at = Some(self.client.env().now() + BACKOFF);
        Ok(())
    }

    async fn find_leaders(&mut self) -> Result<(), ClientError> {
        self.retry_at = None;
        let topic = match self.client.topic(&self.topic).await {
            Ok(topic) => topic,
            Err(error) => return self.retry_later(error),
        };
        let leads = |p: &super::Partition| p.leader.map(|leader| (p.index, leader));
        self.leaders = topic.partitions.iter().filter_map(leads).collect();
        match self.positions.keys().find(|partition| !self.leaders.contains_key(partition)) {
            Some(partition) => match topic.leader(*partition) {
                Err(error) => self.retry_later(error),
                Ok(_) => Ok(()),
            },
            None => Ok(()),
        }
    }
}

/// Takes out the batches of aborted transactions. One counts from its first offset to its producer's next
/// marker.
fn remove_aborted(batches: &mut Vec<Batch>, mut aborted: Vec<AbortedTransaction>) {
    aborted.sort_by_key(|transaction| transaction.first_offset);
    let mut coming = aborted.into_iter().peekable();
    let mut under_way = BTreeSet::new();
    batches.retain(|batch| {
        let header = batch.header();
        let begun = |next: &AbortedTransaction| next.first_offset <= batch.base_offset().0;
        while let Some(begun) = coming.next_if(begun) {
            under_way.insert(begun.producer_id);
        }
        if header.attributes.is_control() {
            under_way.remove(&header.producer_id.0);
            return true;
        }
        !(header.attributes.is_transactional() && under_way.contains(&header.producer_id.0))
    });
}

/// The whole batches of an answer. What a broker cut off at the end comes again.
fn split(records: &Segments) -> Result<Vec<Batch>, RecordsError> {
    // Records of a response that was read lie in memory: there is no file to fail.
    let bytes = records.to_bytes().unwrap_or_default();
    let mut batches = Vec::new();
    for batch in BatchReader::new(bytes) {
        match batch {
            Ok(batch) => {
                batch.verify_crc()?;
                batches.push(batch);
            }
            Err(RecordsError::Incomplete { .. }) if !batches.is_empty() => break,
            Err(error) => return Err(error),
        }
    }
    Ok(batches)
}

#[cfg(test)]
mod tests {
    use thalweg_records::{BatchBuilder, EndTxnMarker};
    use thalweg_types::{LeaderEpoch, ProducerEpoch, ProducerId, Sequence, Timestamp, TxnOutcome};

    use super::*;

    fn data(offset: i64, producer: i64) -> Batch {
        let (id, epoch) = (ProducerId(producer), ProducerEpoch(0));
        let builder = BatchBuilder::new().at(Offset(offset), LeaderEpoch(0));
        let mut builder = builder.producer(id, epoch, Sequence(0)).transactional();
        builder.push(Timestamp(0), None, None, &[]);
        builder.build().unwrap().freeze()
    }

    fn marker(offset: i64, producer: i64) -> Batch {
        let marker = EndTxnMarker { outcome: TxnOutcome::Abort, coordinator_epoch: 0 };
        let batch = marker.batch(ProducerId(producer), ProducerEpoch(0), Timestamp(0));
        let mut batch = batch.unwrap();
        batch.stamp(Offset(offset), LeaderEpoch(0));
        batch.freeze()
    }

    #[test]
    fn records_of_aborted_transactions_are_left_out_up_to_their_markers() {
        let mut batches = vec![
            data(10, 1),
            data(11, 2),
            data(12, 1),
            marker(13, 1),
            data(14, 1),
            data(15, 2),
            marker(16, 2),
        ];
        let aborted = [(2, 15), (1, 3)]
            .map(|(producer_id, first_offset)| AbortedTransaction { producer_id, first_offset });
        remove_aborted(&mut batches, aborted.to_vec());
        let left: Vec<i64> = batches.iter().map(|batch| batch.base_offset().0).collect();
        assert_eq!(left, [11, 13, 14, 16]);
    }
}
