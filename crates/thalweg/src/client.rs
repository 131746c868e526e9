//! A client of any broker that speaks Kafka's protocol: what the command line is made of.

pub mod admin;
mod cluster;
mod connection;
mod error;
mod fetcher;
mod frame;
pub mod group;
mod metadata;
mod offsets;
pub mod partitioner;
pub mod producer;
mod versions;

pub use cluster::Client;
pub use error::ClientError;
pub use fetcher::{FetchOptions, Fetched, Fetcher};
pub use metadata::{Partition, Topic};
pub use offsets::At;
pub use producer::{Acks, Delivery, Producer, ProducerOptions, ProducerRecord};
