//! The records of transactions: batches of one topic, sent again until each has its offset.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use fastrand::Rng;
use thalweg_checker::{Event, Value};
use thalweg_kafka_wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use thalweg_kafka_wire::messages::produce_response::PartitionProduceResponse;
use thalweg_kafka_wire::messages::{ProduceRequest, ProduceResponse};
use thalweg_kafka_wire::{ApiKey, ErrorCode};
use thalweg_records::{BatchBuilder, Codec, Compression};
use thalweg_types::Sequence;

use super::line::{Over, Patience, error_of};
use super::session::{Identity, Session};
use super::shared::Shared;
use crate::payload::{self, Source};
use crate::producer::now;

const RECORDS_MAX: u32 = 4;
const TIMEOUT_MS: i32 = 30_000;

/// A topic that transactions write to.
#[derive(Clone, Debug)]
pub struct Output {
    /// The topic.
    pub topic: Arc<str>,
    /// Its partitions.
    pub partitions: i32,
    /// How many keys there are, if it is compacted.
    pub keys: Option<u64>,
}

/// Records for one partition.
#[derive(Debug)]
pub struct Batch {
    partition: i32,
    sequence: i32,
    numbers: Range<u32>,
    /// What they are copies of; nothing for records of their own.
    sources: Vec<Source>,
}

impl Batch {
    /// Where it goes.
    pub fn partition(&self) -> i32 {
        self.partition
    }
}

/// Numbers records, and sends them.
pub struct Writer {
    shared: Shared,
    output: Output,
    number: u32,
    records: u32,
    /// Whose sequences these are.
    who: Option<Identity>,
    sequences: BTreeMap<i32, i32>,
    codec: Codec,
}

impl Writer {
    /// A producer that the checker does not know yet.
    pub fn new(shared: &Shared, output: &Output, random: &mut Rng) -> Self {
        Self {
            shared: shared.clone(),
            output: output.clone(),
            number: shared.new_producer(),
            records: 0,
            who: None,
            sequences: BTreeMap::new(),
            codec: Codec::from(Compression::ALL[random.usize(..Compression::ALL.len())]),
        }
    }

    /// By which the checker knows it.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Where it writes to.
    pub fn output(&self) -> &Output {
        &self.output
    }

    /// New records for a partition, that are told to the history.
    pub fn batch(
        &mut self,
        who: Identity,
        partition: i32,
        random: &mut Rng,
    ) -> Result<Batch, Over> {
        self.new_batch(who, partition, random.u32(1..=RECORDS_MAX), Vec::new())
    }

    /// Copies for a partition.
    pub fn copies(
        &mut self,
        who: Identity,
        partition: i32,
        sources: Vec<Source>,
    ) -> Result<Batch, Over> {
        self.shared.counts.copied.fetch_add(sources.len() as u64, Ordering::Relaxed);
        self.new_batch(who, partition, sources.len() as u32, sources)
    }

    fn new_batch(
        &mut self,
        who: Identity,
        partition: i32,
        count: u32,
        sources: Vec<Source>,
    ) -> Result<Batch, Over> {
        if self.who.replace(who) != Some(who) {
            self.sequences.clear();
        }
        let next = self.sequences.entry(partition).or_default();
        let numbers = self.records..self.records + count;
        let batch = Batch { partition, sequence: *next, numbers, sources };
        *next += count as i32;
        self.records += count;
        self.shared.history.observe_all(self.values(&batch).map(|value| {
            let key = self.output.keys.map(|keys| payload::key_of(value, keys));
            Event::Send {
                value,
                idempotent: true,
                key: key.map(|key| key.key),
                tombstone: key.is_some_and(|key| key.tombstone),
                topic: (&*self.output.topic).into(),
                partition,
            }
        }))?;
        Ok(batch)
    }

