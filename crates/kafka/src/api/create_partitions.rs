//! `CreatePartitions`: gives topics more partitions.
//!
//! | version | |
//! |---|---|
//! | 0–1 | |
//! | 2 | flexible |
//! | 3 | quotas may refuse (KIP-599) |

use thalweg_kafka_wire::ErrorCode;
use thalweg_kafka_wire::messages::create_partitions_request::CreatePartitionsTopic;
use thalweg_kafka_wire::messages::create_partitions_response::CreatePartitionsTopicResult;
use thalweg_kafka_wire::messages::{CreatePartitionsRequest, CreatePartitionsResponse};
use thalweg_types::BrokerId;

use super::duplicates::named_twice;
use crate::call::Call;
use crate::error_code::{code_of, message_of};

pub(super) async fn handle(
    call: Call,
    request: CreatePartitionsRequest,
) -> CreatePartitionsResponse {
    let twice = named_twice(request.topics.iter().map(|topic| topic.name.clone()));
    let mut results: Vec<_> = twice.iter().map(|name| refused_twice(name)).collect();
    for topic in request.topics {
        if !twice.contains(&topic.name) {
            results.push(add(&call, topic, request.validate_only).await);
        }
    }
    CreatePartitionsResponse { throttle_time_ms: 0, results }
}

async fn add(
    call: &Call,
    topic: CreatePartitionsTopic,
    validate_only: bool,
) -> CreatePartitionsTopicResult {
    let brokers = |ids: Vec<i32>| ids.into_iter().map(BrokerId).collect();
    let assignments = topic.assignments.map(|assignments| {
        assignments.into_iter().map(|assignment| brokers(assignment.broker_ids)).collect()
    });
    let CreatePartitionsTopic { name, count, .. } = topic;
    let outcome = call
        .broker()
        .add_partitions(&call.session, &name, count, assignments, validate_only)
        .await;
    CreatePartitionsTopicResult {
        name,
        error_code: code_of(&outcome),
        error_message: message_of(&outcome),
    }
}

fn refused_twice(name: &str) -> CreatePartitionsTopicResult {
    CreatePartitionsTopicResult {
        name: name.to_owned(),
        error_code: ErrorCode::InvalidRequest.code(),
        error_message: Some("the request names the topic more than once".to_owned()),
    }
}
