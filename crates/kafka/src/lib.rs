//! The Kafka door: decodes requests, asks the broker, encodes the answers.
//!
//! A [`KafkaServer`] accepts connections on its listeners; each connection is one task that takes
//! requests in order and lets answers leave in the same order. What an api does stands in one file of
//! `api/`. The door keeps nothing but connections and fetch sessions: everything else is the broker's.

mod api;
mod call;
mod close;
mod connection;
mod error_code;
mod fuzz;
mod limits;
mod listener;
mod memory;
mod metrics;
mod options;
mod pace;
mod server;
mod sessions;

#[cfg(test)]
mod tests;

pub use fuzz::fuzz;
pub use limits::ConnectionLimits;
pub use listener::{Endpoint, ListenError, ListenerOptions};
pub use metrics::{ApiMetrics, KafkaMetrics, LATENCY_BUCKETS_US};
pub use options::KafkaOptions;
pub use server::{KafkaServer, Running};
