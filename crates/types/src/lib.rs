//! The field's nouns as types, below every other crate.
//!
//! An offset is not a partition and a producer id is not a topic id: each number that crosses a
//! crate boundary has a type of its own. This crate knows no I/O, no protocol and no policy.

mod error;
mod limits;
mod numbers;
mod time;
mod topic;
mod transaction;

pub use error::ErrorKind;
pub use limits::*;
pub use numbers::{BrokerId, LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence};
pub use time::Timestamp;
pub use topic::{InvalidTopicName, TopicId, TopicName, TopicPartition};
pub use transaction::TxnOutcome;
