//! `InitProducerId`: an id for an idempotent producer (KIP-98).
//!
//! | version | |
//! |---|---|
//! | 0–1 | |
//! | 2 | flexible |
//! | 3 | a transactional producer may name its id and epoch (KIP-360) |
//! | 4–5 | errors of transactions |
//!
//! - Without a transactional id every request gets a new id and epoch 0, whatever it names: a producer
//!   raises its epoch itself.
//! - With one the answer is `INVALID_REQUEST`: there is no coordinator of transactions yet. Clients
//!   hear so from `FindCoordinator` first.

use thalweg_kafka_wire::ErrorCode;
use thalweg_kafka_wire::messages::{InitProducerIdRequest, InitProducerIdResponse};
use thalweg_types::{ProducerEpoch, ProducerId};

use crate::call::Call;
use crate::error_code::AsErrorCode;

pub(super) async fn handle(call: Call, request: InitProducerIdRequest) -> InitProducerIdResponse {
    let outcome = match request.transactional_id {
        Some(_) => Err(ErrorCode::InvalidRequest),
        None => call.broker().allocate_producer_id(&call.session).await.map_err(|error| error.error_code()),
    };
    let error_code = outcome.as_ref().map_or_else(|error| error.code(), |_| 0);
    let (id, epoch) = outcome.unwrap_or((ProducerId::NONE, ProducerEpoch::NONE));
    InitProducerIdResponse {
        error_code,
        producer_id: id.0,
        producer_epoch: epoch.0,
        ..Default::default()
    }
}
