//! Partitions as they take data and markers, and what has to be true of what is in them.

use std::collections::{BTreeMap, BTreeSet};

use thalweg_types::{LeaderEpoch, ProducerEpoch, ProducerId};

use crate::{Marker, Producer, TxnOutcome};

/// One transaction, from its client's point of view.
pub type Label = u64;

/// What one partition knows of one producer.
#[derive(Default)]
struct ProducerState {
    epoch: Option<ProducerEpoch>,
    open: Option<Label>,
    coordinator_epoch: Option<LeaderEpoch>,
    /// Counts markers, so that a verification from before one cannot be used after it.
    ends: u64,
}

/// A partition with Kafka's rules for transactional data and markers.
#[derive(Default)]
pub struct PartitionModel {
    producers: BTreeMap<ProducerId, ProducerState>,
}

impl PartitionModel {
    /// What a verification that begins now is worth: it is void after the next marker.
    pub fn guard(&self, id: ProducerId) -> u64 {
        self.producers.get(&id).map_or(0, |state| state.ends)
    }

    /// Takes data, unless the producer is fenced or `guard` is void.
    pub fn append(&mut self, producer: Producer, label: Label, guard: Option<u64>) -> bool {
        let state = self.producers.entry(producer.id).or_default();
        if state.epoch.is_some_and(|epoch| producer.epoch < epoch)
            || guard.is_some_and(|guard| guard != state.ends)
        {
            return false;
        }
        state.epoch = Some(producer.epoch);
        let open = *state.open.get_or_insert(label);
        assert_eq!(open, label, "two transactions of {producer} run into each other");
        true
    }

    /// Takes a marker. The transaction that it ends.
    pub fn mark(&mut self, marker: &Marker) -> Option<Label> {
        let state = self.producers.entry(marker.producer.id).or_default();
        let epoch = marker.producer.epoch;
        if let Some(seen) = state.epoch {
            let is_again = epoch == seen && state.open.is_none();
            let is_legal = if marker.version.bumps_epoch() { epoch > seen } else { epoch >= seen };
            assert!(is_legal || is_again, "marker {marker:?} after epoch {seen}");
        }
        let seen = state.coordinator_epoch.replace(marker.coordinator_epoch);
        assert!(seen.is_none_or(|seen| seen <= marker.coordinator_epoch), "an old coordinator");
        state.epoch = Some(epoch);
        state.ends += 1;
        state.open.take()
    }

    pub fn open(&self) -> Vec<Label> {
        self.producers.values().filter_map(|state| state.open).collect()
    }
}

/// What became of one transaction: what its client was told, what its partitions were.
#[derive(Default)]
struct Fate {
    told: Option<TxnOutcome>,
    data: BTreeSet<usize>,
    marked: BTreeMap<usize, TxnOutcome>,
}

/// What became of all transactions.
#[derive(Default)]
pub struct Fates(BTreeMap<Label, Fate>);

impl Fates {
    pub fn wrote(&mut self, label: Label, partition: usize) {
        let fate = self.0.entry(label).or_default();
        assert!(!fate.marked.contains_key(&partition), "data after the end of its transaction");
        fate.data.insert(partition);
    }

    pub fn marked(&mut self, label: Label, partition: usize, outcome: TxnOutcome) {
        let fate = self.0.entry(label).or_default();
        let before = fate.marked.insert(partition, outcome);
        assert_eq!(before, None, "a second end of one transaction");
        Self::check(label, fate);
    }

    pub fn told(&mut self, label: Label, outcome: TxnOutcome) {
        let fate = self.0.entry(label).or_default();
        assert!(fate.told.is_none_or(|told| told == outcome), "told both");
        fate.told = Some(outcome);
        Self::check(label, fate);
    }

    fn check(label: Label, fate: &Fate) {
        let outcomes = fate.marked.values().chain(&fate.told);
        let commits = outcomes.clone().filter(|outcome| **outcome == TxnOutcome::Commit).count();
        let all = outcomes.count();
        assert!(commits == 0 || commits == all, "transaction {label} is committed and aborted");
    }

    /// At the end every partition of every transaction has its marker.
    pub fn assert_complete(&self) {
        for (label, fate) in &self.0 {
            let marked: BTreeSet<_> = fate.marked.keys().copied().collect();
            assert_eq!(marked, fate.data, "partitions of transaction {label} without an end");
        }
    }

    /// How many were committed.
    pub fn committed(&self) -> usize {
        let is_committed = |fate: &&Fate| fate.marked.values().any(|o| *o == TxnOutcome::Commit);
        self.0.values().filter(is_committed).count()
    }
}
