//! What is known of a transactional id, and the ways it may change.
//!
//! Every change is a function from one [`TransactionMetadata`] to the next; whether it is allowed is
//! decided elsewhere (`init`, `add`, `end`).

use thalweg_types::{ProducerEpoch, ProducerId, Timestamp};

use crate::names::add_all;
use crate::{Partitions, Producer, TxnOutcome};

/// The greatest epoch that a client is ever told. One more is kept, so that it can still be fenced.
const CLIENT_EPOCH_MAX: i16 = i16::MAX - 1;

/// What a client knows of the protocol: levels of the feature `transaction.version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TransactionVersion {
    /// One epoch for many transactions, partitions added by the client (KIP-98).
    V0,
    /// The same, with flexible records.
    V1,
    /// A new epoch with every `EndTxn`, partitions added by the brokers (KIP-890).
    V2,
}

impl TransactionVersion {
    /// The feature level.
    pub const fn level(self) -> i16 {
        match self {
            Self::V0 => 0,
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }

    /// The version with this feature level.
    pub const fn from_level(level: i16) -> Option<Self> {
        match level {
            0 => Some(Self::V0),
            1 => Some(Self::V1),
            2 => Some(Self::V2),
            _ => None,
        }
    }

    /// True if every end of a transaction has a new epoch.
    pub fn bumps_epoch(self) -> bool {
        self >= Self::V2
    }
}

/// The state of a transactional id, as Kafka names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionState {
    /// No transaction since the producer was initialized.
    Empty,
    /// A transaction is open.
    Ongoing,
    /// It is committed; markers are being written.
    PrepareCommit,
    /// It is aborted; markers are being written.
    PrepareAbort,
    /// It is committed, and all markers are written.
    CompleteCommit,
    /// It is aborted, and all markers are written.
    CompleteAbort,
}

impl TransactionState {
    /// All states.
    pub const ALL: [Self; 6] = [
        Self::Empty,
        Self::Ongoing,
        Self::PrepareCommit,
        Self::PrepareAbort,
        Self::CompleteCommit,
        Self::CompleteAbort,
    ];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Ongoing => "Ongoing",
            Self::PrepareCommit => "PrepareCommit",
            Self::PrepareAbort => "PrepareAbort",
            Self::CompleteCommit => "CompleteCommit",
            Self::CompleteAbort => "CompleteAbort",
        }
    }

    /// The outcome that is decided and not complete yet.
    pub const fn ending(self) -> Option<TxnOutcome> {
        match self {
            Self::PrepareCommit => Some(TxnOutcome::Commit),
            Self::PrepareAbort => Some(TxnOutcome::Abort),
            Self::Empty | Self::Ongoing | Self::CompleteCommit | Self::CompleteAbort => None,
        }
    }

    /// The outcome of the transaction before, if it is complete.
    pub const fn completed(self) -> Option<TxnOutcome> {
        match self {
            Self::CompleteCommit => Some(TxnOutcome::Commit),
            Self::CompleteAbort => Some(TxnOutcome::Abort),
            Self::Empty | Self::Ongoing | Self::PrepareCommit | Self::PrepareAbort => None,
        }
    }

    /// True if nothing is open and nothing is being completed.
    pub const fn is_idle(self) -> bool {
        matches!(self, Self::Empty | Self::CompleteCommit | Self::CompleteAbort)
    }
}

/// What the records say of a transactional id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionMetadata {
    /// The latest incarnation of the producer. While a transaction is being completed this is what its
    /// markers carry; with KIP-890 no client has heard of this epoch then.
    pub producer: Producer,
    /// The producer id before the last change; with `last_epoch` who may ask again.
    pub previous_producer_id: ProducerId,
    /// The producer id that follows once the transaction is complete, because epochs ran out.
    pub next_producer_id: Option<ProducerId>,
    /// The epoch that was replaced by the current one, and whose client may not have heard of that; none
    /// once it has, or if another client took over. Kafka forgets it on restart.
    pub last_epoch: Option<ProducerEpoch>,
    /// How long a transaction may stay open.
    pub timeout_ms: i32,
    /// The state.
    pub state: TransactionState,
    /// What the open transaction may have written to.
    pub partitions: Partitions,
    /// When this was written.
    pub updated_at: Timestamp,
    /// When the last transaction began, or [`Timestamp::NONE`].
    pub started_at: Timestamp,
    /// What the client knew when it last added a partition or ended a transaction.
    pub version: TransactionVersion,
}

