//! What the refusals of brokers mean to a transactional client.

use thalweg_broker::{BrokerError, GroupError, ProducerError, TransactionError};

/// What a refusal means to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// Try again.
    Later,
    /// The transaction, or the session, is over.
    Over,
    /// No client should be told so.
    Wrong,
}

/// Weighs a refusal.
pub(super) fn weigh(error: TransactionError) -> Weight {
    match error {
        TransactionError::ConcurrentTransactions
        | TransactionError::CoordinatorLoadInProgress
        | TransactionError::CoordinatorNotAvailable
        | TransactionError::NotCoordinator => Weight::Later,
        TransactionError::ProducerFenced
        | TransactionError::InvalidTxnState
        | TransactionError::TransactionAbortable => Weight::Over,
        _ => Weight::Wrong,
    }
}

/// The same for what the other ways to a broker say.
pub(crate) fn weigh_any(error: &BrokerError) -> Weight {
    match error {
        BrokerError::Transaction(error) => weigh(*error),
        BrokerError::Storage(_)
        | BrokerError::Closing
        | BrokerError::Group(
            GroupError::CoordinatorLoadInProgress
            | GroupError::CoordinatorNotAvailable
            | GroupError::NotCoordinator,
        ) => Weight::Later,
        BrokerError::Producer(
            ProducerError::StaleEpoch { .. }
            | ProducerError::TransactionOpen
            | ProducerError::NoTransaction,
        ) => Weight::Over,
        _ => Weight::Wrong,
    }
}
