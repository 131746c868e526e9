//! A client that reads: positions, fetches, and what the history has to know of what came.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use thalweg_broker::{
    AbortedTransaction, Broker, BrokerError, FetchPartition, FetchRequest, Isolation, ListOffset,
    OffsetSpec,
};
use thalweg_checker::Event;
use thalweg_records::{Batch, BatchReader, RecordsError};
use thalweg_types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId};

use crate::aborted::Aborted;
use crate::connection::{Connection, REQUEST_TIMEOUT, session};
use crate::payload::{self, Source};
use crate::scenario::BODY_MAX;
use crate::stage::{Stage, Target};
use crate::times::Times;

/// Bytes that a batch may decompress to.
const BATCH_BYTES_MAX: usize = 1 << 20;

/// Reads partitions of one topic. The checker knows it by its number.
pub(crate) struct Reader {
    stage: Stage,
    target: Target,
    number: u32,
    isolation: Isolation,
    positions: BTreeMap<i32, i64>,
    /// The epochs of the transactional producers of each partition, as their records say.
    epochs: BTreeMap<(i32, ProducerId), ProducerEpoch>,
    /// What it read, if somebody wants to know.
    times: Option<Times>,
    /// Which records it read, if somebody wants to know.
    taken: Option<Vec<Taken>>,
}

/// A record that was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    pub place: Source,
    /// What it is a copy of.
    pub source: Option<Source>,
}

/// How a fetch is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    pub wait_max: Duration,
    pub bytes_max: usize,
}

impl Manner {
    /// Some way in which clients fetch.
    pub fn any(random: &mut fastrand::Rng) -> Self {
        Self {
            wait_max: Duration::from_millis(random.u64(..1500)),
            bytes_max: random.usize(1..64 << 10),
        }
    }
}

/// What one partition gave.
struct Portion {
    parts: Vec<Bytes>,
    /// How far the reader may read.
    end: i64,
    log_start: i64,
    aborted: Vec<AbortedTransaction>,
}

/// A partition that was read as far as it goes, or why not.
pub(crate) enum Progress {
    /// Something came, or nothing in time. The end of each partition as the reader sees it, by number.
    Read(BTreeMap<i32, i64>),
    /// The connection broke.
    Broken,
    /// The topic is gone.
    Gone,
}

impl Reader {
    pub fn new(stage: &Stage, target: &Target) -> Self {
        Self {
            stage: stage.clone(),
            target: target.clone(),
            number: stage.history.new_consumer(),
            isolation: Isolation::ReadUncommitted,
            positions: BTreeMap::new(),
            epochs: BTreeMap::new(),
            times: None,
            taken: None,
        }
    }

    /// The same, and it reads what is committed only.
    pub fn committed(self) -> Self {
        self.stage.history.add(&Event::ReadCommitted { consumer: self.number });
        Self { isolation: Isolation::ReadCommitted, ..self }
    }

    /// The same, and it remembers which records it reads.
    pub fn taking(self) -> Self {
        Self { taken: Some(Vec::new()), ..self }
    }

    /// The records since the last question.
    pub fn take_taken(&mut self) -> Vec<Taken> {
        self.taken.replace(Vec::new()).unwrap_or_default()
    }

    /// The topic that it reads.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Its number in the history.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The same, and it remembers the timestamps of what it reads.
    pub fn with_times(self) -> Self {
        Self { times: Some(Times::default()), ..self }
    }

    /// What it remembers.
    pub fn times(&self) -> Option<&Times> {
        self.times.as_ref()
    }

    /// Goes on at `offset` in a partition.
    pub fn seek(&mut self, partition: i32, offset: i64) {
        self.positions.insert(partition, offset);
        self.epochs.retain(|(known, _), _| *known != partition);
        self.stage.history.add(&Event::Seek {
            consumer: self.number,
            topic: (&*self.target.name).into(),
            partition,
            offset,
        });
    }

    /// The next offset of each partition that is read.
    pub fn positions(&self) -> &BTreeMap<i32, i64> {
        &self.positions
    }

    /// Tells the history that a partition ends where the reader stands.
    pub fn end(&self, partition: i32) {
        let offset = self.positions.get(&partition).copied().unwrap_or(0);
        self.stage.history.add(&Event::End {
            consumer: self.number,
            topic: (&*self.target.name).into(),
            partition,
            offset,
        });
    }

