//! `OffsetCommit`: stores how far a group has read.
//!
//! | version | |
//! |---|---|
//! | 2–4 | the oldest of Kafka 4 (KIP-896); how long to keep the offsets; 3: throttle time |
//! | 5 | the broker decides how long (KIP-211) |
//! | 6 | leader epochs (KIP-320) |
//! | 7 | static members (KIP-345) |
//! | 8 | flexible |
//! | 9 | groups of the consumer protocol; a missing group is `GROUP_ID_NOT_FOUND` (KIP-848) |
//! | 10 | topics are named by their ids |
//!
//! - Committed is durable.
//! - An error of the group is the answer for every partition.

use thalweg_broker::{CommitPartition, OffsetCommit, TopicPartitions};
use thalweg_kafka_wire::ErrorCode;
use thalweg_kafka_wire::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use thalweg_kafka_wire::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use thalweg_kafka_wire::messages::{OffsetCommitRequest, OffsetCommitResponse};
use thalweg_types::{LeaderEpoch, Offset, TopicId};

use super::commit_answers::answers;
use super::topic_names::{TopicNaming, resolve};
use crate::call::Call;
use crate::error_code::AsErrorCode;

/// The first version that names topics by their ids.
const BY_TOPIC_ID: i16 = 10;
/// The first version that tells a missing group from a wrong generation.
const MISSING_GROUP: i16 = 9;

pub(super) async fn handle(call: Call, request: OffsetCommitRequest) -> OffsetCommitResponse {
    let mut topics = Vec::new();
    let mut known = Vec::new();
    let naming = TopicNaming::new(call.version >= BY_TOPIC_ID);
    for topic in request.topics {
        match resolve(&call, naming, &topic.name, TopicId(topic.topic_id)) {
            Ok((name, id)) => {
                let partitions = topic.partitions.iter().map(partition).collect();
                known.push(TopicPartitions { name, id, partitions });
            }
            Err(error) => topics.push(refused(topic, error)),
        }
    }
    let commit = OffsetCommit {
        group_id: request.group_id.into(),
        generation: request.generation_id_or_member_epoch,
        member_id: request.member_id.into(),
        instance_id: request.group_instance_id.map(Into::into),
        retention_ms: (request.retention_time_ms >= 0).then_some(request.retention_time_ms),
        reports_missing_group: call.version >= MISSING_GROUP,
        topics: known,
    };
    let committed = call.broker().commit_offsets(&call.session, commit).await;
    let answers = answers(committed, AsErrorCode::error_code);
    topics.extend(answers.into_iter().map(|topic| answer(naming, topic)));
    OffsetCommitResponse { throttle_time_ms: 0, topics }
}

fn partition(asked: &OffsetCommitRequestPartition) -> CommitPartition {
    CommitPartition {
        partition: asked.partition_index,
        offset: Offset(asked.committed_offset),
        leader_epoch: LeaderEpoch(asked.committed_leader_epoch),
        metadata: asked.committed_metadata.clone(),
    }
}

fn answer(
    naming: TopicNaming,
    topic: TopicPartitions<(i32, i16)>,
) -> OffsetCommitResponseTopic {
    let (name, topic_id) = naming.on_the_wire(topic.name, topic.id);
    let partitions = topic.partitions.into_iter().map(|(partition_index, error_code)| {
        OffsetCommitResponsePartition { partition_index, error_code }
    });
    OffsetCommitResponseTopic { name, topic_id: topic_id.0, partitions: partitions.collect() }
}

fn refused(topic: OffsetCommitRequestTopic, error: ErrorCode) -> OffsetCommitResponseTopic {
    let partitions = topic.partitions.iter().map(|asked| OffsetCommitResponsePartition {
        partition_index: asked.partition_index,
        error_code: error.code(),
    });
    OffsetCommitResponseTopic {
        partitions: partitions.collect(),
        name: topic.name,
        topic_id: topic.topic_id,
    }
}
