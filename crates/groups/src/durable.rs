//! What survives: the groups and offsets that the records say.

use std::collections::BTreeMap;

use thalweg_coordination::{Record, Skipped};
use thalweg_types::TopicName;

use crate::record::{Entry, OffsetKey};
use crate::{CommittedOffset, GroupId, GroupMetadata};

/// The committed offsets of a group, by topic and partition.
pub type GroupOffsets = BTreeMap<TopicName, BTreeMap<i32, CommittedOffset>>;

/// The durable half of a coordinator. It depends on the latest record of each key only, so that
/// compaction of the topic changes nothing, and replaying is its only mutation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DurableState {
    groups: BTreeMap<GroupId, GroupMetadata>,
    offsets: BTreeMap<GroupId, GroupOffsets>,
    offset_count: usize,
    skipped: Skipped,
}

impl DurableState {
    /// Makes `record` so. Live use and recovery come through here alike.
    pub(crate) fn replay(&mut self, record: &Record) {
        match Entry::decode(record) {
            Ok(Entry::Offset(key, Some(offset))) => self.put_offset(key, offset),
            Ok(Entry::Offset(key, None)) => self.remove_offset(&key),
            Ok(Entry::Group(group_id, Some(group))) => {
                self.groups.insert(group_id, group);
            }
            Ok(Entry::Group(group_id, None)) => {
                self.groups.remove(&group_id);
            }
            Err(reason) => self.skipped.count(reason),
        }
    }

    fn put_offset(&mut self, key: OffsetKey, offset: CommittedOffset) {
        let topics = self.offsets.entry(key.group_id).or_default();
        let before = topics.entry(key.topic).or_default().insert(key.partition, offset);
        self.offset_count += usize::from(before.is_none());
    }

    fn remove_offset(&mut self, key: &OffsetKey) {
        let Some(topics) = self.offsets.get_mut(&key.group_id) else { return };
        let Some(partitions) = topics.get_mut(&key.topic) else { return };
        self.offset_count -= usize::from(partitions.remove(&key.partition).is_some());
        if partitions.is_empty() {
            topics.remove(&key.topic);
        }
        if topics.is_empty() {
            self.offsets.remove(&key.group_id);
        }
    }

    /// The last complete generation of each group that ever had members or wanted some.
    pub fn groups(&self) -> &BTreeMap<GroupId, GroupMetadata> {
        &self.groups
    }

    /// The committed offsets of each group that has any.
    pub fn offsets(&self) -> &BTreeMap<GroupId, GroupOffsets> {
        &self.offsets
    }

    /// How many offsets are committed, over all groups.
    pub fn offset_count(&self) -> usize {
        self.offset_count
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
        self.offsets.get(group_id)?.get(topic)?.get(&partition)
    }

    /// True if a record tells of the group.
    pub fn knows(&self, group_id: &GroupId) -> bool {
        self.groups.contains_key(group_id) || self.offsets.contains_key(group_id)
    }
}
