//! What the log counts. Plain numbers, read by whoever exports them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the flush time histogram, in microseconds.
pub const FLUSH_BUCKETS_US: [u64; 10] =
    [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 250_000, 1_000_000];

/// Counters since the start, and what was last seen of a backlog.
#[derive(Debug, Default)]
pub struct LogMetrics {
    /// Bytes of batches made durable.
    pub appended_bytes: AtomicU64,
    /// Batches made durable.
    pub appended_batches: AtomicU64,
    /// Bytes written to the write-ahead log, with headers, footers and padding.
    pub wal_bytes: AtomicU64,
    /// Chunks written.
    pub chunks: AtomicU64,
    /// Bytes written by rewriting and compaction.
    pub rewritten_bytes: AtomicU64,
    /// Bytes written as indexes and checkpoints.
    pub index_bytes: AtomicU64,
    /// Bytes of batches that retention dropped.
    pub expired_bytes: AtomicU64,
    /// Writes or flushes that failed.
    pub write_failures: AtomicU64,
    /// How often writes came to be refused because the device was nearly full.
    pub low_space: AtomicU64,
    /// Write-ahead log files filled, or ended early.
    pub rolls: AtomicU64,
    /// Those of them that were ended early, because compaction waited for them.
    pub early_rolls: AtomicU64,
    /// Checkpoints written.
    pub checkpoints: AtomicU64,
    /// Extents that background work left where they are because they cannot be read.
    pub unreadable_extents: AtomicU64,
    /// Passes of rewriting.
    pub rewrites: AtomicU64,
    /// Passes of compaction over a partition.
    pub compactions: AtomicU64,
    /// Bytes of compacted partitions that no pass has seen, when the background worker last looked.
    pub compaction_dirty_bytes: AtomicU64,
    /// By how much the oldest of them was later than `max.compaction.lag.ms` allows, in milliseconds.
    pub compaction_overdue_ms: AtomicU64,
    /// Records that compaction left out.
    pub compaction_dropped_records: AtomicU64,
    /// Batches, or indexes of them, that compaction could not read and went around, counted by each pass
    /// anew.
    pub compaction_unreadable: AtomicU64,
    /// Flushes by duration: one count per bucket, and one beyond the last.
    pub flush_counts: [AtomicU64; FLUSH_BUCKETS_US.len() + 1],
    /// Time spent in flushes, in microseconds.
    pub flush_us: AtomicU64,
}

impl LogMetrics {
    pub(crate) fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn flushed(&self, took: Duration) {
        let us = took.as_micros() as u64;
        let bucket = FLUSH_BUCKETS_US.partition_point(|bound| *bound < us);
        Self::add(&self.flush_counts[bucket], 1);
        Self::add(&self.flush_us, us);
    }

    /// Bytes written to the device per byte of batches made durable; 1 if nothing was written.
    pub fn write_amplification(&self) -> f64 {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed) as f64;
        let appended = get(&self.appended_bytes);
        if appended == 0.0 {
            return 1.0;
        }
        (get(&self.wal_bytes) + get(&self.rewritten_bytes) + get(&self.index_bytes)) / appended
    }
}
