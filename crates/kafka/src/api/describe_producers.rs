//! `DescribeProducers`: who writes to a partition with a producer id (KIP-664).
//!
//! | version | |
//! |---|---|
//! | 0 | flexible |

use thalweg_broker::{ProducerState as Known, TopicKey};
use thalweg_kafka_wire::messages::describe_producers_request::TopicRequest;
use thalweg_kafka_wire::messages::describe_producers_response::{
    PartitionResponse, ProducerState, TopicResponse,
};
use thalweg_kafka_wire::messages::{DescribeProducersRequest, DescribeProducersResponse};
use thalweg_types::{Offset, ProducerId, Sequence};

use crate::call::Call;
use crate::error_code::{code_of, message_of};

pub(super) async fn handle(
    call: Call,
    request: DescribeProducersRequest,
) -> DescribeProducersResponse {
    let topics = request.topics.into_iter().map(|topic| describe(&call, topic));
    DescribeProducersResponse { throttle_time_ms: 0, topics: topics.collect() }
}

fn describe(call: &Call, asked: TopicRequest) -> TopicResponse {
    let partitions = asked.partition_indexes.iter().map(|&partition_index| {
        let topic = TopicKey::Name(&asked.name);
        let outcome = call.broker().producers(&call.session, topic, partition_index);
        PartitionResponse {
            partition_index,
            error_code: code_of(&outcome),
            error_message: message_of(&outcome),
            active_producers: outcome.unwrap_or_default().iter().map(state).collect(),
        }
    });
    TopicResponse { partitions: partitions.collect(), name: asked.name }
}

fn state((id, producer): &(ProducerId, Known)) -> ProducerState {
    let last = producer.batches.back();
    ProducerState {
        producer_id: id.0,
        producer_epoch: producer.epoch.0.into(),
        last_sequence: last.map_or(Sequence::NONE, |batch| batch.last_sequence).0,
        last_timestamp: producer.last_timestamp().0,
        coordinator_epoch: producer.coordinator_epoch,
        current_txn_start_offset: producer.open.map_or(Offset::NONE, |open| open.first_offset).0,
    }
}
