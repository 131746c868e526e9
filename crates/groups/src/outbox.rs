//! What a step wants done.

use thalweg_coordination::{Producer, Record, ReplyTo};

use crate::{GroupId, MemberId, Reply};

/// The effects of one or more steps, in order.
///
/// Every reply may reflect any record of its own step and of all steps before, also a reply that only
/// reads. It must leave after those are durable, and not otherwise.
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    /// To append, in this order. Those of one step belong into one batch if they fit, but those of
    /// different transactions, or of none, into different ones.
    pub records: Vec<Write>,
    /// To send, in this order, once all records so far are durable.
    pub replies: Vec<(ReplyTo, Reply)>,
    /// To log and to count. Nothing depends on them.
    pub events: Vec<Event>,
}

impl Outbox {
    /// True if nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.replies.is_empty() && self.events.is_empty()
    }

    pub(crate) fn reply(&mut self, reply_to: ReplyTo, reply: Reply) {
        self.replies.push((reply_to, reply));
    }
}

/// A record to append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The record.
    pub record: Record,
    /// The producer whose open transaction the record belongs to. It counts from the transaction's end on,
    /// if that is a commit; one without a transaction counts at once.
    pub transaction: Option<Producer>,
}

/// What an operator may want to read in a log, or count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A group waits for its members to join again.
    RebalanceStarted {
        /// The group.
        group_id: GroupId,
        /// The generation that ends.
        generation: i32,
        /// Who caused it, and why.
        reason: String,
    },
    /// All members of a generation are told, or the group is empty.
    GenerationStarted {
        /// The group.
        group_id: GroupId,
        /// The generation that begins.
        generation: i32,
        /// How many members it has.
        members: usize,
    },
    /// The leader has assigned.
    GenerationAssigned {
        /// The group.
        group_id: GroupId,
        /// The generation.
        generation: i32,
    },
    /// A member is out of its group without having asked for it.
    MemberRemoved {
        /// The group.
        group_id: GroupId,
        /// The member.
        member_id: MemberId,
        /// Why.
        reason: &'static str,
    },
    /// Committed offsets were older than the retention allows.
    OffsetsExpired {
        /// The group.
        group_id: GroupId,
        /// How many.
        count: usize,
    },
    /// A record that would exceed the largest record was not written.
    RecordTooLarge {
        /// The group.
        group_id: GroupId,
    },
}
