//! Consume, transform, produce: what a transactional client reads, and how far it has come.

use std::collections::BTreeMap;
use std::sync::Arc;

use fastrand::Rng;
use thalweg_checker::{Commit, Event};
use thalweg_kafka_wire::messages::offset_fetch_request::OffsetFetchRequestTopic;
use thalweg_kafka_wire::messages::offset_fetch_response::OffsetFetchResponsePartition;
use thalweg_kafka_wire::messages::{OffsetFetchRequest, OffsetFetchResponse};
use thalweg_kafka_wire::{ApiKey, ErrorCode};

use super::line::{Line, Over, Patience, error_of};
use super::session::{Progress, Session};
use super::shared::Shared;
use crate::failure::Failure;
use crate::fetch::{Fetched, Isolation, fetch};
use crate::payload::Source;

const WAIT_MS: i32 = 20;
const RECORDS_MAX: usize = 40;

/// A topic that is copied.
#[derive(Clone, Debug)]
pub struct Input {
    /// The topic.
    pub topic: Arc<str>,
    /// Its partitions.
    pub partitions: i32,
    /// The group under which the offsets are committed. It has no members: the transactional id fences.
    pub group: Arc<str>,
}

/// The reading side of a copy.
pub struct Chain {
    shared: Shared,
    input: Input,
    consumer: u32,
    positions: BTreeMap<i32, i64>,
    /// Where the transaction began to read.
    kept: BTreeMap<i32, i64>,
}

impl Chain {
    /// Begins where the last committed transaction has ended.
    pub async fn begin(shared: &Shared, input: &Input, line: &mut Line) -> Result<Self, Over> {
        let consumer = shared.new_consumer();
        shared.history.observe(&Event::ReadCommitted { consumer })?;
        let mut chain = Self {
            shared: shared.clone(),
            input: input.clone(),
            consumer,
            positions: BTreeMap::new(),
            kept: committed(line, input).await?,
        };
        chain.rewind()?;
        Ok(chain)
    }

    /// Who reads, in the history.
    pub fn consumer(&self) -> u32 {
        self.consumer
    }

    /// Reads some records more; none if there are none now.
    pub async fn poll(&mut self, line: &mut Line, random: &mut Rng) -> Result<Vec<Source>, Over> {
        let from: Vec<_> = self.positions.iter().map(|(p, at)| (*p, *at)).collect();
        let topic = self.input.topic.clone();
        let answer =
            fetch(line.connection().await?, &topic, &from, WAIT_MS, Isolation::Committed).await;
        let mut room = random.usize(1..=RECORDS_MAX);
        let mut sources = Vec::new();
        for fetched in line.unless_ended(answer)?.unwrap_or_default() {
            let taken = self.take(&fetched, room)?;
            room -= taken.len();
            sources.extend(taken);
        }
        Ok(sources)
    }

    /// Takes as many of the records as there is room for.
    fn take(&mut self, fetched: &Fetched, room: usize) -> Result<Vec<Source>, Over> {
        let partition = fetched.partition;
        if fetched.code != ErrorCode::None && !fetched.code.retriable() {
            let topic = &self.input.topic;
            self.shared.history.accuse(format!("copying {topic}-{partition}: {}", fetched.code));
        }
        let mut taken = Vec::new();
        for record in fetched.records.iter().take(room) {
            let (topic, offset) = ((&*self.input.topic).into(), record.offset);
            let Some(value) = record.value else {
                self.shared
                    .history
                    .accuse(format!("{topic}-{partition}: foreign bytes at {offset}"));
                continue;
            };
            let read = Event::Read { consumer: self.consumer, topic, partition, offset, value };
            self.shared.history.observe(&read)?;
            taken.push(Source { partition, offset });
        }
        let next = match fetched.records.get(room) {
            Some(first_left) => first_left.offset,
            None => fetched.next,
        };
        self.positions.insert(partition, next);
        Ok(taken)
    }

    /// Makes how far it has read part of a transaction.
    pub async fn commit(&self, session: &mut Session, transaction: u32) -> Result<(), Over> {
        let moved: Vec<(i32, i64)> = self
            .positions
            .iter()
            .map(|(partition, offset)| (*partition, *offset))
            .filter(|(partition, offset)| self.kept.get(partition) != Some(offset))
            .collect();
        let Input { topic, group, .. } = &self.input;
        for (partition, offset) in &moved {
            let commit = Commit {
                group: (&**group).into(),
                topic: (&**topic).into(),
                partition: *partition,
                offset: *offset,
            };
            self.shared.history.observe(&Event::TxnOffset { transaction, commit })?;
        }
        session.commit_offsets(&Progress { group, topic, offsets: &moved }).await
    }

    /// The transaction was committed.
    pub fn keep(&mut self) {
        self.kept = self.positions.clone();
    }

    /// The transaction was aborted.
    pub fn rewind(&mut self) -> Result<(), Failure> {
        self.positions = self.kept.clone();
        for (partition, offset) in &self.kept {
            self.shared.history.observe(&Event::Seek {
                consumer: self.consumer,
                topic: (&*self.input.topic).into(),
                partition: *partition,
                offset: *offset,
            })?;
        }
        Ok(())
    }
}

/// The committed offset of each partition, once no transaction can change it any more; 0 without one.
pub async fn committed(line: &mut Line, input: &Input) -> Result<BTreeMap<i32, i64>, Over> {
    let request = OffsetFetchRequest {
        group_id: input.group.to_string(),
        topics: Some(vec![OffsetFetchRequestTopic {
            name: input.topic.to_string(),
            partition_indexes: (0..input.partitions).collect(),
        }]),
        require_stable: true,
        ..Default::default()
    };
    find_group_coordinator(line, &input.group).await?;
    let answer = line.insist(&request, error_in).await?;
    let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
    let offset = |found: &OffsetFetchResponsePartition| {
        (found.partition_index, found.committed_offset.max(0))
    };
    Ok(partitions.map(offset).collect())
}

async fn find_group_coordinator(line: &mut Line, group: &str) -> Result<(), Over> {
    let patience = Patience::new();
    loop {
        let found = crate::admin::find_coordinator(line.connection().await?, group).await;
        if line.unless_ended(found)?.is_some() {
            return Ok(());
        }
        patience.pause(ApiKey::FindCoordinator).await?;
    }
}

fn error_in(answer: &OffsetFetchResponse) -> ErrorCode {
    let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
    let codes = partitions.map(|partition| partition.error_code);
    let first = std::iter::once(answer.error_code).chain(codes).find(|code| *code != 0);
    error_of(first.unwrap_or_default())
}
