//! Errors of transactions, in the words that a version of a message has for them.

use thalweg_broker::{BrokerError, ProducerError, TransactionError};
use thalweg_kafka_wire::ErrorCode;

use crate::error_code::AsErrorCode;

/// What the client understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Transactions {
    /// `PRODUCER_FENCED`, where older versions have `INVALID_PRODUCER_EPOCH` (KIP-588).
    pub fenced: bool,
    /// `TRANSACTION_ABORTABLE`, where older versions have `INVALID_TXN_STATE` (KIP-890).
    pub abortable: bool,
}

impl Transactions {
    /// Versions that differ in `PRODUCER_FENCED` only: others that clients cannot tell apart do no harm.
    pub const fn named(fenced: bool) -> Self {
        Self { fenced, abortable: true }
    }

    pub fn code(self, error: TransactionError) -> ErrorCode {
        match error {
            TransactionError::ProducerFenced if !self.fenced => ErrorCode::InvalidProducerEpoch,
            TransactionError::TransactionAbortable if !self.abortable => ErrorCode::InvalidTxnState,
            error => error.error_code(),
        }
    }

    /// The same for an error of anything that a transaction does.
    pub fn code_of(self, error: &BrokerError) -> ErrorCode {
        match error {
            BrokerError::Transaction(error) => self.code(*error),
            BrokerError::Producer(ProducerError::NoTransaction) => {
                self.code(TransactionError::TransactionAbortable)
            }
            error => error.error_code(),
        }
    }
}
