//! Settings of the log and of each partition.

use std::path::PathBuf;
use std::time::Duration;

/// What must have happened before a batch is acknowledged and served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Durability {
    /// Flushed to the device: survives a process kill and a power cut.
    #[default]
    Flush,
    /// Handed to the operating system: survives a process kill.
    Os,
}

impl Durability {
    /// The guarantee in words.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Flush => "survives: process kill yes · power cut yes · disk loss no",
            Self::Os => "survives: process kill yes · power cut no · disk loss no",
        }
    }
}

/// What happens to old records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Cleanup {
    /// Records go when they are too old or too many.
    pub delete: bool,
    /// Only the newest record of each key is kept.
    pub compact: bool,
}

/// What the log needs to know of a topic's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionConfig {
    /// `durability`.
    pub durability: Durability,
    /// `cleanup.policy`.
    pub cleanup: Cleanup,
    /// `retention.ms`; `None` keeps records for ever.
    pub retention: Option<Duration>,
    /// `retention.bytes`; `None` keeps any amount.
    pub retention_bytes: Option<u64>,
    /// `segment.bytes`: an extent is closed when it holds this much.
    pub segment_bytes: u64,
    /// `segment.ms`: an extent is closed when its first batch is this old.
    pub segment_age: Duration,
    /// `delete.retention.ms`: how long a tombstone stays after it was first compacted.
    pub delete_retention: Duration,
    /// `min.compaction.lag.ms`.
    pub compaction_lag_min: Duration,
    /// `max.compaction.lag.ms`; `None` sets no limit.
    pub compaction_lag_max: Option<Duration>,
    /// `min.cleanable.dirty.ratio`, in percent.
    pub dirty_percent_min: u8,
}

impl Default for PartitionConfig {
    /// Kafka's defaults.
    fn default() -> Self {
        const DAY: Duration = Duration::from_hours(24);
        Self {
            durability: Durability::Flush,
            cleanup: Cleanup { delete: true, compact: false },
            retention: Some(7 * DAY),
            retention_bytes: None,
            segment_bytes: 1 << 30,
            segment_age: 7 * DAY,
            delete_retention: DAY,
            compaction_lag_min: Duration::ZERO,
            compaction_lag_max: None,
            dirty_percent_min: 50,
        }
    }
}

/// Settings of the whole log.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// The data directory; the log keeps `log/` and `checkpoint/` in it.
    pub dir: PathBuf,
    /// Counts the starts of this broker; stamped on batches as the leader epoch.
    pub incarnation: u32,
    /// Bytes of a write-ahead log file, allocated in advance.
    pub wal_file_bytes: u64,
    /// Most bytes of batches in one chunk.
    pub chunk_bytes_max: u64,
    /// Memory for recent batches.
    pub cache_bytes: u64,
    /// Memory for index sections of finished files.
    pub index_cache_bytes: u64,
    /// Most log files kept open.
    pub open_files_max: usize,
    /// Writes stop while the device has less free space than this.
    pub free_bytes_min: u64,
    /// How often retention, compaction and space are looked at.
    pub background_interval: Duration,
    /// Idempotent producers silent for longer are forgotten (`producer.id.expiration.ms`).
    pub producer_expiration: Duration,
    /// A finished file in which runs are shorter than this on average is rewritten, sorted.
    pub scattered_run_bytes: u64,
    /// Scattered files are rewritten together when there are this many.
    pub scattered_files: usize,
    /// Most keys that compaction keeps in memory, about 40 bytes each.
    pub compaction_keys_max: usize,
}

impl LogOptions {
    /// Settings that fit a laptop, for the data directory `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            incarnation: 0,
            wal_file_bytes: 64 << 20,
            chunk_bytes_max: 8 << 20,
            cache_bytes: 32 << 20,
            index_cache_bytes: 16 << 20,
            open_files_max: 256,
            free_bytes_min: 256 << 20,
            background_interval: Duration::from_secs(5),
            producer_expiration: Duration::from_hours(24),
            scattered_run_bytes: 32 << 10,
            scattered_files: 8,
            compaction_keys_max: 1_000_000,
        }
    }
}
