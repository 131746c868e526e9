//! The Kafka door: connections, one file per API.
