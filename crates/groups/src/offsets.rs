//! Committed offsets: `OffsetCommit`, `TxnOffsetCommit`, `OffsetFetch`.
//!
//! A client that assigns partitions to itself needs no members to commit: its "simple" group exists by
//! its offsets alone, and goes with the last of them.

use thalweg_coordination::Producer;
use thalweg_types::{LeaderEpoch, Offset, Timestamp, TopicId, TopicName};

use crate::by_partition::Topics;
use crate::classic::ClassicGroup;
use crate::context::Context;
use crate::durable::{DurableState, GroupOffsets};
use crate::pending::PendingOffset;
use crate::record::{Entry, OffsetKey};
use crate::{
    CommitPartition, CommittedOffset, FetchedOffset, GroupError, GroupId, OffsetCommit,
    OffsetFetch, PartitionResult, TopicPartitions, TxnOffsetCommit,
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
    Ok(store(None, request, cx))
}

/// Commits offsets within a transaction, if the group or its absence allows it.
pub(crate) fn commit_within(
    group: Option<&ClassicGroup>,
    request: TxnOffsetCommit,
    cx: &mut Context,
) -> Result<Vec<TopicPartitions<PartitionResult>>, GroupError> {
    let TxnOffsetCommit { producer, commit } = request;
    match group {
        Some(group) => group.validate_txn_commit(&commit)?,
        None => validate_simple_commit(&commit, cx)?,
    }
    Ok(store(Some(producer), commit, cx))
}

fn store(
    transaction: Option<Producer>,
    request: OffsetCommit,
    cx: &mut Context,
) -> Vec<TopicPartitions<PartitionResult>> {
    let expires_at = request.retention_ms.map(|ms| Timestamp(cx.wall().0.saturating_add(ms)));
    let stored = cx.durable.offset_count() + cx.durable.pending_count();
    let room = cx.settings.offsets_max.saturating_sub(stored);
    let mut committer = Committer { transaction, group_id: request.group_id, expires_at, room };
    request.topics.into_iter().map(|topic| committer.commit_topic(topic, cx)).collect()
}

/// Whether a client may commit to a group that has no members and never had any.
fn validate_simple_commit(request: &OffsetCommit, cx: &Context) -> Result<(), GroupError> {
    let exists = cx.durable.has_offsets(&request.group_id);
    let groups = || cx.durable.offsets().len() + cx.durable.groups_to_be().count();
    match (request.generation < 0, exists) {
        (true, false) if groups() >= cx.settings.groups_max => {
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
    transaction: Option<Producer>,
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
        let key = offset_key(&self.group_id, topic, item.partition);
        let is_new = match self.transaction {
            Some(producer) => !cx.durable.pending().is_of(producer.id, &key),
            None => cx.durable.offset(&self.group_id, topic, item.partition).is_none(),
        };
        if is_new && self.room == 0 {
            return Err(GroupError::InvalidCommitOffsetSize);
        }
        let offset = CommittedOffset {
            offset: item.offset,
            leader_epoch: item.leader_epoch,
            metadata,
            committed_at: cx.wall(),
            expires_at: self.expires_at,
            topic_id,
        };
        let entry = Entry::Offset(key, Some(offset));
        cx.write_within(self.transaction, &entry)
            .map_err(|_| GroupError::InvalidCommitOffsetSize)?;
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
    let OffsetFetch { group_id, topics, require_stable } = request;
    let committed = durable.offsets().get(&group_id);
    let pending = durable.pending().groups().get(&group_id).filter(|_| require_stable);
    let fetch_one = |topic| fetch_topic(committed, pending, topic);
    match topics {
        Some(topics) => topics.into_iter().map(fetch_one).collect(),
        None => committed.into_iter().flat_map(all_partitions).map(fetch_one).collect(),
    }
}

/// What a request for everything asks for. As in Kafka, that is what is committed: offsets that are only
/// pending are not among it.
fn all_partitions(committed: &GroupOffsets) -> impl Iterator<Item = TopicPartitions<i32>> {
    committed.iter().map(|(name, partitions)| TopicPartitions {
        name: name.clone(),
        id: TopicId::ZERO,
        partitions: partitions.keys().copied().collect(),
    })
}

fn fetch_topic(
    committed: Option<&GroupOffsets>,
    pending: Option<&Topics<Vec<PendingOffset>>>,
    topic: TopicPartitions<i32>,
) -> TopicPartitions<FetchedOffset> {
    let committed = committed.and_then(|topics| topics.get(&topic.name));
    let pending = pending.and_then(|topics| topics.get(&topic.name));
    let wanted = topic.id;
    topic.map(|_, partition| {
        if pending.is_some_and(|partitions| partitions.contains_key(&partition)) {
            return fetched(partition, None, Err(GroupError::UnstableOffsetCommit));
        }
        let offset = committed.and_then(|partitions| partitions.get(&partition));
        fetched(partition, offset.filter(|offset| is_same_topic(offset.topic_id, wanted)), Ok(()))
    })
}

fn fetched(
    partition: i32,
    offset: Option<&CommittedOffset>,
    result: Result<(), GroupError>,
) -> FetchedOffset {
    FetchedOffset {
        partition,
        offset: offset.map_or(Offset::NONE, |offset| offset.offset),
        leader_epoch: offset.map_or(LeaderEpoch::NONE, |offset| offset.leader_epoch),
        metadata: offset.map(|offset| offset.metadata.clone()).unwrap_or_default(),
        result,
    }
}

/// An id that is not told is any.
pub(crate) fn is_same_topic(a: TopicId, b: TopicId) -> bool {
    a.is_zero() || b.is_zero() || a == b
}

pub(crate) fn offset_key(group_id: &GroupId, topic: &TopicName, partition: i32) -> OffsetKey {
    OffsetKey { group_id: group_id.clone(), topic: topic.clone(), partition }
}
