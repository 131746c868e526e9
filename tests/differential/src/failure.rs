//! What keeps the test from going on. A difference between the brokers is a finding instead.

use std::io;

use thalweg_kafka_wire::WireError;
use thalweg_records::RecordsError;

/// Why the test cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A connection could not be made.
    #[error("connecting to {peer}: {source}")]
    Connect {
        /// Which broker.
        peer: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// A request that cannot be encoded, or an answer that is not Kafka's protocol.
    #[error("protocol: {0}")]
    Wire(#[from] WireError),
    /// Records that cannot be built.
    #[error("records: {0}")]
    Records(#[from] RecordsError),
    /// The list of known differences is not one.
    #[error("known differences: {0}")]
    Known(String),
    /// A broker does not get where both have to be.
    #[error("{peer}: {what}")]
    Stuck {
        /// Which broker.
        peer: &'static str,
        /// What was waited for.
        what: String,
    },
}
