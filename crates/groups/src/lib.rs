//! Consumer group rules as state machines without I/O.
//!
//! [`CoordinatorState`] is the group coordinator of one partition of `__consumer_offsets`: the classic
//! group protocol, committed offsets, and those that wait for the end of a transaction. It knows no clock,
//! no randomness, no task and no log. A **driver** owns one machine and one partition, and has these duties:
//!
//! 1. **Load.** Make a machine, and in the order of the log [`replay`](CoordinatorState::replay) every
//!    record of the partition and [`replay_end`](CoordinatorState::replay_end) every transaction marker up to
//!    its end. Then step [`Input::Loaded`], once. Requests that come earlier are answered with
//!    [`GroupError::CoordinatorLoadInProgress`]; other inputs have to wait.
//! 2. **Step.** Pass each request with a [`ReplyTo`] of its own, one after the other. Call
//!    [`Input::Timeout`] when [`deadline`](CoordinatorState::deadline) passes; too early is harmless, and
//!    the deadline must be asked for again after each step. Whether the transaction of a
//!    [`TxnOffsetCommit`] is open in this partition, and the producer the latest of its id, is checked before
//!    the step, against everything that steps and markers before it have given to the log.
//! 3. **Append.** Append the records of the [`Outbox`] in order. Those of one step belong into one batch
//!    if they fit; correctness does not depend on it. A batch holds records without a [`Write::transaction`],
//!    or is transactional and holds those of one, with its producer's id and epoch. Further steps may run
//!    before an append is durable.
//! 4. **Mark.** Append the markers that transaction coordinators send, and step
//!    [`Input::TransactionEnded`] for each, so that the order of the steps is that of the log.
//! 5. **Answer.** Hold every reply until all records handed out up to and including its own step, and the
//!    markers of all steps before, are durable. This holds for replies to reads as well, because a step
//!    changes the state before its records are durable. Replies leave in the order of the outbox.
//! 6. **Fail.** If an append fails or its outcome is unclear, or the partition moves away: drop the
//!    machine, answer [`GroupError::NotCoordinator`] (or another retriable refusal) to every reply held
//!    back and every request not yet answered (a `JoinGroup` or `SyncGroup` may be parked inside), and
//!    load again from what is durable. The machine has no way back to an earlier state, by intent.
//!
//! A reply comes exactly once for each request. A `ReplyTo` whose client has gone is answered as well;
//! the driver drops such answers.
//!
//! ```
//! use thalweg_groups::{CoordinatorState, Input, ListGroups, Now, Outbox, ReplyTo, Request, Settings};
//!
//! let mut machine = CoordinatorState::new(Settings::default());
//! let mut out = Outbox::default();
//! machine.step(Now::default(), Input::Loaded, &mut out);
//!
//! let request = Request::ListGroups(ListGroups::default());
//! machine.step(Now::default(), Input::Request { reply_to: ReplyTo(7), request }, &mut out);
//! // Here the driver appends `out.records` and waits until they are durable.
//! assert_eq!(out.replies[0].0, ReplyTo(7));
//! ```
//!
//! What is not here: authorization, whether topics exist, and whether a transaction is open. The caller checks
//! all of these first.
//!
//! The log may be compacted: a record may go when a later one of its key counts, that is, has no transaction
//! or one that was committed; a record of an aborted transaction may go; a tombstone may go when nothing before it
//! has its key any more, in transactions either. Nothing may go behind the first record of an open transaction.

mod admin;
mod by_partition;
mod classic;
mod context;
mod deletion;
mod durable;
mod error;
mod expiry;
mod fuzz;
mod input;
mod names;
mod offsets;
mod outbox;
mod pending;
mod record;
mod reply;
mod serve;
mod settings;
mod state;
mod timer;

#[cfg(test)]
mod tests;

pub use durable::{DurableState, GroupOffsets};
pub use error::GroupError;
pub use fuzz::fuzz;
pub use input::{
    CommitPartition, DeleteGroups, DeletedTopic, DescribeGroups, Heartbeat, Input, JoinGroup,
    LeaveGroup, Leaver, ListGroups, OffsetCommit, OffsetDelete, OffsetFetch, Protocol, Request,
    SyncGroup, TopicPartitions, TxnOffsetCommit,
};
pub use names::{GroupId, InstanceId, MemberId, NAME_LENGTH_MAX};
pub use outbox::{Event, Outbox, Write};
pub use record::{CommittedOffset, GroupMetadata, MemberMetadata};
pub use reply::{
    DeletedGroup, DescribedGroup, DescribedMember, FetchedOffset, GroupState, GroupType,
    JoinRefusal, Joined, JoinedMember, Left, ListedGroup, PartitionResult, Reply, Synced,
};
pub use settings::Settings;
pub use state::CoordinatorState;
pub use thalweg_coordination::{Millis, Now, Producer, Record, ReplyTo, Skipped};
pub use thalweg_types::TxnOutcome;
