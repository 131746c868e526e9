//! What keeps a test from going on. What a test finds out about the broker is a verdict instead.

use std::io;

use thalweg_checker::Malformed;
use thalweg_kafka_wire::{ErrorCode, WireError};
use thalweg_records::RecordsError;

/// Why a test cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The connection could not be made, or ended: where brokers are killed, no surprise.
    #[error("the connection ended: {0}")]
    Ended(io::Error),
    /// The broker says no where nothing else than yes is right.
    #[error("{what} was refused: {code}")]
    Refused {
        /// What was asked for.
        what: &'static str,
        /// The broker's code.
        code: ErrorCode,
    },
    /// An answer that is not Kafka's protocol, or a request that cannot be encoded.
    #[error("protocol: {0}")]
    Wire(#[from] WireError),
    /// Records that are not what they claim to be.
    #[error("records: {0}")]
    Records(#[from] RecordsError),
    /// An event that cannot belong to the history.
    #[error("history: {0}")]
    History(#[from] Malformed),
    /// A file, a process or a device of the test itself.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// The system's answer.
        source: io::Error,
    },
    /// Anything else, in words.
    #[error("{0}")]
    Other(String),
}

impl Failure {
    /// For `map_err`: says what was being done.
    pub fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }

    /// True if the broker went away.
    pub fn is_ended(&self) -> bool {
        matches!(self, Self::Ended(_))
    }

    /// True if the broker says that it may work later, as it does while its files fail.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if code.retriable())
    }

    /// `Ok` for code 0.
    pub fn check(what: &'static str, code: i16) -> Result<(), Self> {
        match ErrorCode::from_code(code).unwrap_or(ErrorCode::UnknownServerError) {
            ErrorCode::None => Ok(()),
            code => Err(Self::Refused { what, code }),
        }
    }
}
