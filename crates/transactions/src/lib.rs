//! Transaction rules as a state machine without I/O.
//!
//! [`CoordinatorState`] is the transaction coordinator of one partition of `__transaction_state`: who may
//! use a transactional id, what its transaction has written to, whether it is committed or aborted, and
//! which partitions still have to be told (KIP-98, KIP-360, KIP-890). It knows no clock, no randomness,
//! no task and no log. A **driver** owns one machine and one partition, and has these duties:
//!
//! 1. **Load.** Make a machine, [`replay`](CoordinatorState::replay) every record of the partition up to
//!    its end, then step [`Input::Loaded`], once, with the leader epoch of the partition. Requests that
//!    come earlier are answered with [`TransactionError::CoordinatorLoadInProgress`]; other inputs have
//!    to wait.
//! 2. **Step.** Pass each request with a [`ReplyTo`] of its own, one after the other. Call
//!    [`Input::Timeout`] when [`deadline`](CoordinatorState::deadline) passes; too early is harmless, and
//!    the deadline must be asked for again after each step.
//! 3. **Append.** Append the records of the [`Outbox`] in order. Those of one step belong into one batch
//!    if they fit; correctness does not depend on it. Further steps may run before an append is durable.
//! 4. **Answer.** Hold every reply until all records handed out up to and including its own step are
//!    durable. This holds for replies to reads as well, because a step changes the state before its
//!    records are durable. Replies leave in the order of the outbox.
//! 5. **Mark.** Hold every [`Marker`] as long as a reply; this is what keeps a transaction from being
//!    committed in one partition and aborted in another. Then write it to each of its partitions, and
//!    step [`Input::MarkersSettled`] with what became of it: *settled* where it is durable, or where the
//!    partition is gone; *failed* where it is not there and will not come to be there by this attempt.
//!    An unclear attempt is not failed yet: one that lands late could end the next transaction of a
//!    client that does not know KIP-890. Each partition of each marker is reported once, in as many
//!    reports as is convenient. A marker for `__consumer_offsets` settles the group's offsets too.
//! 6. **Allocate.** For each of [`Outbox::producer_ids_wanted`] allocate a producer id and step
//!    [`Input::ProducerId`], or [`Input::NoProducerId`] if there is none to be had. This need not wait
//!    for records.
//! 7. **Fail.** If an append fails or its outcome is unclear, or the partition moves away, or a partition
//!    says that it knows a newer coordinator: drop the machine with its markers and their reports, answer
//!    [`TransactionError::NotCoordinator`] (or another retriable refusal) to every reply held back and
//!    every request not yet answered, and load again from what is durable. The machine has no way back
//!    to an earlier state, by intent.
//!
//! A reply comes exactly once for each request. A `ReplyTo` whose client has gone is answered as well;
//! the driver drops such answers.
//!
//! ```
//! use thalweg_transactions::{
//!     CoordinatorState, InitProducerId, Input, Now, Outbox, Producer, Reply, ReplyTo, Request,
//!     Settings, TransactionalId,
//! };
//! use thalweg_types::{LeaderEpoch, ProducerEpoch, ProducerId};
//!
//! let mut machine = CoordinatorState::new(Settings::default());
//! let (now, mut out) = (Now::default(), Outbox::default());
//! machine.step(now, Input::Loaded { coordinator_epoch: LeaderEpoch(0) }, &mut out);
//!
//! let transactional_id = TransactionalId::new("payments").unwrap();
//! let init = InitProducerId { transactional_id, timeout_ms: 60_000, expected: None };
//! let request = Request::InitProducerId(init);
//! machine.step(now, Input::Request { reply_to: ReplyTo(7), request }, &mut out);
//! assert_eq!(out.producer_ids_wanted, 1);
//! machine.step(now, Input::ProducerId(ProducerId(1_000)), &mut out);
//! // Here the driver appends `out.records` and waits until they are durable.
//! let producer = Producer::new(ProducerId(1_000), ProducerEpoch(0));
//! assert_eq!(out.replies, [(ReplyTo(7), Reply::InitProducerId(Ok(producer)))]);
//! ```
//!
//! What is not here: authorization; whether topics exist; which coordinator a transactional id belongs to;
//! names that are no transactional id ([`TransactionalId::new`]); producers without one, which need a
//! producer id and nothing else; and what a partition makes of data and markers.

mod add;
mod admin;
mod completion;
mod durable;
mod end;
mod error;
mod expiry;
mod fuzz;
mod init;
mod input;
mod metadata;
mod names;
mod outbox;
mod producer_ids;
mod record;
mod reply;
mod serve;
mod settings;
mod state;
mod timer;

#[cfg(test)]
mod tests;

pub use durable::DurableState;
pub use error::TransactionError;
pub use fuzz::fuzz;
pub use input::{
    AddOffsets, AddPartitions, EndTransaction, InitProducerId, Input, ListTransactions,
    MarkerReport, Purpose, Request,
};
pub use metadata::{TransactionMetadata, TransactionState, TransactionVersion};
pub use names::{InvalidTransactionalId, Partitions, TransactionalId};
pub use outbox::{EndReason, Event, Marker, MarkerRound, Outbox};
pub use reply::{
    AddedPartitions, DescribedTransaction, Description, ListedTransaction, ListedTransactions,
    Reply,
};
pub use settings::Settings;
pub use state::CoordinatorState;
pub use thalweg_coordination::{Millis, Now, Producer, Record, ReplyTo, Skipped};
pub use thalweg_types::TxnOutcome;
