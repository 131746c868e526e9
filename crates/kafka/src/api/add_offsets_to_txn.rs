//! `AddOffsetsToTxn`: a producer says that its transaction will commit offsets of a group (KIP-98).
//!
//! | version | |
//! |---|---|
//! | 0–1 | |
//! | 2 | `PRODUCER_FENCED` |
//! | 3–4 | flexible; 4: `TRANSACTION_ABORTABLE` |

use thalweg_broker::{Producer, TransactionalId};
use thalweg_kafka_wire::ErrorCode;
use thalweg_kafka_wire::messages::{AddOffsetsToTxnRequest, AddOffsetsToTxnResponse};
use thalweg_types::{ProducerEpoch, ProducerId};

use super::transaction_errors::Transactions;
use crate::call::Call;

pub(super) async fn handle(call: Call, request: AddOffsetsToTxnRequest) -> AddOffsetsToTxnResponse {
    let error = add(&call, request).await.err().unwrap_or(ErrorCode::None);
    AddOffsetsToTxnResponse { throttle_time_ms: 0, error_code: error.code() }
}

async fn add(call: &Call, asked: AddOffsetsToTxnRequest) -> Result<(), ErrorCode> {
    let id = TransactionalId::new(&asked.transactional_id);
    let id = id.map_err(|_| ErrorCode::InvalidRequest)?;
    let producer =
        Producer::new(ProducerId(asked.producer_id), ProducerEpoch(asked.producer_epoch));
    let broker = call.broker();
    let added =
        broker.add_offsets_to_transaction(&call.session, id, producer, &asked.group_id).await;
    let errors = Transactions { fenced: call.version >= 2, abortable: call.version >= 4 };
    added.map_err(|error| errors.code_of(&error))
}
