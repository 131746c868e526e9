//! How transactions of a partition end, and which of them readers must skip (KIP-98).
//!
//! A transaction is open from its first batch to its marker. What lies before the first batch of any
//! open one is stable: readers of committed records go so far, and are told which of the transactions
//! on the way were aborted.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use thalweg_records::Attributes;
use thalweg_types::{Offset, ProducerEpoch, ProducerId, Sequence, Timestamp, TxnOutcome};

use crate::format::entry::BatchEntry;

/// A bit of an entry's attributes that no batch has: the marker aborts.
const ABORTS: u16 = 1 << 15;

/// A transaction without an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenTransaction {
    /// Its first record.
    pub first_offset: Offset,
    /// When the broker took that, by the broker's clock.
    pub began_at: Timestamp,
}

/// A transaction whose records readers of committed records skip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortedTransaction {
    /// Whose it was.
    pub producer_id: ProducerId,
    /// Its first record.
    pub first_offset: Offset,
    /// Its marker.
    pub last_offset: Offset,
    /// What was stable once it had ended. Transactions that end later begin there or after.
    pub last_stable_offset: Offset,
}

/// The end of a transaction in one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marker {
    /// Whose transaction ends.
    pub producer_id: ProducerId,
    /// The epoch that the producer has from here on.
    pub producer_epoch: ProducerEpoch,
    /// How it ends.
    pub outcome: TxnOutcome,
    /// The epoch of the coordinator that decided.
    pub coordinator_epoch: i32,
    /// True if the epoch must be greater than that of the records that the marker ends, as it is where
    /// every transaction has an epoch of its own (KIP-890).
    pub new_epoch: bool,
}

impl BatchEntry {
    /// True for a marker, and whatever else is written by brokers alone.
    pub(crate) fn is_control(&self) -> bool {
        Attributes(self.attributes).is_control()
    }

    /// True for the batches between which markers decide.
    pub(crate) fn is_transactional(&self) -> bool {
        Attributes(self.attributes).is_transactional()
    }

    /// False for the offsets that a coordinator writes for a producer: nobody sends them twice.
    pub(crate) fn has_sequence(&self) -> bool {
        self.base_sequence != Sequence::NONE
    }

    /// Notes what the record of a marker says: recovery reads no records. The batch of a marker has no
    /// sequence, so there is room for the coordinator's epoch.
    pub(crate) fn note_marker(&mut self, outcome: TxnOutcome, coordinator_epoch: i32) {
        self.base_sequence = Sequence(coordinator_epoch);
        if outcome == TxnOutcome::Abort {
            self.attributes |= ABORTS;
        }
    }

    /// What [`note_marker`](Self::note_marker) noted.
    pub(crate) fn marker(&self) -> (TxnOutcome, i32) {
        let aborts = self.attributes & ABORTS != 0;
        let outcome = if aborts { TxnOutcome::Abort } else { TxnOutcome::Commit };
        (outcome, self.base_sequence.0)
    }
}

/// The aborted transactions of a partition whose records or markers it keeps, in the order of their markers.
#[derive(Clone, Debug, Default)]
pub(crate) struct AbortedTransactions {
    list: VecDeque<AbortedTransaction>,
    /// Counts those that were forgotten since the start.
    forgotten: u64,
}

impl AbortedTransactions {
    /// Adds transactions in the order of their markers.
    pub(crate) fn extend(&mut self, transactions: impl IntoIterator<Item = AbortedTransaction>) {
        self.list.extend(transactions);
    }

    /// Those with records in `from..to`.
    pub(crate) fn within(&self, from: Offset, to: Offset) -> Vec<AbortedTransaction> {
        let first = self.list.partition_point(|aborted| aborted.last_offset < from);
        let mut within = Vec::new();
        for aborted in self.list.range(first..) {
            if aborted.first_offset < to {
                within.push(*aborted);
            }
            if aborted.last_stable_offset >= to {
                break;
            }
        }
        within
    }

    /// Forgets what ended before `start`.
    pub(crate) fn trim(&mut self, start: Offset) {
        let gone = self.list.partition_point(|aborted| aborted.last_offset < start);
        self.list.drain(..gone);
        self.forgotten += gone as u64;
    }

    /// Forgets those with these markers.
    pub(crate) fn forget(&mut self, markers: &BTreeSet<Offset>) {
        let before = self.list.len();
        if !markers.is_empty() {
            self.list.retain(|aborted| !markers.contains(&aborted.last_offset));
        }
        self.forgotten += (before - self.list.len()) as u64;
    }

    /// Changes when one is forgotten.
    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Forgets what began at `end` or after. Of what began before, the records are no better for the loss
    /// of their marker; what will be written from `end` on belongs to others.
    pub(crate) fn cut(&mut self, end: Offset) {
        self.list.retain(|aborted| aborted.first_offset < end);
        for aborted in &mut self.list {
            aborted.last_offset = aborted.last_offset.min(end.plus(-1));
            aborted.last_stable_offset = aborted.last_stable_offset.min(end);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &AbortedTransaction> {
        self.list.iter()
    }

    /// The same, for those who ask about single batches.
    pub(crate) fn by_producer(&self) -> AbortedIndex {
        let key = |aborted: &AbortedTransaction| (aborted.producer_id, aborted.last_offset);
        AbortedIndex(self.iter().map(|aborted| (key(aborted), aborted.first_offset)).collect())
    }
}

/// Where aborted transactions begin, by producer and marker.
#[derive(Debug, Default)]
pub(crate) struct AbortedIndex(BTreeMap<(ProducerId, Offset), Offset>);

impl AbortedIndex {
    /// True if the batch belongs to one. A producer has one transaction after the other.
    pub(crate) fn has(&self, batch: &BatchEntry) -> bool {
        let ends = (batch.producer_id, batch.base_offset)..=(batch.producer_id, Offset(i64::MAX));
        let next = self.0.range(ends).next();
        batch.is_transactional() && next.is_some_and(|(_, first)| *first <= batch.base_offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aborted(first: i64, last: i64, stable: i64) -> AbortedTransaction {
        AbortedTransaction {
            producer_id: ProducerId(first),
            first_offset: Offset(first),
            last_offset: Offset(last),
            last_stable_offset: Offset(stable),
        }
    }

    #[test]
    fn a_reader_is_told_of_the_transactions_among_its_records() {
        let mut index = AbortedTransactions::default();
        // One about the other: the second began first and ended last.
        let all = [aborted(10, 14, 5), aborted(5, 20, 21), aborted(30, 31, 32)];
        index.extend(all);
        let within = |from, to| index.within(Offset(from), Offset(to));
        assert_eq!(within(0, 5), []);
        assert_eq!(within(0, 6), all[1..2]);
        assert_eq!(within(0, 12), all[..2]);
        assert_eq!(within(14, 15), all[..2], "a marker belongs to what it ends");
        assert_eq!(within(15, 30), all[1..2]);
        assert_eq!(within(21, 100), all[2..]);
        assert_eq!(within(32, 100), []);
    }

    #[test]
    fn what_is_trimmed_or_lost_is_forgotten() {
        let mut index = AbortedTransactions::default();
        index.extend([aborted(1, 3, 4), aborted(5, 8, 9)]);
        index.trim(Offset(4));
        assert_eq!(index.iter().count(), 1);
        index.cut(Offset(6));
        assert_eq!(index.iter().count(), 1, "its marker is lost, its records are not");
        index.cut(Offset(5));
        assert_eq!(index.iter().count(), 0);
    }
}
