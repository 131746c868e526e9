//! `WriteTxnMarkers`: ends a transaction in partitions, whatever its coordinator thinks. Administrators
//! end with it what nobody else ends (KIP-664).
//!
//! | version | |
//! |---|---|
//! | 1 | flexible |
//! | 2 | which protocol the transaction follows, and so which epochs are right (KIP-890) |

use thalweg_broker::{EndedPartition, MarkerRequest, Producer};
use thalweg_kafka_wire::messages::write_txn_markers_request::WritableTxnMarker;
use thalweg_kafka_wire::messages::write_txn_markers_response::{
    WritableTxnMarkerPartitionResult, WritableTxnMarkerResult, WritableTxnMarkerTopicResult,
};
use thalweg_kafka_wire::messages::{WriteTxnMarkersRequest, WriteTxnMarkersResponse};
use thalweg_types::{ProducerEpoch, ProducerId, TxnOutcome};

use crate::call::Call;
use crate::error_code::{AsErrorCode, code_of};

/// The first version of the protocol with an epoch for every transaction.
const NEW_EPOCH: i8 = 2;

pub(super) async fn handle(call: Call, request: WriteTxnMarkersRequest) -> WriteTxnMarkersResponse {
    let mut markers = Vec::with_capacity(request.markers.len());
    for marker in request.markers {
        let producer_id = marker.producer_id;
        let topics = by_topic(&write(&call, marker).await);
        markers.push(WritableTxnMarkerResult { producer_id, topics });
    }
    WriteTxnMarkersResponse { markers }
}

type Results = Vec<(String, i32, i16)>;

async fn write(call: &Call, asked: WritableTxnMarker) -> Results {
    let named = asked.topics.iter().flat_map(|topic| {
        topic.partition_indexes.iter().map(|partition| (topic.name.clone(), *partition))
    });
    let partitions: Vec<(String, i32)> = named.collect();
    let request = MarkerRequest {
        producer: Producer::new(ProducerId(asked.producer_id), ProducerEpoch(asked.producer_epoch)),
        outcome: if asked.transaction_result { TxnOutcome::Commit } else { TxnOutcome::Abort },
        coordinator_epoch: asked.coordinator_epoch,
        new_epoch: asked.transaction_version >= NEW_EPOCH,
        partitions: partitions.clone(),
    };
    match call.broker().write_markers(&call.session, request).await {
        Ok(ended) => {
            let result = |ended: EndedPartition| {
                let code = code_of(&ended.result);
                (ended.topic, ended.partition, code)
            };
            ended.into_iter().map(result).collect()
        }
        Err(error) => {
            let code = error.error_code().code();
            partitions.into_iter().map(|(topic, partition)| (topic, partition, code)).collect()
        }
    }
}

/// Neighbours of one topic share its entry.
fn by_topic(results: &Results) -> Vec<WritableTxnMarkerTopicResult> {
    let entry = |neighbours: &[(String, i32, i16)]| {
        let results = neighbours.iter().map(|(_, number, error_code)| {
            WritableTxnMarkerPartitionResult { partition_index: *number, error_code: *error_code }
        });
        WritableTxnMarkerTopicResult {
            name: neighbours[0].0.clone(),
            partitions: results.collect(),
        }
    };
    results.chunk_by(|one, next| one.0 == next.0).map(entry).collect()
}
