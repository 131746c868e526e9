//! A consumer without a group, which reads while others write: everything, or what is committed.

use std::collections::BTreeMap;
use std::sync::Arc;

use fastrand::Rng;
use thalweg_checker::Event;
use thalweg_kafka_wire::ErrorCode;
use thalweg_types::{ProducerEpoch, ProducerId};

use super::line::Line;
use super::shared::Shared;
use crate::failure::Failure;
use crate::fetch::{Fetched, Isolation, Stamp, fetch};

const WAIT_MS: i32 = 20;
/// Fetches until it begins anew in one partition.
const FETCHES_A_ROUND: u32 = 100;

/// One consumer.
pub struct Reader {
    shared: Shared,
    topic: Arc<str>,
    isolation: Isolation,
    consumer: u32,
    positions: BTreeMap<i32, i64>,
    /// The epochs of the transactional producers of each partition, as their records say.
    epochs: BTreeMap<(i32, ProducerId), ProducerEpoch>,
    random: Rng,
}

impl Reader {
    /// A consumer of all partitions of a topic.
    pub fn new(
        shared: &Shared,
        topic: &Arc<str>,
        partitions: i32,
        isolation: Isolation,
    ) -> Result<Self, Failure> {
        let consumer = shared.new_consumer();
        if isolation == Isolation::Committed {
            shared.history.observe(&Event::ReadCommitted { consumer })?;
        }
        let mut reader = Self {
            shared: shared.clone(),
            topic: topic.clone(),
            isolation,
            consumer,
            positions: BTreeMap::new(),
            epochs: BTreeMap::new(),
            random: Rng::with_seed(u64::from(consumer)),
        };
        (0..partitions).try_for_each(|partition| reader.begin_anew(partition))?;
        Ok(reader)
    }

    /// Reads until it is time to end.
    pub async fn run(&mut self) -> Result<(), Failure> {
        let mut line = Line::new(&self.shared, false);
        let mut fetches = 0;
        while !self.shared.is_stopped() {
            self.poll(&mut line).await?;
            fetches += 1;
            if fetches % FETCHES_A_ROUND == 0 {
                let partitions = self.positions.len() as i32;
                let partition = self.random.i32(0..partitions);
                self.begin_anew(partition)?;
            }
        }
        Ok(())
    }

    fn begin_anew(&mut self, partition: i32) -> Result<(), Failure> {
        self.positions.insert(partition, 0);
        self.epochs.retain(|(known, _), _| *known != partition);
        let (consumer, topic) = (self.consumer, (&*self.topic).into());
        self.shared.history.observe(&Event::Seek { consumer, topic, partition, offset: 0 })?;
        Ok(())
    }

    async fn poll(&mut self, line: &mut Line) -> Result<(), Failure> {
        let from: Vec<_> = self.positions.iter().map(|(p, at)| (*p, *at)).collect();
        let connection = line.connection().await?;
        let answer = fetch(connection, &self.topic, &from, WAIT_MS, self.isolation).await;
        for fetched in line.unless_ended(answer)?.unwrap_or_default() {
            self.note(&fetched)?;
        }
        Ok(())
    }

    fn note(&mut self, fetched: &Fetched) -> Result<(), Failure> {
        let Fetched { partition, code, stable_end, next, .. } = *fetched;
        let (topic, history) = (self.topic.clone(), self.shared.history.clone());
        if code != ErrorCode::None {
            if !code.retriable() {
                history.accuse(format!("reader of {topic}-{partition}: {code}"));
            }
            return Ok(());
        }
        let is_beyond = next > stable_end && !fetched.stamps.is_empty();
        if self.isolation == Isolation::Committed && is_beyond {
            history.accuse(format!(
                "{topic}-{partition} served {next}, and is stable to {stable_end}"
            ));
        }
        fetched.stamps.iter().for_each(|stamp| self.check_epoch(partition, *stamp));
        for record in &fetched.records {
            let (offset, topic) = (record.offset, (&*topic).into());
            let Some(value) = record.value else {
                history.accuse(format!("{topic}-{partition}: foreign bytes at {offset}"));
                continue;
            };
            let consumer = self.consumer;
            history.observe(&Event::Read { consumer, topic, partition, offset, value })?;
        }
        self.positions.insert(partition, next);
        Ok(())
    }

    /// Markers fence: those of clients that know KIP-890 also what they end.
    fn check_epoch(&mut self, partition: i32, stamp: Stamp) {
        let Stamp { producer, epoch, is_marker } = stamp;
        let Some(before) = self.epochs.insert((partition, producer), epoch) else { return };
        let fences = is_marker && self.shared.is_bumping(producer);
        if epoch < before || fences && epoch == before {
            let what = if is_marker { "a marker" } else { "a batch" };
            let topic = &self.topic;
            self.shared.history.accuse(format!(
                "{topic}-{partition} has {what} of epoch {epoch:?} behind records of {before:?}"
            ));
        }
    }
}
