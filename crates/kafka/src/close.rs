//! Why a connection ends before its client wants it to.

use std::io;

use thalweg_env::Elapsed;
use thalweg_kafka_wire::{ApiKey, ErrorCode, WireError};

/// The reason, told in one log line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Close {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("a request of {length} bytes is announced, at most {max} are allowed")]
    RequestTooLarge { length: i64, max: usize },
    #[error("request cannot be read: {0}")]
    Request(WireError),
    #[error("{0} is not served")]
    NotServed(ApiKey),
    #[error("{api} has no version {version}")]
    UnsupportedVersion { api: ApiKey, version: i16 },
    #[error("response cannot be written: {0}")]
    Response(WireError),
    #[error("a request without acknowledgement failed: {0}")]
    Unacknowledged(ErrorCode),
    #[error("silent for too long")]
    Idle,
    #[error("the client sends a request too slowly")]
    SlowRequest(#[from] Elapsed),
    #[error("the client takes a response too slowly")]
    SlowResponse,
    #[error("the connection ended inside a request")]
    Truncated,
    #[error("the client hung up while it waited")]
    HungUp,
    #[error("the server stops")]
    Stopping,
}

impl Close {
    /// True if the client does what no client should.
    pub fn is_misconduct(&self) -> bool {
        match self {
            Self::RequestTooLarge { .. }
            | Self::Request(_)
            | Self::NotServed(_)
            | Self::UnsupportedVersion { .. }
            | Self::SlowRequest(_)
            | Self::SlowResponse
            | Self::Truncated => true,
            Self::Io(_)
            | Self::Response(_)
            | Self::Unacknowledged(_)
            | Self::Idle
            | Self::HungUp
            | Self::Stopping => false,
        }
    }
}
