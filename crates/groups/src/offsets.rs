//! Committed offsets: `OffsetCommit`, `OffsetFetch`, `OffsetDelete`, deleted topics.
//!
//! A client that assigns partitions to itself needs no members to commit: its "simple" group exists by
//! its offsets alone, and goes with the last of them.

use thalweg_types::{LeaderEpoch, Offset, Timestamp, TopicId, TopicName};

use crate::classic::ClassicGroup;
use crate::context::Context;
use crate::durable::{DurableState, GroupOffsets};
use crate::record::{Entry, OffsetKey};
use crate::{
    CommitPartition, CommittedOffset, DeletedTopic, FetchedOffset, GroupError, GroupId,
    OffsetCommit, OffsetDelete, OffsetFetch, PartitionResult, TopicPartitions,
};

/// Commits offsets, if the group or its absence allows it.
pub(crate) fn commit(
    group: Option<&mut ClassicGroup>,
    request: OffsetCommit,
    cx: &mut Context,
) -> Result<Vec<TopicPartitions<PartitionResult>>, GroupError> {
    match group {
        Some(group) => group.validate_commit(&request, cx)?,
        None => validate_simple_commit(&request, cx)?,
    }
    let expires_at = request.retention_ms.map(|ms| Timestamp(cx.wall().0.saturating_add(ms)));
    let room = cx.settings.offsets_max.saturating_sub(cx.durable.offset_count());
    let mut committer = Committer { group_id: request.group_id, expires_at, room };
    Ok(request.topics.into_iter().map(|topic| committer.commit_topic(topic, cx)).collect())
}

/// Whether a client may commit to a group that has no members and never had any.
fn validate_simple_commit(request: &OffsetCommit, cx: &Context) -> Result<(), GroupError> {
    let exists = cx.durable.offsets().contains_key(&request.group_id);
    match (request.generation < 0, exists) {
        (true, false) if cx.durable.offsets().len() >= cx.settings.groups_max => {
            Err(GroupError::CoordinatorNotAvailable)
        }
        (true, _) => Ok(()),
        (false, true) => Err(GroupError::UnknownMemberId),
        (false, false) if request.reports_missing_group => Err(GroupError::GroupIdNotFound),
        (false, false) => Err(GroupError::IllegalGeneration),
    }
}

/// One commit under way.
struct Committer {
    group_id: GroupId,
    expires_at: Option<Timestamp>,
    /// How many further offsets may come to exist.
    room: usize,
}

impl Committer {
    fn commit_topic(
        &mut self,
        topic: TopicPartitions<CommitPartition>,
        cx: &mut Context,
    ) -> TopicPartitions<PartitionResult> {
        let id = topic.id;
        topic.map(|name, item| PartitionResult {
            partition: item.partition,
            result: self.commit_partition(name, id, item, cx),
        })
    }

    fn commit_partition(
        &mut self,
        topic: &TopicName,
        topic_id: TopicId,
        item: CommitPartition,
        cx: &mut Context,
    ) -> Result<(), GroupError> {
        let metadata = item.metadata.unwrap_or_default();
        if is_longer_than(&metadata, cx.settings.offset_metadata_length_max) {
            return Err(GroupError::OffsetMetadataTooLarge);
        }
        let is_new = cx.durable.offset(&self.group_id, topic, item.partition).is_none();
        if is_new && self.room == 0 {
            return Err(GroupError::InvalidCommitOffsetSize);
        }
        let key = offset_key(&self.group_id, topic, item.partition);
        let offset = CommittedOffset {
            offset: item.offset,
            leader_epoch: item.leader_epoch,
            metadata,
            committed_at: cx.wall(),
            expires_at: self.expires_at,
            topic_id,
        };
        let entry = Entry::Offset(key, Some(offset));
        cx.write(&entry).map_err(|_| GroupError::InvalidCommitOffsetSize)?;
        self.room -= usize::from(is_new);
        Ok(())
    }
}

/// Compares as Kafka does, which counts UTF-16 units.
fn is_longer_than(text: &str, length_max: usize) -> bool {
    text.len() > length_max && text.encode_utf16().count() > length_max
}

