//! `EndTxn`: a producer commits or aborts (KIP-98).
//!
//! | version | |
//! |---|---|
//! | 0–1 | |
//! | 2 | `PRODUCER_FENCED` |
//! | 3–4 | flexible; 4: `TRANSACTION_ABORTABLE` |
//! | 5 | the producer goes on with another epoch, perhaps another id (KIP-890 part 2) |
//!
//! - The answer comes when the outcome is durable. Its markers follow, and with them what readers see.

use thalweg_broker::{EndTransaction, Producer, TransactionVersion, TransactionalId};
use thalweg_kafka_wire::ErrorCode;
use thalweg_kafka_wire::messages::{EndTxnRequest, EndTxnResponse};
use thalweg_types::{ProducerEpoch, ProducerId, TxnOutcome};

use super::transaction_errors::Transactions;
use crate::call::Call;

/// The first version with an epoch for every transaction.
const NEW_EPOCH: i16 = 5;

pub(super) async fn handle(call: Call, request: EndTxnRequest) -> EndTxnResponse {
    let ended = end(&call, request).await;
    let error_code = ended.err().unwrap_or(ErrorCode::None).code();
    let none = Producer::new(ProducerId::NONE, ProducerEpoch::NONE);
    let producer = ended.ok().flatten().unwrap_or(none);
    EndTxnResponse {
        throttle_time_ms: 0,
        error_code,
        producer_id: producer.id.0,
        producer_epoch: producer.epoch.0,
    }
}

async fn end(call: &Call, asked: EndTxnRequest) -> Result<Option<Producer>, ErrorCode> {
    let id = TransactionalId::new(&asked.transactional_id);
    let has_new_epoch = call.version >= NEW_EPOCH;
    let request = EndTransaction {
        transactional_id: id.map_err(|_| ErrorCode::InvalidRequest)?,
        producer: Producer::new(ProducerId(asked.producer_id), ProducerEpoch(asked.producer_epoch)),
        outcome: if asked.committed { TxnOutcome::Commit } else { TxnOutcome::Abort },
        version: if has_new_epoch { TransactionVersion::V2 } else { TransactionVersion::V0 },
    };
    let ended = call.broker().end_transaction(&call.session, request).await;
    let errors = Transactions { fenced: call.version >= 2, abortable: call.version >= 4 };
    Ok(ended.map_err(|error| errors.code(error))?.filter(|_| has_new_epoch))
}
