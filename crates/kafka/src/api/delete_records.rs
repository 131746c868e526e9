//! `DeleteRecords`: moves the log start offset.
//!
//! | version | |
//! |---|---|
//! | 0–1 | |
//! | 2 | flexible |
//!
//! - -1 means all that consumers can see.
//! - The new start is durable when the response says so.

use thalweg_broker::TopicKey;
use thalweg_kafka_wire::ErrorCode;
use thalweg_kafka_wire::messages::delete_records_request::DeleteRecordsPartition;
use thalweg_kafka_wire::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsTopicResult,
};
use thalweg_kafka_wire::messages::{DeleteRecordsRequest, DeleteRecordsResponse};
use thalweg_types::Offset;

use crate::call::Call;
use crate::error_code::{AsErrorCode, code_of};

/// The high watermark.
const ALL: i64 = -1;

pub(super) async fn handle(call: Call, request: DeleteRecordsRequest) -> DeleteRecordsResponse {
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for asked in topic.partitions {
            partitions.push(delete(&call, &topic.name, &asked).await);
        }
        topics.push(DeleteRecordsTopicResult { name: topic.name, partitions });
    }
    DeleteRecordsResponse { throttle_time_ms: 0, topics }
}

async fn delete(
    call: &Call,
    topic: &str,
    asked: &DeleteRecordsPartition,
) -> DeleteRecordsPartitionResult {
    let partition = asked.partition_index;
    let topic = TopicKey::Name(topic);
    let delete =
        |before| call.broker().delete_records(&call.session, topic, partition, before);
    let outcome = match asked.offset {
        ALL => delete(None).await.map_err(|error| error.error_code()),
        0.. => delete(Some(Offset(asked.offset))).await.map_err(|error| error.error_code()),
        _ => Err(ErrorCode::OffsetOutOfRange),
    };
    DeleteRecordsPartitionResult {
        partition_index: partition,
        error_code: code_of(&outcome),
        low_watermark: outcome.unwrap_or(Offset::NONE).0,
    }
}
