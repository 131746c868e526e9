//! The partitioned, durable log.
//!
//! One writer makes the batches of all partitions durable in chunks; a background worker indexes,
//! rewrites and removes what the writer left behind; recovery puts the partitions together again
//! from a checkpoint and the chunk footers after it. The crate speaks log (append, read, wait, trim)
//! and knows no protocol.

mod attempts;
mod background;
mod backlog;
mod checkpoint;
mod clock;
mod compact;
mod config;
mod epochs;
mod error;
mod extent_reader;
mod files;
mod format;
pub mod fuzz;
mod index_cache;
mod indexer;
mod key_map;
mod log;
mod maintenance;
mod metrics;
mod partition;
pub mod planted;
mod producers;
mod recover;
mod retention;
mod rewrite;
mod scan;
mod segment;
mod shared;
mod sieve;
mod transactions;
mod verify;
mod writer;

pub use config::{Cleanup, Durability, LogOptions, PartitionConfig};
pub use error::LogError;
pub use log::Log;
pub use metrics::{FLUSH_BUCKETS_US, LogMetrics};
pub use partition::{
    AppendError, Appended, Partition, ReadLimits, ReadPlan, Slice, Ticket, TimestampOffset,
    WatchId, Watermark, Watermarks, is_gone,
};
pub use producers::{ProducerBatch, ProducerError, ProducerState, TransactionGuard};
pub use recover::RecoveryReport;
pub use scan::Damage;
pub use transactions::{AbortedTransaction, Marker, OpenTransaction};
pub use verify::{Verification, verify};

/// The folder of log files and indexes in the data directory.
const LOG_DIR: &str = "log";

/// The folder of the checkpoint in the data directory.
const CHECKPOINT_DIR: &str = "checkpoint";

#[cfg(test)]
mod tests;
