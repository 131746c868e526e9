//! Offsets that are forgotten on demand: `OffsetDelete`, deleted groups, deleted topics.
//!
//! A tombstone ends the committed offset of a partition, and as in Kafka also what open transactions have
//! written of it so far: their end cannot bring it back.

use thalweg_types::TopicName;

use crate::classic::ClassicGroup;
use crate::context::Context;
use crate::offsets::{is_same_topic, offset_key};
use crate::record::Entry;
use crate::{DeletedTopic, GroupError, GroupId, OffsetDelete, PartitionResult, TopicPartitions};

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

/// Forgets the offsets of topics that are gone, but not of topics that have taken over their names. As
/// one tombstone ends them all, an offset of the topic before stays where one of the topic after is pending:
/// the transaction replaces it.
pub(crate) fn delete_topics(topics: &[DeletedTopic], cx: &mut Context) {
    let durable = cx.durable;
    for group_id in durable.offsets().keys().chain(durable.groups_to_be()) {
        for topic in topics {
            for partition in durable.partitions(group_id, &topic.name) {
                let mut ids = durable.topic_ids(group_id, &topic.name, partition);
                if ids.all(|id| is_same_topic(id, topic.id)) {
                    forget(group_id, &topic.name, partition, cx);
                }
            }
        }
    }
}

/// Forgets all offsets of a group.
pub(crate) fn delete_all(group_id: &GroupId, cx: &mut Context) {
    let durable = cx.durable;
    for topic in durable.topics_of(group_id) {
        for partition in durable.partitions(group_id, topic) {
            forget(group_id, topic, partition, cx);
        }
    }
}

/// Writes a tombstone for one offset, if there is one, committed or pending.
pub(crate) fn forget(group_id: &GroupId, topic: &TopicName, partition: i32, cx: &mut Context) {
    if cx.durable.topic_ids(group_id, topic, partition).next().is_some() {
        cx.write_tombstone(&Entry::Offset(offset_key(group_id, topic, partition), None));
    }
}
