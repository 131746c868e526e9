//! What a step wants done.

use thalweg_coordination::{Record, ReplyTo};
use thalweg_types::LeaderEpoch;

use crate::{Partitions, Producer, Reply, TransactionVersion, TransactionalId, TxnOutcome};

/// The effects of one or more steps, in order.
///
/// Every reply and every marker may reflect any record of its own step and of all steps before, also a
/// reply that only reads. It must leave after those are durable, and not otherwise: a marker that
/// overtakes its record can commit what a restart aborts.
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    /// To append, in this order. Those of one step belong into one batch if they fit.
    pub records: Vec<Record>,
    /// To send, in this order, once all records so far are durable.
    pub replies: Vec<(ReplyTo, Reply)>,
    /// To write to partitions, once all records so far are durable.
    pub markers: Vec<Marker>,
    /// How many producer ids to allocate, at once.
    pub producer_ids_wanted: usize,
    /// To log and to count. Nothing depends on them.
    pub events: Vec<Event>,
}

impl Outbox {
    /// True if nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
            && self.replies.is_empty()
            && self.markers.is_empty()
            && self.producer_ids_wanted == 0
            && self.events.is_empty()
    }

    pub(crate) fn reply(&mut self, reply_to: ReplyTo, reply: Reply) {
        self.replies.push((reply_to, reply));
    }
}

/// Tells the completions of one machine apart, so that a late report cannot count for a later one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct MarkerRound(pub u64);

/// The end of a transaction, for some of its partitions. [`crate::MarkerReport`] says what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// Whose transaction it is.
    pub transactional_id: TransactionalId,
    /// Which completion.
    pub round: MarkerRound,
    /// What the batch carries.
    pub producer: Producer,
    /// What the record's value carries; a partition refuses one smaller than it has seen.
    pub coordinator_epoch: LeaderEpoch,
    /// What the record's key carries.
    pub outcome: TxnOutcome,
    /// From [`TransactionVersion::V2`] on a partition refuses an epoch that it has seen in data; before
    /// that, one smaller than it has seen.
    pub version: TransactionVersion,
    /// Where it is to be written.
    pub partitions: Partitions,
}

/// What an operator may want to read in a log, or count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A transactional id has a new producer, or the same one with a new epoch.
    ProducerInitialized {
        /// The transactional id.
        transactional_id: TransactionalId,
        /// The producer.
        producer: Producer,
    },
    /// An outcome is decided.
    TransactionEnding {
        /// The transactional id.
        transactional_id: TransactionalId,
        /// Commit or abort.
        outcome: TxnOutcome,
        /// Who decided.
        reason: EndReason,
    },
    /// All markers are written.
    TransactionCompleted {
        /// The transactional id.
        transactional_id: TransactionalId,
        /// Commit or abort.
        outcome: TxnOutcome,
    },
    /// Markers were not written, and are asked for again after a pause. Readers of these partitions wait.
    MarkersFailed {
        /// The transactional id.
        transactional_id: TransactionalId,
        /// How many times in a row.
        failures: u32,
        /// Where.
        partitions: Partitions,
    },
    /// Transactional ids were not used for longer than they are kept.
    IdsExpired {
        /// How many.
        count: usize,
    },
}

/// Why a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// Its producer said so.
    Producer,
    /// It was open for too long.
    Timeout,
    /// Another producer took over its transactional id.
    TakenOver,
    /// Its producer begins anew after an error.
    Recovery,
    /// An administrator said so.
    Administrator,
}
