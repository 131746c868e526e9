//! What producers have tried to write in vain, so that nothing overtakes it.
//!
//! A producer has several batches on their way. Of one that a partition does not know any first sequence is
//! taken, and that would be its second batch if the first was refused for a moment: the first one would be
//! out of order for ever. Kafka keeps the lowest sequence of those that wait for their coordinator
//! (`VerificationStateEntry`); here it is kept of those as well whose write has failed.

use std::collections::BTreeMap;

use thalweg_types::{ProducerEpoch, ProducerId, Sequence, Timestamp};

use crate::format::entry::BatchEntry;

/// Producers that are kept in mind; of more, some are forgotten.
const PRODUCERS_MAX: usize = 10_000;

/// The lowest sequence that each producer has tried, until one of its batches is taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attempts(BTreeMap<ProducerId, Attempt>);

/// What a producer has tried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    pub epoch: ProducerEpoch,
    pub lowest: Sequence,
    /// When it was tried first.
    pub at: Timestamp,
}

impl Attempts {
    /// Remembers an attempt, unless a lower sequence or a newer epoch was tried.
    pub fn note(&mut self, id: ProducerId, attempt: Attempt) {
        if self.0.len() >= PRODUCERS_MAX && !self.0.contains_key(&id) {
            self.0.pop_first();
        }
        let known = self.0.entry(id).or_insert(attempt);
        if attempt.epoch > known.epoch {
            (known.epoch, known.lowest) = (attempt.epoch, attempt.lowest);
        } else if attempt.epoch == known.epoch {
            known.lowest = known.lowest.min(attempt.lowest);
        }
    }

    /// True if a lower sequence has to come before the batch.
    pub fn are_overtaken_by(&self, batch: &BatchEntry) -> bool {
        let tried = self.0.get(&batch.producer_id);
        tried.is_some_and(|tried| batch.base_sequence > tried.lowest)
    }

    /// A batch of the producer is taken: from now on its sequences tell.
    pub fn settle(&mut self, id: ProducerId) {
        self.0.remove(&id);
    }

    /// Forgets what was tried before `horizon`.
    pub fn expire(&mut self, horizon: Timestamp) {
        self.0.retain(|_, attempt| attempt.at >= horizon);
    }
}
