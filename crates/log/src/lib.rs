//! The partitioned, durable log.
//!
//! One writer makes the batches of all partitions durable in chunks; a background worker indexes,
//! rewrites and removes what the writer left behind; recovery puts the partitions together again
//! from a checkpoint and the chunk footers after it. The crate speaks log (append, read, wait, trim)
//! and knows no protocol.

mod error;
mod format;

pub use error::LogError;
