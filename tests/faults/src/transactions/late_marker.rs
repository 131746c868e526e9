//! A marker of the transaction before that comes late, as one of a coordinator that has waited for long:
//! it has the epoch that the producer has now, and must not end what that has begun (KIP-890).

use thalweg_kafka_wire::ErrorCode;
use thalweg_kafka_wire::messages::describe_producers_request::TopicRequest;
use thalweg_kafka_wire::messages::describe_producers_response::ProducerState;
use thalweg_kafka_wire::messages::write_txn_markers_request::{
    WritableTxnMarker, WritableTxnMarkerTopic,
};
use thalweg_kafka_wire::messages::{DescribeProducersRequest, WriteTxnMarkersRequest};

use super::line::Over;
use super::session::Session;
use super::shared::Counts;

/// The protocol with an epoch for every transaction.
const NEW_EPOCH: i8 = 2;

/// Sends one to each of `partitions` in which the session's transaction is open.
pub async fn send(
    session: &mut Session,
    topic: &str,
    partitions: &[i32],
    counts: &Counts,
) -> Result<(), Over> {
    let producers = DescribeProducersRequest {
        topics: vec![TopicRequest {
            name: topic.to_owned(),
            partition_indexes: partitions.to_vec(),
        }],
    };
    let Some(described) = session.line.ask(&producers).await? else { return Ok(()) };
    for partition in described.topics.iter().flat_map(|topic| &topic.partitions) {
        let is_open = |state: &&ProducerState| {
            state.producer_id == session.who.id.0
                && state.producer_epoch == i32::from(session.who.epoch.0)
                && state.current_txn_start_offset >= 0
        };
        let Some(state) = partition.active_producers.iter().find(is_open) else { continue };
        let request = marker(session, topic, partition.partition_index, state.coordinator_epoch);
        let Some(answer) = session.line.ask(&request).await? else { return Ok(()) };
        let ended = answer.markers.iter().flat_map(|marker| &marker.topics);
        for result in ended.flat_map(|topic| &topic.partitions) {
            if result.error_code == ErrorCode::InvalidProducerEpoch.code() {
                Counts::add(&counts.late_markers);
            }
        }
    }
    Ok(())
}

fn marker(
    session: &Session,
    topic: &str,
    partition: i32,
    coordinator_epoch: i32,
) -> WriteTxnMarkersRequest {
    let topic =
        WritableTxnMarkerTopic { name: topic.to_owned(), partition_indexes: vec![partition] };
    WriteTxnMarkersRequest {
        markers: vec![WritableTxnMarker {
            producer_id: session.who.id.0,
            producer_epoch: session.who.epoch.0,
            transaction_result: true,
            topics: vec![topic],
            coordinator_epoch,
            transaction_version: NEW_EPOCH,
        }],
    }
}
