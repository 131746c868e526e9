//! `InitProducerId`: who a producer is (KIP-98).
//!
//! | version | |
//! |---|---|
//! | 0–1 | |
//! | 2 | flexible |
//! | 3 | a transactional producer may name its id and epoch, to go on after an error (KIP-360) |
//! | 4–5 | 4: `PRODUCER_FENCED`; 5: `TRANSACTION_ABORTABLE` |
//!
//! - An id without an epoch, or the other way round, is refused.
//! - Without a transactional id every other request gets a new id and epoch 0, whatever it names: a producer
//!   raises its epoch itself.
//! - With one the answer fences whoever used that before; while a transaction of theirs is being ended
//!   it is `CONCURRENT_TRANSACTIONS`.

use thalweg_broker::{InitProducerId, Producer, TransactionalId};
use thalweg_kafka_wire::ErrorCode;
use thalweg_kafka_wire::messages::{InitProducerIdRequest, InitProducerIdResponse};
use thalweg_types::{ProducerEpoch, ProducerId};

use super::transaction_errors::Transactions;
use crate::call::Call;
use crate::error_code::AsErrorCode;

/// The first version with `PRODUCER_FENCED`.
const FENCED: i16 = 4;

const NOBODY: Producer = Producer::new(ProducerId::NONE, ProducerEpoch::NONE);

pub(super) async fn handle(call: Call, request: InitProducerIdRequest) -> InitProducerIdResponse {
    let names_half = (request.producer_id == NOBODY.id.0) != (request.producer_epoch == NOBODY.epoch.0);
    let outcome = match &request.transactional_id {
        _ if names_half => Err(ErrorCode::InvalidRequest),
        Some(id) => init_transactional(&call, id, &request).await,
        None => match call.broker().allocate_producer_id(&call.session).await {
            Ok((id, epoch)) => Ok(Producer::new(id, epoch)),
            Err(error) => Err(error.error_code()),
        },
    };
    let error_code = outcome.err().unwrap_or(ErrorCode::None).code();
    let Producer { id, epoch } = outcome.unwrap_or(NOBODY);
    InitProducerIdResponse {
        error_code,
        producer_id: id.0,
        producer_epoch: epoch.0,
        ..Default::default()
    }
}

async fn init_transactional(
    call: &Call,
    id: &str,
    asked: &InitProducerIdRequest,
) -> Result<Producer, ErrorCode> {
    let expected =
        Producer::new(ProducerId(asked.producer_id), ProducerEpoch(asked.producer_epoch));
    let Ok(transactional_id) = TransactionalId::new(id) else {
        return Err(ErrorCode::InvalidRequest);
    };
    let request = InitProducerId {
        transactional_id,
        timeout_ms: asked.transaction_timeout_ms,
        expected: (expected != NOBODY).then_some(expected),
    };
    let initialized = call.broker().init_transactions(&call.session, request).await;
    initialized.map_err(|error| Transactions::named(call.version >= FENCED).code(error))
}
