//! What requests are answered with.

use thalweg_types::{ProducerId, Timestamp, TopicName};

use crate::{Partitions, Producer, TransactionError, TransactionState, TransactionalId};

/// The answer to a [`crate::Request`] of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Who the producer is from now on.
    InitProducerId(Result<Producer, TransactionError>),
    /// What became of each transaction, in the order of the request.
    AddPartitions(Result<Vec<AddedPartitions>, TransactionError>),
    /// The group's partition is part of the transaction.
    AddOffsets(Result<(), TransactionError>),
    /// The outcome is decided; markers follow. Who the producer is from now on, for those of KIP-890
    /// part 2; the others stay who they are.
    EndTransaction(Result<Option<Producer>, TransactionError>),
    /// The transactions, in the order of the request.
    DescribeTransactions(Result<Vec<DescribedTransaction>, TransactionError>),
    /// The transactions, by transactional id.
    ListTransactions(Result<ListedTransactions, TransactionError>),
    /// The abort is decided; markers follow.
    AbortTransaction(Result<(), TransactionError>),
}

/// What became of an [`crate::AddPartitions`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddedPartitions {
    /// As in the request.
    pub transactional_id: TransactionalId,
    /// For each partition of the request, by topic and number. To add is all or nothing.
    pub partitions: Vec<(TopicName, i32, Result<(), TransactionError>)>,
}

/// A transaction as an administrator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedTransaction {
    /// The transactional id.
    pub transactional_id: TransactionalId,
    /// What is known of it.
    pub result: Result<Description, TransactionError>,
}

/// What is known of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Its state.
    pub state: TransactionState,
    /// The latest incarnation of its producer.
    pub producer: Producer,
    /// How long it may stay open.
    pub timeout_ms: i32,
    /// When it began, or [`Timestamp::NONE`].
    pub started_at: Timestamp,
    /// What it has written to; of a transaction that is being completed, what still lacks a marker.
    pub partitions: Partitions,
}

/// Transactions, as far as the filters let them pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListedTransactions {
    /// State filters that name no state.
    pub unknown_states: Vec<String>,
    /// The transactions, by transactional id.
    pub transactions: Vec<ListedTransaction>,
}

/// A transaction in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedTransaction {
    /// The transactional id.
    pub transactional_id: TransactionalId,
    /// Its producer.
    pub producer_id: ProducerId,
    /// Its state.
    pub state: TransactionState,
}
