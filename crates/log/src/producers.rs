//! What a partition knows of idempotent producers (KIP-98).
//!
//! The table keeps two views: what is durable, and what has been accepted on top of it. A failed
//! write forgets the second and keeps the first, so that a producer's retry is judged by what is
//! really there.

use std::collections::{BTreeMap, VecDeque};

use thalweg_types::{Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};

use crate::format::entry::BatchEntry;
use crate::planted::{self, Bug};

/// Batches remembered per producer, as in Kafka (`ProducerStateEntry.NUM_BATCHES_TO_RETAIN`).
pub(crate) const BATCHES_KEPT: usize = 5;

/// A batch of a producer, as far as a retry needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerBatch {
    /// Sequence of the first record.
    pub base_sequence: Sequence,
    /// Sequence of the last record.
    pub last_sequence: Sequence,
    /// Offset of the first record.
    pub base_offset: Offset,
    /// Offset of the last record.
    pub last_offset: Offset,
    /// Largest timestamp of the batch.
    pub timestamp: Timestamp,
}

/// A producer's last batches on a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Producer {
    /// The epoch of its batches.
    pub epoch: ProducerEpoch,
    /// When the broker took its last batch, by the broker's clock.
    pub last_append: Timestamp,
    /// Its newest batches, the oldest first, at most five.
    pub batches: VecDeque<ProducerBatch>,
}

/// What to do with a batch of an idempotent producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Append,
    /// The batch is there already: answer as the first time.
    Duplicate(ProducerBatch),
}

/// Why a batch of an idempotent producer is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProducerError {
    /// The sequence does not follow the last one.
    #[error("out of order sequence: got {got}, the last one was {last}")]
    OutOfOrder {
        /// The batch's first sequence.
        got: Sequence,
        /// The last sequence of the producer here.
        last: Sequence,
    },
    /// A newer incarnation of the producer has written already.
    #[error("producer epoch {got} is older than {current}")]
    StaleEpoch {
        /// The batch's epoch.
        got: ProducerEpoch,
        /// The epoch known here.
        current: ProducerEpoch,
    },
}

#[derive(Clone, Debug, Default)]
pub(crate) struct ProducerTable {
    durable: BTreeMap<ProducerId, Producer>,
    /// Producers with accepted batches that are not durable yet, and how many those are.
    ahead: BTreeMap<ProducerId, (Producer, usize)>,
}

impl ProducerTable {
    /// Judges a batch by the newest state, durable or not (rules 11 and 12 of the field).
    pub(crate) fn check(&self, batch: &BatchEntry) -> Result<Verdict, ProducerError> {
        let Some(producer) = self.newest(batch.producer_id) else { return Ok(Verdict::Append) };
        if batch.producer_epoch < producer.epoch {
            return Err(ProducerError::StaleEpoch {
                got: batch.producer_epoch,
                current: producer.epoch,
            });
        }
        let last = producer.batches.back().map_or(Sequence::NONE, |kept| kept.last_sequence);
        if batch.producer_epoch > producer.epoch {
            let starts_over = batch.base_sequence == Sequence(0);
            return if starts_over {
                Ok(Verdict::Append)
            } else {
                Err(ProducerError::OutOfOrder { got: batch.base_sequence, last })
            };
        }
        let twin = producer.batches.iter().find(|kept| {
            (kept.base_sequence, kept.last_sequence) == (batch.base_sequence, batch.last_sequence())
        });
        if let Some(twin) = twin {
            return Ok(Verdict::Duplicate(*twin));
        }
        if producer.batches.is_empty() || batch.base_sequence == last.plus(1) {
            return Ok(Verdict::Append);
        }
        Err(ProducerError::OutOfOrder { got: batch.base_sequence, last })
    }

    fn newest(&self, id: ProducerId) -> Option<&Producer> {
        self.ahead.get(&id).map(|(producer, _)| producer).or_else(|| self.durable.get(&id))
    }

    /// Remembers an accepted batch that is not durable yet.
    pub(crate) fn accept(&mut self, batch: &BatchEntry, now: Timestamp) {
        if batch.producer_id == ProducerId::NONE || planted::is(Bug::ForgetSequence) {
            return;
        }
        let durable = &self.durable;
        let (producer, count) = self.ahead.entry(batch.producer_id).or_insert_with(|| {
            let known = durable.get(&batch.producer_id).cloned();
            (known.unwrap_or_else(|| Producer::new(batch.producer_epoch)), 0)
        });
        producer.push(batch, now);
        *count += 1;
    }

    /// An accepted batch, or one read during recovery, is durable.
    pub(crate) fn settle(&mut self, batch: &BatchEntry, now: Timestamp) {
        if batch.producer_id == ProducerId::NONE || planted::is(Bug::ForgetSequence) {
            return;
        }
        let epoch = batch.producer_epoch;
        self.durable
            .entry(batch.producer_id)
            .or_insert_with(|| Producer::new(epoch))
            .push(batch, now);
        if let Some((_, count)) = self.ahead.get_mut(&batch.producer_id) {
            *count -= 1;
            if *count == 0 {
                self.ahead.remove(&batch.producer_id);
            }
        }
    }

    /// Forgets what was accepted and did not become durable.
    pub(crate) fn roll_back(&mut self) {
        self.ahead.clear();
    }

    /// Forgets producers that have been silent since before `horizon`.
    pub(crate) fn expire(&mut self, horizon: Timestamp) {
        self.durable.retain(|_, producer| producer.last_append >= horizon);
    }

    /// Forgets batches that end beyond `end`.
    pub(crate) fn cut(&mut self, end: Offset) {
        self.durable.retain(|_, producer| {
            producer.batches.retain(|batch| batch.last_offset < end);
            !producer.batches.is_empty()
        });
    }

    /// The durable producers.
    pub(crate) fn durable(&self) -> impl Iterator<Item = (&ProducerId, &Producer)> {
        self.durable.iter()
    }

    pub(crate) fn insert(&mut self, id: ProducerId, producer: Producer) {
        self.durable.insert(id, producer);
    }
}

impl Producer {
    fn new(epoch: ProducerEpoch) -> Self {
        Self { epoch, last_append: Timestamp::NONE, batches: VecDeque::new() }
    }

    fn push(&mut self, batch: &BatchEntry, now: Timestamp) {
        if batch.producer_epoch != self.epoch {
            self.epoch = batch.producer_epoch;
            self.batches.clear();
        }
        if self.batches.len() == BATCHES_KEPT {
            self.batches.pop_front();
        }
        self.last_append = now;
        self.batches.push_back(ProducerBatch {
            base_sequence: batch.base_sequence,
            last_sequence: batch.last_sequence(),
            base_offset: batch.base_offset,
            last_offset: batch.last_offset(),
            timestamp: batch.max_timestamp,
        });
    }
}
