//! What can go wrong between a client and a broker, with what to do about it.

use std::io;
use std::time::Duration;

use thalweg_kafka_wire::{ErrorCode, WireError};
use thalweg_records::RecordsError;

use crate::address::Address;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No connection could be made.
    #[error(
        "cannot connect to {address}: {source}; start a broker there with `thalweg`, \
         or name another one with --bootstrap"
    )]
    Unreachable {
        /// Where to.
        address: Address,
        /// What the system says.
        source: io::Error,
    },
    /// The connection ended before the answer.
    #[error("the broker at {address} closed the connection; its log may say why")]
    Closed {
        /// The broker.
        address: Address,
    },
    /// No answer in time.
    #[error("the broker at {address} did not answer {api} within {after:?}")]
    TimedOut {
        /// The broker.
        address: Address,
        /// What was asked.
        api: &'static str,
        /// How long was waited.
        after: Duration,
    },
    /// The broker and this client share no version of an API.
    #[error("the broker at {address} does not offer {api} in a version known here")]
    Unsupported {
        /// The broker.
        address: Address,
        /// What was to be asked.
        api: &'static str,
    },
    /// The bytes are not Kafka's protocol.
    #[error("{address} does not answer in Kafka's protocol: {source}")]
    Protocol {
        /// The broker.
        address: Address,
        /// What is wrong with its bytes.
        source: WireError,
    },
    /// An answer is longer than this client is ready to hold.
    #[error("{address} announced an answer of {length} bytes; is it a Kafka broker?")]
    TooLong {
        /// The broker.
        address: Address,
        /// The announced length.
        length: i32,
    },
    /// A request cannot be expressed.
    #[error("the request cannot be sent: {0}")]
    Request(#[source] WireError),
    /// The broker says no.
    #[error("{what}: {reason}")]
    Refused {
        /// What was tried, as `cannot …`.
        what: String,
        /// Kafka's code.
        code: ErrorCode,
        /// The broker's words, or those of the code.
        reason: String,
    },
    /// The topic does not exist.
    #[error("topic '{0}' does not exist; create it with `thalweg topic create {0}`")]
    NoTopic(String),
    /// The partition does not exist.
    #[error("topic '{topic}' has partitions 0 to {last}, there is no partition {partition}")]
    NoPartition {
        /// The topic.
        topic: String,
        /// The partition asked for.
        partition: i32,
        /// The last one there is.
        last: i32,
    },
    /// A partition has no broker that serves it.
    #[error("partition {partition} of topic '{topic}' has no leader at the moment")]
    NoLeader {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
    },
    /// Records that arrived are damaged.
    #[error("partition {partition} at offset {offset}: {source}")]
    Records {
        /// The partition.
        partition: i32,
        /// Where the batch begins.
        offset: i64,
        /// What is wrong.
        source: RecordsError,
    },
    /// Records could not be made into a batch.
    #[error("the records cannot be sent: {0}")]
    Batch(#[source] RecordsError),
    /// A task of this client is gone; only happens while the program ends.
    #[error("interrupted")]
    Interrupted,
}

impl ClientError {
    /// An error from the code in a response; `what` says what was tried.
    pub fn refused(what: impl Into<String>, code: i16, message: Option<String>) -> Self {
        let known = ErrorCode::from_code(code).unwrap_or(ErrorCode::UnknownServerError);
        let reason = match message.filter(|message| !message.is_empty()) {
            Some(message) => format!("{message} ({})", known.name()),
            None => known.to_string(),
        };
        Self::Refused { what: what.into(), code: known, reason }
    }

    /// `Ok` for code 0.
    pub fn check(
        code: i16,
        message: Option<String>,
        what: impl FnOnce() -> String,
    ) -> Result<(), Self> {
        if code == ErrorCode::None.code() {
            return Ok(());
        }
        Err(Self::refused(what(), code, message))
    }

    /// The broker's code, if it was the broker that said no.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// True if the same call may succeed a little later.
    pub fn retriable(&self) -> bool {
        match self {
            Self::Closed { .. } | Self::TimedOut { .. } | Self::NoLeader { .. } => true,
            Self::Refused { code, .. } => code.retriable(),
            _ => false,
        }
    }
}