    /// Begins a partition at its log start; false if nobody answers.
    pub async fn begin(&mut self, connection: &Connection, partition: i32) -> bool {
        let found = self.list(connection, partition, OffsetSpec::Earliest).await;
        let Some(Ok(start)) = found else { return false };
        self.stage.history.log_start(&self.target.name, partition, start);
        self.seek(partition, start);
        true
    }

    /// Looks up an offset.
    pub async fn list(
        &self,
        connection: &Connection,
        partition: i32,
        spec: OffsetSpec,
    ) -> Option<Result<i64, BrokerError>> {
        let (target, isolation) = (self.target.clone(), self.isolation);
        let work = move |broker: Broker| async move {
            let asked = ListOffset {
                topic: target.key(),
                partition,
                spec,
                isolation,
                current_leader_epoch: LeaderEpoch::NONE,
            };
            broker.list_offset(&session(), asked).await.map(|found| found.offset.0)
        };
        connection.call(REQUEST_TIMEOUT, work).await
    }

    /// Fetches once from all partitions.
    pub async fn poll(&mut self, connection: &Connection, manner: Manner) -> Progress {
        let asked: Vec<(i32, i64)> = self.positions.iter().map(|(p, at)| (*p, *at)).collect();
        let (target, wanted, isolation) = (self.target.clone(), asked.clone(), self.isolation);
        let work = move |broker: Broker| async move {
            fetch(&broker, &target, &wanted, manner, isolation).await
        };
        let patience = REQUEST_TIMEOUT + manner.wait_max;
        let Some(answers) = connection.call(patience, work).await else { return Progress::Broken };
        let mut ends = BTreeMap::new();
        for ((partition, _), answer) in asked.into_iter().zip(answers) {
            match answer {
                Ok(portion) => {
                    ends.insert(partition, portion.end);
                    self.take(partition, portion);
                }
                Err(error) if self.is_gone(&error) => return Progress::Gone,
                Err(error) => self.recover(partition, &error),
            }
        }
        Progress::Read(ends)
    }

    fn is_gone(&self, error: &BrokerError) -> bool {
        let unknown =
            matches!(error, BrokerError::UnknownTopicId | BrokerError::UnknownTopicOrPartition);
        unknown && self.target.id.is_some()
    }

    /// Does what clients do about an error of one partition.
    fn recover(&mut self, partition: i32, error: &BrokerError) {
        let history = self.stage.history.clone();
        let topic = &*self.target.name;
        match error {
            BrokerError::OffsetOutOfRange { asked, start, end } => {
                if asked > end && !self.stage.may_be_cut(&self.target) {
                    history.complain(format_args!(
                        "{topic}-{partition} was read up to {asked} and ends at {end}"
                    ));
                }
                history.log_start(topic, partition, start.0);
                self.seek(partition, start.0.max(asked.0.min(end.0)));
            }
            BrokerError::Storage(_) | BrokerError::Closing => {
                history.note(format_args!("reader of {topic}-{partition} is told: {error}"));
            }
            _ => history.complain(format_args!("reader of {topic}-{partition} is told: {error}")),
        }
    }

    fn take(&mut self, partition: i32, portion: Portion) {
        self.stage.history.log_start(&self.target.name, partition, portion.log_start);
        let mut aborted = Aborted::new(portion.aborted);
        for part in portion.parts {
            for batch in BatchReader::new(part) {
                let taken =
                    batch.and_then(|batch| self.take_batch(partition, &batch, &mut aborted));
                if let Err(error) = taken {
                    let topic = &self.target.name;
                    self.stage.history.complain(format_args!("{topic}-{partition} has: {error}"));
                }
            }
        }
        let position = self.positions.get(&partition).copied().unwrap_or(0);
        if position > portion.end {
            self.stage.history.complain(format_args!(
                "{}-{partition} served {position} beyond {} to a reader of {:?}",
                self.target.name, portion.end, self.isolation
            ));
        }
    }

    fn take_batch(
        &mut self,
        partition: i32,
        batch: &Batch,
        aborted: &mut Aborted,
    ) -> Result<(), RecordsError> {
        batch.verify_crc()?;
        let is_shown = aborted.shows(batch)?;
        self.check_epochs(partition, batch);
        if is_shown {
            self.take_records(partition, batch)?;
        }
        let position = self.positions.entry(partition).or_default();
        *position = batch.next_offset().0.max(*position);
        Ok(())
    }