/// True if a client may not go on to the epoch after this one.
pub(crate) fn is_exhausted(epoch: ProducerEpoch) -> bool {
    epoch.0 >= CLIENT_EPOCH_MAX
}

impl TransactionMetadata {
    /// A transactional id that nobody has used before.
    pub(crate) fn born(id: ProducerId, timeout_ms: i32, now: Timestamp) -> Self {
        Self {
            producer: Producer::new(id, ProducerEpoch(0)),
            previous_producer_id: id,
            next_producer_id: None,
            last_epoch: None,
            timeout_ms,
            state: TransactionState::Empty,
            partitions: Partitions::new(),
            updated_at: now,
            started_at: Timestamp::NONE,
            version: TransactionVersion::V0,
        }
    }

    /// A producer begins anew as `producer`; `last_epoch` may ask again.
    pub(crate) fn initialized(
        &self,
        producer: Producer,
        last_epoch: Option<ProducerEpoch>,
        timeout_ms: i32,
        now: Timestamp,
    ) -> Self {
        let is_again = producer == self.producer;
        Self {
            producer,
            previous_producer_id: if is_again {
                self.previous_producer_id
            } else {
                self.producer.id
            },
            last_epoch,
            timeout_ms,
            state: TransactionState::Empty,
            partitions: Partitions::new(),
            started_at: Timestamp::NONE,
            ..self.changed(now)
        }
    }

    /// A transaction is open, and writes to `partitions` too.
    pub(crate) fn with_partitions(
        &self,
        partitions: &Partitions,
        version: TransactionVersion,
        now: Timestamp,
    ) -> Self {
        let begins = self.state.is_idle();
        let mut all = self.partitions.clone();
        add_all(&mut all, partitions);
        Self {
            state: TransactionState::Ongoing,
            partitions: all,
            // Whoever adds a partition has heard of its epoch.
            last_epoch: None,
            started_at: if begins { now } else { self.started_at },
            version,
            ..self.changed(now)
        }
    }

    /// The outcome is decided. With KIP-890 the markers have an epoch of their own, and `next` follows
    /// where this was the last one.
    pub(crate) fn ending(
        &self,
        outcome: TxnOutcome,
        version: TransactionVersion,
        next: Option<ProducerId>,
        now: Timestamp,
    ) -> Self {
        let bumps = version.bumps_epoch();
        let state = match outcome {
            TxnOutcome::Commit => TransactionState::PrepareCommit,
            TxnOutcome::Abort => TransactionState::PrepareAbort,
        };
        Self {
            producer: if bumps { self.next_epoch() } else { self.producer },
            last_epoch: if bumps { Some(self.producer.epoch) } else { self.last_epoch },
            next_producer_id: next,
            state,
            started_at: if self.state.is_idle() { now } else { self.started_at },
            version,
            ..self.changed(now)
        }
    }

    /// All markers of `outcome` are written.
    pub(crate) fn complete(&self, outcome: TxnOutcome, now: Timestamp) -> Self {
        let state = match outcome {
            TxnOutcome::Commit => TransactionState::CompleteCommit,
            TxnOutcome::Abort => TransactionState::CompleteAbort,
        };
        Self {
            producer: self.after_completion(),
            next_producer_id: None,
            state,
            partitions: Partitions::new(),
            ..self.changed(now)
        }
    }

    /// True for the producer that was the latest before, if the one of today may be the same client.
    pub(crate) fn has_replaced(&self, producer: Producer) -> bool {
        producer.id == self.previous_producer_id && self.last_epoch == Some(producer.epoch)
    }

    /// Who the producer is once its transaction is complete.
    pub(crate) fn after_completion(&self) -> Producer {
        match self.next_producer_id {
            Some(id) if self.version.bumps_epoch() => Producer::new(id, ProducerEpoch(0)),
            _ => self.producer,
        }
    }

    /// The producer with the epoch after its own. It stays at the greatest: nobody may use that one.
    pub(crate) fn next_epoch(&self) -> Producer {
        let Producer { id, epoch } = self.producer;
        Producer::new(id, ProducerEpoch(epoch.0.saturating_add(1)))
    }

    fn changed(&self, now: Timestamp) -> Self {
        Self { previous_producer_id: self.producer.id, updated_at: now, ..self.clone() }
    }
}
