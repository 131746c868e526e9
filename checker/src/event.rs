//! What clients did and saw.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What a record carries: the producer's number and the record's number, counted from 0 within its
/// producer in the order of sending. A record of the tests has its value in its payload.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
pub struct Value {
    /// The producer: one session of one client. A client that starts again is another producer.
    pub producer: u32,
    /// The record within its producer, dense from 0.
    pub number: u32,
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.producer, self.number)
    }
}

/// One step of a history. A topic that is deleted and made again needs another name here.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event<'a> {
    /// A record is about to be sent. Recorded before any reader can have it.
    Send {
        /// The record.
        #[serde(flatten)]
        value: Value,
        /// Whether its producer is idempotent: stored once, in order. The same for all its records.
        idempotent: bool,
        /// Its key, if the topic is compacted: it may go once a later record has the same key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<u64>,
        /// It deletes its key, and then goes itself.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        tombstone: bool,
        /// Where to.
        #[serde(borrow)]
        topic: Cow<'a, str>,
        /// Where to.
        partition: i32,
    },
    /// The record is about to be sent once more.
    Retry {
        /// The record.
        #[serde(flatten)]
        value: Value,
    },
    /// The broker acknowledged the record.
    Acked {
        /// The record.
        #[serde(flatten)]
        value: Value,
        /// Where it is, if the broker said so.
        offset: Option<i64>,
    },
    /// The broker refused the record, every time it was sent: nobody may ever read it.
    Failed {
        /// The record.
        #[serde(flatten)]
        value: Value,
    },
    /// No answer, or one that leaves it open: the record may be stored or not.
    Unknown {
        /// The record.
        #[serde(flatten)]
        value: Value,
    },
    /// A consumer goes on reading at this offset.
    Seek {
        /// The consumer's number.
        consumer: u32,
        /// Where.
        #[serde(borrow)]
        topic: Cow<'a, str>,
        /// Where.
        partition: i32,
        /// The offset it asks for next.
        offset: i64,
    },
    /// A consumer got a record, and none between its position and this one.
    Read {
        /// The consumer's number.
        consumer: u32,
        /// Where.
        #[serde(borrow)]
        topic: Cow<'a, str>,
        /// Where.
        partition: i32,
        /// The record's offset.
        offset: i64,
        /// The record.
        #[serde(flatten)]
        value: Value,
    },
    /// A consumer reached the end of the log, as asked for after the events before this one.
    End {
        /// The consumer's number.
        consumer: u32,
        /// Where.
        #[serde(borrow)]
        topic: Cow<'a, str>,
        /// Where.
        partition: i32,
        /// The offset of the next record to be written.
        offset: i64,
    },
    /// Records below `offset` may be gone from now on: retention, or an order to delete them.
    Trimmed {
        /// Where.
        #[serde(borrow)]
        topic: Cow<'a, str>,
        /// Where.
        partition: i32,
        /// The log start offset.
        offset: i64,
    },
    /// The log was cut to `offset` in a crash of a kind that its topic's durability does not survive:
    /// records from there on are gone, and their offsets may be used again.
    Cut {
        /// Where.
        #[serde(borrow)]
        topic: Cow<'a, str>,
        /// Where.
        partition: i32,
        /// The offset of the next record to be written.
        offset: i64,
    },
    /// A group's offset is about to be committed.
    Commit(#[serde(borrow)] Commit<'a>),
    /// The commit was acknowledged.
    CommitAcked(#[serde(borrow)] Commit<'a>),
    /// The commit was refused.
    CommitFailed(#[serde(borrow)] Commit<'a>),
    /// Nobody knows about the commit.
    CommitUnknown(#[serde(borrow)] Commit<'a>),
    /// A group's committed offset, as asked for after the events before this one.
    Committed {
        /// The group.
        #[serde(borrow)]
        group: Cow<'a, str>,
        /// Where.
        #[serde(borrow)]
        topic: Cow<'a, str>,
        /// Where.
        partition: i32,
        /// The offset; none if the broker knows of no commit.
        offset: Option<i64>,
    },
    /// The broker died. What had not reached it by then never will.
    Crash,
    /// A consumer reads what is committed, and nothing else. Recorded before it reads.
    ReadCommitted {
        /// The consumer's number.
        consumer: u32,
    },
    /// A producer, an idempotent one, begins a transaction: what it sends from here on belongs to it,
    /// until it begins another.
    TxnBegin {
        /// The transaction's number, which no other has.
        transaction: u32,
        /// The producer.
        producer: u32,
        /// Whose reads belong to it, from here on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        consumer: Option<u32>,
    },
    /// A group's offset is about to become part of a transaction.
    TxnOffset {
        /// The transaction.
        transaction: u32,
        /// The offset.
        #[serde(flatten, borrow)]
        commit: Commit<'a>,
    },
    /// A commit is about to be asked for. All records are acknowledged, with their offsets.
    TxnCommit {
        /// The transaction.
        transaction: u32,
    },
    /// The commit was confirmed.
    TxnCommitted {
        /// The transaction.
        transaction: u32,
    },
    /// There was no commit, and there will be none: an abort was confirmed, or every request for a
    /// commit refused. Of a transaction of which neither is known, nothing is said.
    TxnAborted {
        /// The transaction.
        transaction: u32,
    },
}

/// An offset of a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Commit<'a> {
    /// The group.
    #[serde(borrow)]
    pub group: Cow<'a, str>,
    /// Where.
    #[serde(borrow)]
    pub topic: Cow<'a, str>,
    /// Where.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}
