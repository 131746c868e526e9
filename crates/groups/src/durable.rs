//! What survives: the groups and offsets that the records say.

use std::collections::{BTreeMap, BTreeSet};

use thalweg_coordination::{DecodeError, Record, Skipped};
use thalweg_types::{ProducerId, TopicId, TopicName, TxnOutcome};

use crate::by_partition::ByPartition;
use crate::pending::PendingOffsets;
use crate::record::{Entry, OffsetKey};
use crate::{CommittedOffset, GroupId, GroupMetadata};

/// The committed offsets of a group, by topic and partition.
pub type GroupOffsets = BTreeMap<TopicName, BTreeMap<i32, CommittedOffset>>;

const NOT_TRANSACTIONAL: DecodeError =
    DecodeError::Contradiction("within transactions offsets are committed, nothing else");

/// The durable half of a coordinator. It depends on the log only: on the latest record of each key among
/// those that count, and on what open transactions have written. So compaction of the topic changes
/// nothing. Replaying is its only mutation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DurableState {
    groups: BTreeMap<GroupId, GroupMetadata>,
    offsets: ByPartition<CommittedOffset>,
    offset_count: usize,
    pending: PendingOffsets,
    skipped: Skipped,
}

impl DurableState {
    /// Makes `record` so, at once or when its transaction is committed. Live use and recovery come
    /// through here alike.
    pub(crate) fn replay(&mut self, record: &Record, transaction: Option<ProducerId>) {
        match (Entry::decode(record), transaction) {
            (Ok(Entry::Offset(key, Some(offset))), Some(producer)) => {
                self.pending.put(key, producer, offset);
            }
            (Ok(_), Some(_)) => self.skipped.count(NOT_TRANSACTIONAL),
            (Ok(entry), None) => self.apply(entry),
            (Err(reason), _) => self.skipped.count(reason),
        }
    }

    fn apply(&mut self, entry: Entry) {
        match entry {
            Entry::Offset(key, Some(offset)) => {
                self.pending.overtake(&key);
                self.put_offset(&key, offset);
            }
            Entry::Offset(key, None) => {
                self.pending.remove(&key);
                self.offset_count -= usize::from(self.offsets.remove(&key).is_some());
            }
            Entry::Group(group_id, Some(group)) => {
                self.groups.insert(group_id, group);
            }
            Entry::Group(group_id, None) => {
                self.groups.remove(&group_id);
            }
        }
    }

    /// Makes the end of a transaction so: what it wrote counts now, or never has.
    pub(crate) fn end(&mut self, producer: ProducerId, outcome: TxnOutcome) {
        for (key, offset) in self.pending.end(producer, outcome) {
            self.put_offset(&key, offset);
        }
    }

    fn put_offset(&mut self, key: &OffsetKey, offset: CommittedOffset) {
        let before = self.offsets.topic_mut(key).insert(key.partition, offset);
        self.offset_count += usize::from(before.is_none());
    }

    /// The last complete generation of each group that ever had members or wanted some.
    pub fn groups(&self) -> &BTreeMap<GroupId, GroupMetadata> {
        &self.groups
    }

    /// The committed offsets of each group that has any.
    pub fn offsets(&self) -> &BTreeMap<GroupId, GroupOffsets> {
        self.offsets.groups()
    }

    /// How many offsets are committed, over all groups.
    pub fn offset_count(&self) -> usize {
        self.offset_count
    }

    /// How many offsets open transactions commit, over all groups and transactions.
    pub fn pending_count(&self) -> usize {
        self.pending.count()
    }

    /// Records that could not be replayed.
    pub fn skipped(&self) -> Skipped {
        self.skipped
    }

    /// The committed offset of one partition.
    pub fn offset(
        &self,
        group_id: &GroupId,
        topic: &TopicName,
        partition: i32,
    ) -> Option<&CommittedOffset> {
        self.offsets.get(group_id, topic, partition)
    }

    /// True if a record tells of the group.
    pub fn knows(&self, group_id: &GroupId) -> bool {
        self.groups.contains_key(group_id) || self.has_offsets(group_id)
    }

    /// True if the group has offsets, committed or pending.
    pub(crate) fn has_offsets(&self, group_id: &GroupId) -> bool {
        self.offsets().contains_key(group_id) || self.pending.groups().contains_key(group_id)
    }

    /// The groups of which only open transactions know.
    pub(crate) fn groups_to_be(&self) -> impl Iterator<Item = &GroupId> {
        self.pending.groups().keys().filter(|id| !self.offsets().contains_key(*id))
    }

    /// What open transactions commit.
    pub(crate) fn pending(&self) -> &PendingOffsets {
        &self.pending
    }

    /// The topics that the group has offsets of, committed or pending.
    pub(crate) fn topics_of(&self, group_id: &GroupId) -> BTreeSet<&TopicName> {
        let committed = self.offsets().get(group_id).into_iter().flat_map(BTreeMap::keys);
        let pending = self.pending.groups().get(group_id).into_iter().flat_map(BTreeMap::keys);
        committed.chain(pending).collect()
    }

    /// The partitions of a topic that the group has offsets of, committed or pending.
    pub(crate) fn partitions(&self, group_id: &GroupId, topic: &TopicName) -> BTreeSet<i32> {
        let committed = self.offsets().get(group_id).and_then(|topics| topics.get(topic));
        let pending = self.pending.groups().get(group_id).and_then(|topics| topics.get(topic));
        let committed = committed.into_iter().flat_map(BTreeMap::keys);
        committed.chain(pending.into_iter().flat_map(BTreeMap::keys)).copied().collect()
    }

    /// The incarnations of the topic that offsets of one partition are of, committed or pending.
    pub(crate) fn topic_ids(
        &self,
        group_id: &GroupId,
        topic: &TopicName,
        partition: i32,
    ) -> impl Iterator<Item = TopicId> {
        let committed = self.offset(group_id, topic, partition);
        let pending = self.pending.of_partition(group_id, topic, partition);
        committed.into_iter().chain(pending).map(|offset| offset.topic_id)
    }

    #[cfg(test)]
    pub(crate) fn assert_invariants(&self) {
        self.pending.assert_invariants();
        let committed = self.offsets().values().flat_map(BTreeMap::values).map(BTreeMap::len);
        assert_eq!(committed.sum::<usize>(), self.offset_count);
    }

    /// The topics that offsets are of, committed or pending, each perhaps many times. An id may be zero.
    pub fn topics(&self) -> impl Iterator<Item = (&TopicName, TopicId)> {
        let committed = self.offsets().values().flatten().flat_map(|(name, partitions)| {
            partitions.values().map(move |offset| (name, offset.topic_id))
        });
        let pending = self.pending.groups().values().flatten().flat_map(|(name, partitions)| {
            let waiting = partitions.values().flatten();
            waiting.filter_map(move |pending| Some((name, pending.offset.as_ref()?.topic_id)))
        });
        committed.chain(pending)
    }
}