/// The committed offsets that a request asks for. A group without offsets has none of them.
pub(crate) fn fetch(
    request: OffsetFetch,
    durable: &DurableState,
) -> Vec<TopicPartitions<FetchedOffset>> {
    let offsets = durable.offsets().get(&request.group_id);
    match request.topics {
        Some(topics) => topics.into_iter().map(|topic| fetch_topic(offsets, topic)).collect(),
        None => offsets.into_iter().flat_map(fetch_all).collect(),
    }
}

fn fetch_topic(
    offsets: Option<&GroupOffsets>,
    topic: TopicPartitions<i32>,
) -> TopicPartitions<FetchedOffset> {
    let stored = offsets.and_then(|offsets| offsets.get(&topic.name));
    let wanted = topic.id;
    topic.map(|_, partition| {
        let offset = stored.and_then(|partitions| partitions.get(&partition));
        fetched(partition, offset.filter(|offset| is_same_topic(offset.topic_id, wanted)))
    })
}

fn fetch_all(offsets: &GroupOffsets) -> impl Iterator<Item = TopicPartitions<FetchedOffset>> {
    offsets.iter().map(|(name, partitions)| TopicPartitions {
        name: name.clone(),
        id: TopicId::ZERO,
        partitions: partitions.iter().map(|(p, offset)| fetched(*p, Some(offset))).collect(),
    })
}

fn fetched(partition: i32, offset: Option<&CommittedOffset>) -> FetchedOffset {
    FetchedOffset {
        partition,
        offset: offset.map_or(Offset::NONE, |offset| offset.offset),
        leader_epoch: offset.map_or(LeaderEpoch::NONE, |offset| offset.leader_epoch),
        metadata: offset.map(|offset| offset.metadata.clone()).unwrap_or_default(),
        result: Ok(()),
    }
}

/// An id that is not told is any.
fn is_same_topic(a: TopicId, b: TopicId) -> bool {
    a.is_zero() || b.is_zero() || a == b
}

/// Forgets offsets of topics that the group does not read.
pub(crate) fn delete(
    group: Option<&ClassicGroup>,
    request: OffsetDelete,
    cx: &mut Context,
) -> Result<Vec<TopicPartitions<PartitionResult>>, GroupError> {
    match group {
        Some(group) => group.validate_offset_delete()?,
        None if cx.durable.knows(&request.group_id) => {}
        None => return Err(GroupError::GroupIdNotFound),
    }
    let group_id = request.group_id;
    let delete_topic = |topic: TopicPartitions<i32>| {
        let subscribed = group.is_some_and(|group| group.is_subscribed_to(topic.name.as_str()));
        topic.map(|name, partition| {
            let result = if subscribed {
                Err(GroupError::GroupSubscribedToTopic)
            } else {
                forget(&group_id, name, partition, cx);
                Ok(())
            };
            PartitionResult { partition, result }
        })
    };
    Ok(request.topics.into_iter().map(delete_topic).collect())
}

/// Forgets the offsets of topics that are gone, but not of topics that have taken over their names.
pub(crate) fn delete_topics(topics: &[DeletedTopic], cx: &mut Context) {
    let durable = cx.durable;
    for (group_id, offsets) in durable.offsets() {
        for topic in topics {
            let Some(partitions) = offsets.get(&topic.name) else { continue };
            let gone = partitions.iter().filter(|(_, o)| is_same_topic(o.topic_id, topic.id));
            for (partition, _) in gone {
                forget(group_id, &topic.name, *partition, cx);
            }
        }
    }
}

/// Forgets all offsets of a group.
pub(crate) fn delete_all(group_id: &GroupId, cx: &mut Context) {
    let durable = cx.durable;
    for (topic, partitions) in durable.offsets().get(group_id).into_iter().flatten() {
        for partition in partitions.keys() {
            forget(group_id, topic, *partition, cx);
        }
    }
}

/// Writes a tombstone for one offset, if there is an offset.
pub(crate) fn forget(group_id: &GroupId, topic: &TopicName, partition: i32, cx: &mut Context) {
    if cx.durable.offset(group_id, topic, partition).is_some() {
        cx.write_tombstone(&Entry::Offset(offset_key(group_id, topic, partition), None));
    }
}

fn offset_key(group_id: &GroupId, topic: &TopicName, partition: i32) -> OffsetKey {
    OffsetKey { group_id: group_id.clone(), topic: topic.clone(), partition }
}
