//! What groups have of partitions.

use std::collections::BTreeMap;

use thalweg_types::TopicName;

use crate::GroupId;
use crate::record::OffsetKey;

/// A value for each partition of some topics.
pub(crate) type Topics<T> = BTreeMap<TopicName, BTreeMap<i32, T>>;

/// Values by group, topic and partition. No map inside is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ByPartition<T> {
    groups: BTreeMap<GroupId, Topics<T>>,
}

impl<T> Default for ByPartition<T> {
    fn default() -> Self {
        Self { groups: BTreeMap::new() }
    }
}

impl<T> ByPartition<T> {
    /// The groups that have a value of any partition.
    pub fn groups(&self) -> &BTreeMap<GroupId, Topics<T>> {
        &self.groups
    }

    pub fn get(&self, group_id: &GroupId, topic: &TopicName, partition: i32) -> Option<&T> {
        self.groups.get(group_id)?.get(topic)?.get(&partition)
    }

    pub fn get_mut(&mut self, key: &OffsetKey) -> Option<&mut T> {
        self.groups.get_mut(&key.group_id)?.get_mut(&key.topic)?.get_mut(&key.partition)
    }

    /// The partitions of a topic, of which the caller adds one at least.
    pub fn topic_mut(&mut self, key: &OffsetKey) -> &mut BTreeMap<i32, T> {
        let topics = self.groups.entry(key.group_id.clone()).or_default();
        topics.entry(key.topic.clone()).or_default()
    }

    pub fn remove(&mut self, key: &OffsetKey) -> Option<T> {
        let topics = self.groups.get_mut(&key.group_id)?;
        let partitions = topics.get_mut(&key.topic)?;
        let removed = partitions.remove(&key.partition);
        if partitions.is_empty() {
            topics.remove(&key.topic);
        }
        if topics.is_empty() {
            self.groups.remove(&key.group_id);
        }
        removed
    }
}
