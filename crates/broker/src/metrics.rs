//! What the broker counts. Plain numbers, read by whoever exports them.

use std::sync::atomic::{AtomicU64, Ordering};

/// What has come into a topic and gone out of it since the start.
#[derive(Debug, Default)]
pub struct TopicTraffic {
    /// Bytes of batches accepted.
    pub bytes_in: AtomicU64,
    /// Records accepted.
    pub records_in: AtomicU64,
    /// Bytes of batches handed to consumers.
    pub bytes_out: AtomicU64,
}

/// Counters of the whole broker since the start.
#[derive(Debug, Default)]
pub struct BrokerMetrics {
    /// Batches refused, for whatever reason.
    pub appends_refused: AtomicU64,
    /// Batches that were there already: retries of idempotent producers.
    pub appends_duplicate: AtomicU64,
    /// Batches that had to be compressed anew, or numbered anew.
    pub appends_rewritten: AtomicU64,
    /// Partition reads that went to a file.
    pub reads_cold: AtomicU64,
    /// Partition reads that failed on damaged data.
    pub reads_corrupt: AtomicU64,
    /// Partition reads cut short because the memory for fetches was used up.
    pub reads_cut_short: AtomicU64,
    /// Fetches that waited for data.
    pub fetches_waited: AtomicU64,
    /// Entries appended to the metadata chain.
    pub metadata_entries: AtomicU64,
    /// Coordinators that were loaded, at the start or after a failed write.
    pub coordinators_loaded: AtomicU64,
    /// Generations that groups began.
    pub group_generations: AtomicU64,
    /// Members that were removed because they were silent.
    pub group_members_removed: AtomicU64,
    /// Committed offsets that expired.
    pub group_offsets_expired: AtomicU64,
    /// Transactions that ended in all their partitions.
    pub transactions_completed: AtomicU64,
    /// Attempts to write markers that failed and are repeated.
    pub transaction_markers_failed: AtomicU64,
}

pub(crate) fn count(counter: &AtomicU64) {
    add(counter, 1);
}

pub(crate) fn add(counter: &AtomicU64, n: usize) {
    counter.fetch_add(n as u64, Ordering::Relaxed);
}
