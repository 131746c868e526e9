//! Why a request was not served.

use thalweg_types::ErrorKind;

/// The refusals of the transaction protocol, named as Kafka names them. A door maps each to its wire
/// code; for old versions of some messages it says `INVALID_PRODUCER_EPOCH` instead of `PRODUCER_FENCED`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransactionError {
    /// The records of this partition are still being replayed.
    #[error("the coordinator is loading")]
    CoordinatorLoadInProgress,
    /// This broker no longer owns the transactional id. Never answered here: for the driver that drops
    /// a machine.
    #[error("this is not the coordinator of the transactional id")]
    NotCoordinator,
    /// A limit of the whole partition is reached, or there are no producer ids; try again later.
    #[error("the coordinator is not available")]
    CoordinatorNotAvailable,
    /// The request contradicts itself.
    #[error("invalid request")]
    InvalidRequest,
    /// The transaction may take no time, or more than is allowed.
    #[error("invalid transaction timeout")]
    InvalidTransactionTimeout,
    /// The transaction before is being completed: try again soon.
    #[error("another transaction of the producer is being completed")]
    ConcurrentTransactions,
    /// The producer id does not belong to this transactional id, or not any more.
    #[error("the producer id is not assigned to the transactional id")]
    InvalidProducerIdMapping,
    /// A newer incarnation of the producer has taken over.
    #[error("the producer is fenced by a newer one")]
    ProducerFenced,
    /// The transaction cannot do this in the state it is in.
    #[error("invalid transaction state")]
    InvalidTxnState,
    /// The partition is not part of the transaction, which can only be aborted now.
    #[error("the transaction can only be aborted")]
    TransactionAbortable,
    /// No such transactional id.
    #[error("transactional id not found")]
    TransactionalIdNotFound,
    /// The pattern is no regular expression.
    #[error("invalid regular expression")]
    InvalidRegularExpression,
    /// The client may not use the transactional id. The broker says so, not the coordinator.
    #[error("transactional id authorization failed")]
    TransactionalIdAuthorizationFailed,
    /// The transaction's record would exceed the largest record; Kafka has no better code.
    #[error("the transaction has more partitions than a record can hold")]
    UnknownServerError,
}

impl TransactionError {
    /// What the caller should do.
    pub fn kind(self) -> ErrorKind {
        match self {
            Self::CoordinatorLoadInProgress
            | Self::CoordinatorNotAvailable
            | Self::ConcurrentTransactions => ErrorKind::Retry,
            Self::NotCoordinator | Self::ProducerFenced => ErrorKind::Fenced,
            Self::TransactionalIdNotFound => ErrorKind::NotFound,
            Self::UnknownServerError => ErrorKind::Limit,
            Self::InvalidRequest
            | Self::InvalidTransactionTimeout
            | Self::InvalidProducerIdMapping
            | Self::InvalidTxnState
            | Self::TransactionAbortable
            | Self::InvalidRegularExpression
            | Self::TransactionalIdAuthorizationFailed => ErrorKind::Invalid,
        }
    }
}
