//! What a step can be told: requests, and events of the broker.
//!
//! Differences between versions of Kafka's messages appear as fields that say what they mean. What
//! only decides how a reply is encoded is not here.

use thalweg_types::{LeaderEpoch, ProducerId};

use crate::{MarkerRound, TransactionalId};
use crate::{
    Partitions, Producer, Reply, ReplyTo, TransactionError, TransactionVersion, TxnOutcome,
};

/// One input of a step.
#[derive(Clone, Debug)]
pub enum Input {
    /// All records of the partition have been replayed: requests are served from now on, and
    /// transactions that were being completed go on.
    Loaded {
        /// The leader epoch of this partition, which markers carry. It must not be smaller than that
        /// of any machine before.
        coordinator_epoch: LeaderEpoch,
    },
    /// A client asks.
    Request {
        /// Where the answer goes.
        reply_to: ReplyTo,
        /// The question.
        request: Request,
    },
    /// An id that nobody has or had, one for each that [`crate::Outbox::producer_ids_wanted`] asked for.
    ProducerId(ProducerId),
    /// An id that was asked for cannot be had now.
    NoProducerId,
    /// What became of a [`crate::Marker`], or of a part of its partitions.
    MarkersSettled(MarkerReport),
    /// The deadline has passed.
    Timeout,
}

/// A request of a producer or of an administrator.
#[derive(Clone, Debug)]
pub enum Request {
    /// Answered by [`Reply::InitProducerId`], perhaps with a later step.
    InitProducerId(InitProducerId),
    /// Answered by [`Reply::AddPartitions`]. `AddPartitionsToTxn` has several since version 4; those of
    /// other coordinators are the caller's to sort out.
    AddPartitions(Vec<AddPartitions>),
    /// Answered by [`Reply::AddOffsets`].
    AddOffsets(AddOffsets),
    /// Answered by [`Reply::EndTransaction`], perhaps with a later step.
    EndTransaction(EndTransaction),
    /// Answered by [`Reply::DescribeTransactions`].
    DescribeTransactions(Vec<TransactionalId>),
    /// Answered by [`Reply::ListTransactions`].
    ListTransactions(ListTransactions),
    /// An administrator ends a transaction whose producer does not: it is aborted, as if it had been open
    /// for too long. Answered by [`Reply::AbortTransaction`].
    AbortTransaction(TransactionalId),
}

impl Request {
    /// The answer that refuses this request as a whole.
    pub fn refusal(&self, error: TransactionError) -> Reply {
        match self {
            Self::InitProducerId(_) => Reply::InitProducerId(Err(error)),
            Self::AddPartitions(_) => Reply::AddPartitions(Err(error)),
            Self::AddOffsets(_) => Reply::AddOffsets(Err(error)),
            Self::EndTransaction(_) => Reply::EndTransaction(Err(error)),
            Self::DescribeTransactions(_) => Reply::DescribeTransactions(Err(error)),
            Self::ListTransactions(_) => Reply::ListTransactions(Err(error)),
            Self::AbortTransaction(_) => Reply::AbortTransaction(Err(error)),
        }
    }
}

/// A producer begins to use a transactional id, or goes on after an error.
#[derive(Clone, Debug)]
pub struct InitProducerId {
    /// The transactional id. A producer without one does not need a coordinator.
    pub transactional_id: TransactionalId,
    /// How long a transaction may stay open.
    pub timeout_ms: i32,
    /// Who the producer is, if it wants to go on (v3+, KIP-360). None fences whoever was before.
    pub expected: Option<Producer>,
}

/// A producer is about to write to partitions, or a partition asks whether it said so.
#[derive(Clone, Debug)]
pub struct AddPartitions {
    /// The transactional id.
    pub transactional_id: TransactionalId,
    /// Who asks.
    pub producer: Producer,
    /// Where to. The caller has checked that they exist.
    pub partitions: Partitions,
    /// What is to be done about them.
    pub purpose: Purpose,
}

/// Why a partition is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It becomes part of the transaction: said by a client up to version 3 of the message, which is
    /// [`TransactionVersion::V0`]; and for a client by a broker that it produces to, or commits offsets
    /// with, which is [`TransactionVersion::V2`].
    Add(TransactionVersion),
    /// It is to be part of it already (`VerifyOnly`, KIP-890).
    Verify,
}

/// A producer is about to commit offsets (`AddOffsetsToTxn`, of clients before KIP-890 part 2 only).
#[derive(Clone, Debug)]
pub struct AddOffsets {
    /// The transactional id.
    pub transactional_id: TransactionalId,
    /// Who asks.
    pub producer: Producer,
    /// The partition of `__consumer_offsets` that holds the group.
    pub offsets_partition: i32,
}

/// A producer commits or aborts.
#[derive(Clone, Debug)]
pub struct EndTransaction {
    /// The transactional id.
    pub transactional_id: TransactionalId,
    /// Who asks.
    pub producer: Producer,
    /// Commit or abort.
    pub outcome: TxnOutcome,
    /// [`TransactionVersion::V2`] for `EndTxn` since version 5, before that [`TransactionVersion::V0`].
    pub version: TransactionVersion,
}

/// Which transactions to list. What is empty or `None` lets all pass.
#[derive(Clone, Debug, Default)]
pub struct ListTransactions {
    /// States by name, as Kafka writes them.
    pub states: Vec<String>,
    /// Producer ids.
    pub producer_ids: Vec<ProducerId>,
    /// Only those that began longer ago (v1+, KIP-994).
    pub longer_than_ms: Option<i64>,
    /// A regular expression for the whole transactional id (v2+, KIP-1152).
    pub pattern: Option<String>,
}

/// What became of a marker in some partitions. Each partition of a marker is reported once.
#[derive(Clone, Debug)]
pub struct MarkerReport {
    /// As in the marker.
    pub transactional_id: TransactionalId,
    /// As in the marker.
    pub round: MarkerRound,
    /// The marker is durable there, or the partition does not exist any more.
    pub settled: Partitions,
    /// The marker is not there and, as far as this attempt goes, will not come to be there later.
    /// It is asked for again after a pause.
    pub failed: Partitions,
}
