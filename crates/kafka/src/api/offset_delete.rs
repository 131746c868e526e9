//! `OffsetDelete`: forgets committed offsets of topics that the group does not read (KIP-496).
//!
//! | version | |
//! |---|---|
//! | 0 | |

use thalweg_broker::{CommitOutcome, OffsetDelete, TopicPartitions};
use thalweg_kafka_wire::ErrorCode;
use thalweg_kafka_wire::messages::offset_delete_request::OffsetDeleteRequestTopic;
use thalweg_kafka_wire::messages::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use thalweg_kafka_wire::messages::{OffsetDeleteRequest, OffsetDeleteResponse};
use thalweg_types::{TopicId, TopicName};

use crate::call::Call;
use crate::error_code::{AsErrorCode, code_of};

pub(super) async fn handle(call: Call, request: OffsetDeleteRequest) -> OffsetDeleteResponse {
    let mut topics = Vec::new();
    let mut known = Vec::new();
    for topic in request.topics {
        match TopicName::new(&topic.name) {
            Ok(name) => known.push(TopicPartitions {
                name,
                id: TopicId::ZERO,
                partitions: topic.partitions.iter().map(|asked| asked.partition_index).collect(),
            }),
            Err(_) => topics.push(refused(topic)),
        }
    }
    let delete = OffsetDelete { group_id: request.group_id.into(), topics: known };
    match call.broker().delete_offsets(&call.session, delete).await {
        Ok(outcomes) => {
            topics.extend(outcomes.into_iter().map(answer));
            OffsetDeleteResponse { topics, ..Default::default() }
        }
        Err(error) => {
            OffsetDeleteResponse { error_code: error.error_code().code(), ..Default::default() }
        }
    }
}

fn answer(topic: TopicPartitions<CommitOutcome>) -> OffsetDeleteResponseTopic {
    let partitions = topic.partitions.iter().map(|outcome| OffsetDeleteResponsePartition {
        partition_index: outcome.partition,
        error_code: code_of(&outcome.result),
    });
    OffsetDeleteResponseTopic { partitions: partitions.collect(), name: topic.name.into() }
}

fn refused(topic: OffsetDeleteRequestTopic) -> OffsetDeleteResponseTopic {
    let partitions = topic.partitions.iter().map(|asked| OffsetDeleteResponsePartition {
        partition_index: asked.partition_index,
        error_code: ErrorCode::UnknownTopicOrPartition.code(),
    });
    OffsetDeleteResponseTopic { partitions: partitions.collect(), name: topic.name }
}
