//! `ListTransactions`: the transactional ids of this broker (KIP-664).
//!
//! | version | |
//! |---|---|
//! | 0 | flexible |
//! | 1 | only those that have been open for longer than a time (KIP-994) |
//! | 2 | only those whose id matches a pattern (KIP-1152) |

use thalweg_broker::ListTransactions;
use thalweg_kafka_wire::messages::list_transactions_response::TransactionState;
use thalweg_kafka_wire::messages::{ListTransactionsRequest, ListTransactionsResponse};
use thalweg_types::ProducerId;

use crate::call::Call;
use crate::error_code::AsErrorCode;

pub(super) async fn handle(
    call: Call,
    request: ListTransactionsRequest,
) -> ListTransactionsResponse {
    let filters = ListTransactions {
        states: request.state_filters,
        producer_ids: request.producer_id_filters.into_iter().map(ProducerId).collect(),
        longer_than_ms: (request.duration_filter >= 0).then_some(request.duration_filter),
        pattern: request.transactional_id_pattern.filter(|pattern| !pattern.is_empty()),
    };
    let listing = call.broker().list_transactions(&call.session, filters).await;
    if let Some(error) = listing.error {
        let error_code = error.error_code().code();
        return ListTransactionsResponse { error_code, ..Default::default() };
    }
    let listed = listing.listed.transactions.into_iter().map(|transaction| TransactionState {
        transactional_id: transaction.transactional_id.to_string(),
        producer_id: transaction.producer_id.0,
        transaction_state: transaction.state.as_str().to_owned(),
    });
    ListTransactionsResponse {
        throttle_time_ms: 0,
        error_code: 0,
        unknown_state_filters: listing.listed.unknown_states,
        transaction_states: listed.collect(),
    }
}
