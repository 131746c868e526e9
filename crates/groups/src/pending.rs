//! Offsets that open transactions commit (KIP-98).
//!
//! The latest commit of a partition in the log wins, whichever transaction ends last. What waits for a
//! partition is therefore kept in the order of the log, and a commit that counts overtakes all that
//! waits before it. An offset that was overtaken is not needed any more; that its transaction is open still is,
//! for who asks for stable offsets.

use std::collections::{BTreeMap, BTreeSet};

use thalweg_types::{ProducerId, TopicName, TxnOutcome};

use crate::by_partition::{ByPartition, Topics};
use crate::record::OffsetKey;
use crate::{CommittedOffset, GroupId};

/// What one transaction commits of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PendingOffset {
    pub producer: ProducerId,
    /// `None` if a later commit counts already.
    pub offset: Option<CommittedOffset>,
}

/// The offsets of all open transactions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PendingOffsets {
    /// One offset for each producer, in the order of the log.
    waiting: ByPartition<Vec<PendingOffset>>,
    /// Where each producer's are.
    producers: BTreeMap<ProducerId, BTreeSet<OffsetKey>>,
    count: usize,
}

impl PendingOffsets {
    /// How many offsets wait, over all producers.
    pub fn count(&self) -> usize {
        self.count
    }

    /// What waits, by group, topic and partition.
    pub fn groups(&self) -> &BTreeMap<GroupId, Topics<Vec<PendingOffset>>> {
        self.waiting.groups()
    }

    /// True if a transaction commits this offset.
    pub fn contains(&self, group_id: &GroupId, topic: &TopicName, partition: i32) -> bool {
        self.waiting.get(group_id, topic, partition).is_some()
    }

    /// The offsets of one partition that a commit would still bring, the latest last.
    pub fn of_partition(
        &self,
        group_id: &GroupId,
        topic: &TopicName,
        partition: i32,
    ) -> impl Iterator<Item = &CommittedOffset> {
        let waiting = self.waiting.get(group_id, topic, partition);
        waiting.into_iter().flatten().filter_map(|pending| pending.offset.as_ref())
    }

    /// True if the transaction of `producer` commits this offset.
    pub fn is_of(&self, producer: ProducerId, key: &OffsetKey) -> bool {
        self.producers.get(&producer).is_some_and(|keys| keys.contains(key))
    }

    /// `producer` commits `offset` if its transaction is committed, in place of what it said before.
    pub fn put(&mut self, key: OffsetKey, producer: ProducerId, offset: CommittedOffset) {
        let waiting = self.waiting.topic_mut(&key).entry(key.partition).or_default();
        waiting.retain(|pending| pending.producer != producer);
        waiting.push(PendingOffset { producer, offset: Some(offset) });
        self.count += usize::from(self.producers.entry(producer).or_default().insert(key));
    }

    /// A commit that counts lies behind all that waits.
    pub fn overtake(&mut self, key: &OffsetKey) {
        for pending in self.waiting.get_mut(key).into_iter().flatten() {
            pending.offset = None;
        }
    }

    /// Transactions do not commit this offset any more.
    pub fn remove(&mut self, key: &OffsetKey) {
        for pending in self.waiting.remove(key).unwrap_or_default() {
            self.count -= 1;
            let Some(keys) = self.producers.get_mut(&pending.producer) else { continue };
            keys.remove(key);
            if keys.is_empty() {
                self.producers.remove(&pending.producer);
            }
        }
    }

    /// Ends the transaction of `producer`; returns what counts from now on.
    pub fn end(
        &mut self,
        producer: ProducerId,
        outcome: TxnOutcome,
    ) -> Vec<(OffsetKey, CommittedOffset)> {
        let keys = self.producers.remove(&producer).unwrap_or_default();
        self.count -= keys.len();
        let mut committed = Vec::new();
        for key in keys {
            if let Some(offset) = self.end_one(&key, producer, outcome) {
                committed.push((key, offset));
            }
        }
        committed
    }

    fn end_one(
        &mut self,
        key: &OffsetKey,
        producer: ProducerId,
        outcome: TxnOutcome,
    ) -> Option<CommittedOffset> {
        let waiting = self.waiting.get_mut(key)?;
        let place = waiting.iter().position(|pending| pending.producer == producer)?;
        let offset = waiting.remove(place).offset.filter(|_| outcome == TxnOutcome::Commit);
        if offset.is_some() {
            waiting[..place].iter_mut().for_each(|before| before.offset = None);
        }
        if waiting.is_empty() {
            self.waiting.remove(key);
        }
        offset
    }

    #[cfg(test)]
    pub fn assert_invariants(&self) {
        let mut producers: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for (group_id, topics) in self.groups() {
            assert!(!topics.is_empty());
            for (topic, partitions) in topics {
                assert!(!partitions.is_empty());
                for (partition, waiting) in partitions {
                    assert!(!waiting.is_empty());
                    assert!(waiting.is_sorted_by_key(|pending| pending.offset.is_some()));
                    for pending in waiting {
                        let key = crate::offsets::offset_key(group_id, topic, *partition);
                        let is_first = producers.entry(pending.producer).or_default().insert(key);
                        assert!(is_first, "a producer waits twice for one partition");
                    }
                }
            }
        }
        assert_eq!(producers, self.producers);
        assert_eq!(producers.values().map(BTreeSet::len).sum::<usize>(), self.count);
    }
}