    /// Markers fence: those of clients that know KIP-890 also what they end.
    fn check_epochs(&mut self, partition: i32, batch: &Batch) {
        let header = batch.header();
        if !header.attributes.is_transactional() {
            return;
        }
        let (id, epoch) = (header.producer_id, header.producer_epoch);
        let is_control = header.attributes.is_control();
        let before = self.epochs.insert((partition, id), epoch);
        let fences = is_control && self.stage.ledger.is_bumping(id);
        if before.is_some_and(|before| epoch < before || fences && epoch == before) {
            self.stage.history.complain(format_args!(
                "{}-{partition} has {} of epoch {epoch} behind records of {before:?}",
                self.target.name,
                if is_control { "a marker" } else { "a batch" }
            ));
        }
    }

    fn take_records(&mut self, partition: i32, batch: &Batch) -> Result<(), RecordsError> {
        let is_control = batch.header().attributes.is_control();
        for record in batch.records(BATCH_BYTES_MAX)? {
            let record = record?;
            let offset = record.offset.0;
            if offset < self.positions.get(&partition).copied().unwrap_or(0) {
                continue;
            }
            self.positions.insert(partition, offset + 1);
            if let Some(times) = &mut self.times {
                times.note(partition, offset, record.timestamp);
            }
            if is_control {
                continue;
            }
            if let Some(taken) = &mut self.taken {
                let place = Source { partition, offset };
                taken.push(Taken { place, source: Source::of(&record) });
            }
            match payload::identify(&record, BODY_MAX) {
                Ok(value) => self.stage.history.add(&Event::Read {
                    consumer: self.number,
                    topic: (&*self.target.name).into(),
                    partition,
                    offset,
                    value,
                }),
                Err(why) => {
                    self.stage
                        .history
                        .complain(format_args!("{}-{partition}: {why}", self.target.name));
                }
            }
        }
        Ok(())
    }
}

async fn fetch(
    broker: &Broker,
    target: &Target,
    wanted: &[(i32, i64)],
    manner: Manner,
    isolation: Isolation,
) -> Vec<Result<Portion, BrokerError>> {
    let partitions = wanted.iter().map(|(partition, offset)| FetchPartition {
        topic: target.key(),
        partition: *partition,
        offset: Offset(*offset),
        bytes_max: manner.bytes_max,
        current_leader_epoch: LeaderEpoch::NONE,
        last_fetched_epoch: LeaderEpoch::NONE,
    });
    let request = FetchRequest {
        partitions: partitions.collect(),
        bytes_min: 1,
        bytes_max: manner.bytes_max,
        wait_max: manner.wait_max,
        isolation,
    };
    let response = broker.fetch(&session(), &request).await;
    let portion = |fetched: thalweg_broker::Fetched| Portion {
        parts: fetched.records.parts,
        end: match isolation {
            Isolation::ReadUncommitted => fetched.high_watermark.0,
            Isolation::ReadCommitted => fetched.last_stable_offset.0,
        },
        log_start: fetched.log_start.0,
        aborted: fetched.aborted,
    };
    response.partitions.into_iter().map(|fetched| fetched.map(portion)).collect()
}

/// Follows a topic until the stage's end: after a broken connection from where it stood, sometimes
/// from the beginning again.
pub(crate) async fn follow(stage: Stage, target: Target, mut random: fastrand::Rng) {
    let new = |random: &mut fastrand::Rng| {
        let reader = Reader::new(&stage, &target);
        if random.bool() { reader.committed() } else { reader }
    };
    let mut reader = new(&mut random);
    while !stage.stop.started() {
        if let Some(connection) = stage.address.connect_within(REQUEST_TIMEOUT).await {
            reader.follow_on(&connection, &mut random).await;
        }
        if random.u8(..8) == 0 {
            reader = new(&mut random);
        }
        if !stage.pause(Duration::from_millis(100)).await {
            return;
        }
    }
}

impl Reader {
    /// Reads on until the connection breaks, or the reader has had enough of it.
    async fn follow_on(&mut self, connection: &Connection, random: &mut fastrand::Rng) {
        for partition in 0..self.target.partitions {
            let is_known = self.positions.contains_key(&partition);
            if !is_known && !self.begin(connection, partition).await {
                return;
            }
        }
        loop {
            let Progress::Read(_) = self.poll(connection, Manner::any(random)).await else {
                return;
            };
            let pause = Duration::from_millis(random.u64(..500));
            if !self.stage.pause(pause).await || random.u8(..50) == 0 {
                return;
            }
        }
    }
}
