//! The log: what is written, how often, how long flushes take.

use thalweg_broker::{FLUSH_BUCKETS_US, LogMetrics};

use super::exposition::{Family, Kind, Sample, Value};
use super::{counter, gauge, get, get_all};

pub(super) fn families(log: &LogMetrics) -> Vec<Family> {
    let mut families = writing(log);
    families.extend(compaction(log));
    families
}

fn writing(log: &LogMetrics) -> Vec<Family> {
    let flushes =
        Value::durations(&FLUSH_BUCKETS_US, &get_all(&log.flush_counts), get(&log.flush_us));
    vec![
        counter("log_appended_bytes", "Bytes of batches made durable", &log.appended_bytes),
        counter("log_appended_batches", "Batches made durable", &log.appended_batches),
        counter(
            "log_wal_bytes",
            "Bytes written to the write-ahead log, with headers, footers and padding",
            &log.wal_bytes,
        ),
        counter("log_chunks", "Chunks written to the write-ahead log", &log.chunks),
        counter(
            "log_rewritten_bytes",
            "Bytes written by rewriting and compaction",
            &log.rewritten_bytes,
        ),
        counter("log_index_bytes", "Bytes written as indexes and checkpoints", &log.index_bytes),
        gauge(
            "log_write_amplification",
            "Bytes written to the device per byte of batches made durable",
            log.write_amplification(),
        ),
        Family {
            name: "log_flush_seconds",
            help: "Time that flushes to the device take",
            kind: Kind::Histogram,
            samples: vec![Sample { labels: Vec::new(), value: flushes }],
        },
        counter("log_write_failures", "Writes and flushes that failed", &log.write_failures),
        counter(
            "log_low_space",
            "Times that writes came to be refused because the device was nearly full",
            &log.low_space,
        ),
        counter("log_files_filled", "Write-ahead log files filled", &log.rolls),
        counter(
            "log_files_ended_early",
            "Write-ahead log files ended early, because compaction waited for them",
            &log.early_rolls,
        ),
        counter("log_checkpoints", "Checkpoints written", &log.checkpoints),
        counter("log_rewrites", "Passes of rewriting", &log.rewrites),
    ]
}

fn compaction(log: &LogMetrics) -> Vec<Family> {
    vec![
        counter("log_compactions", "Passes of compaction over a partition", &log.compactions),
        gauge(
            "log_compaction_dirty_bytes",
            "Bytes of compacted partitions that no pass has seen",
            get(&log.compaction_dirty_bytes) as f64,
        ),
        gauge(
            "log_compaction_overdue_seconds",
            "By how much the oldest of them is later than max.compaction.lag.ms allows",
            get(&log.compaction_overdue_ms) as f64 / 1000.0,
        ),
        counter(
            "log_compaction_dropped_records",
            "Records that compaction left out",
            &log.compaction_dropped_records,
        ),
        counter(
            "log_compaction_unreadable",
            "Batches that compaction could not read and went around, counted by each pass",
            &log.compaction_unreadable,
        ),
    ]
}
