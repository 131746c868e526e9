//! `DescribeTransactions`: what coordinators know of transactional ids (KIP-664).
//!
//! | version | |
//! |---|---|
//! | 0 | flexible |

use thalweg_broker::{DescribedTransaction, TransactionError};
use thalweg_kafka_wire::messages::describe_transactions_response::{TopicData, TransactionState};
use thalweg_kafka_wire::messages::{DescribeTransactionsRequest, DescribeTransactionsResponse};

use crate::call::Call;
use crate::error_code::AsErrorCode;

pub(super) async fn handle(
    call: Call,
    request: DescribeTransactionsRequest,
) -> DescribeTransactionsResponse {
    let described = call.broker().describe_transactions(&call.session, request.transactional_ids);
    let states = described.await.into_iter().map(|(id, described)| state(id, described));
    DescribeTransactionsResponse { throttle_time_ms: 0, transaction_states: states.collect() }
}

fn state(
    transactional_id: String,
    described: Result<DescribedTransaction, TransactionError>,
) -> TransactionState {
    match described.and_then(|transaction| transaction.result) {
        Ok(known) => TransactionState {
            error_code: 0,
            transactional_id,
            transaction_state: known.state.as_str().to_owned(),
            transaction_timeout_ms: known.timeout_ms,
            transaction_start_time_ms: known.started_at.0,
            producer_id: known.producer.id.0,
            producer_epoch: known.producer.epoch.0,
            topics: known
                .partitions
                .into_iter()
                .map(|(topic, partitions)| TopicData {
                    topic: topic.into(),
                    partitions: partitions.into_iter().collect(),
                })
                .collect(),
        },
        Err(error) => TransactionState {
            error_code: error.error_code().code(),
            transactional_id,
            ..Default::default()
        },
    }
}