    /// The request that carries batches of different partitions.
    pub fn request(&self, session: &Session, batches: &[Batch]) -> Result<ProduceRequest, Over> {
        let mut partition_data = Vec::with_capacity(batches.len());
        for batch in batches {
            let records = Some(self.encode(session.who, batch)?);
            partition_data.push(PartitionProduceData { index: batch.partition, records });
        }
        let name = self.output.topic.to_string();
        let topic = TopicProduceData { name, partition_data, ..Default::default() };
        Ok(ProduceRequest {
            transactional_id: Some(session.manner.transactional_id.clone()),
            acks: -1,
            timeout_ms: TIMEOUT_MS,
            topic_data: vec![topic],
        })
    }

    fn encode(&self, who: Identity, batch: &Batch) -> Result<bytes::BytesMut, Over> {
        let builder = BatchBuilder::new().codec(self.codec).transactional();
        let mut builder = builder.producer(who.id, who.epoch, Sequence(batch.sequence));
        for (at, value) in self.values(batch).enumerate() {
            let key = self.output.keys.map(|keys| payload::key_of(value, keys));
            match batch.sources.get(at) {
                Some(source) => payload::push_copy(&mut builder, now(), value, *source),
                None => payload::push(&mut builder, now(), value, key),
            }
        }
        Ok(bytes::BytesMut::from(builder.build()?.as_bytes()))
    }

    /// Sends batches until each is acknowledged.
    pub async fn send(&self, session: &mut Session, mut batches: Vec<Batch>) -> Result<(), Over> {
        let patience = Patience::new();
        loop {
            let request = self.request(session, &batches)?;
            if let Some(answer) = session.line.ask(&request).await? {
                batches = self.settle(session, batches, &answer)?;
            }
            if batches.is_empty() {
                return Ok(());
            }
            self.note_retry(&batches)?;
            patience.pause(ApiKey::Produce).await?;
        }
    }

    /// Notes what is acknowledged; returns what is to be sent again.
    fn settle(
        &self,
        session: &Session,
        batches: Vec<Batch>,
        answer: &ProduceResponse,
    ) -> Result<Vec<Batch>, Over> {
        let answers: BTreeMap<i32, &PartitionProduceResponse> = answer
            .responses
            .iter()
            .flat_map(|topic| &topic.partition_responses)
            .map(|partition| (partition.index, partition))
            .collect();
        let mut again = Vec::new();
        let mut outcome = Ok(());
        for batch in batches {
            let answer = answers.get(&batch.partition);
            let code = answer.map_or(ErrorCode::UnknownServerError, |it| error_of(it.error_code));
            match (code, answer) {
                (ErrorCode::None, Some(answer)) => self.acknowledge(&batch, answer.base_offset)?,
                (code, _) => {
                    outcome =
                        outcome.and(session.line.go_on(ApiKey::Produce, code, true).map(drop));
                    again.push(batch);
                }
            }
        }
        outcome.map(|()| again)
    }

    fn acknowledge(&self, batch: &Batch, base_offset: i64) -> Result<(), Over> {
        self.shared.history.batches_acked.fetch_add(1, Ordering::Relaxed);
        let offsets = base_offset..;
        self.shared.history.observe_all(
            self.values(batch)
                .zip(offsets)
                .map(|(value, offset)| Event::Acked { value, offset: Some(offset) }),
        )?;
        Ok(())
    }

    fn note_retry(&self, batches: &[Batch]) -> Result<(), Over> {
        let retried = batches.len() as u64;
        self.shared.history.batches_retried.fetch_add(retried, Ordering::Relaxed);
        let values = batches.iter().flat_map(|batch| self.values(batch));
        self.shared.history.observe_all(values.map(|value| Event::Retry { value }))?;
        Ok(())
    }

    fn values(&self, batch: &Batch) -> impl Iterator<Item = Value> + use<> {
        let producer = self.number;
        batch.numbers.clone().map(move |number| Value { producer, number })
    }
}
