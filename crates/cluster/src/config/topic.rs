//! A topic's configuration as the broker uses it.

use std::str::FromStr;

use super::catalogue::{Scope, find};
use super::check::{boolean, elements, integer};
use super::lookup::{Layers, Origin};

/// What happens to old records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CleanupPolicy {
    /// They go by age and size.
    pub delete: bool,
    /// They go when a newer one has their key.
    pub compact: bool,
}

/// Which time a record's timestamp is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampType {
    /// What its producer says.
    CreateTime,
    /// When it was appended.
    LogAppendTime,
}

/// How batches are compressed in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// As their producer did.
    Producer,
    /// Not at all.
    Uncompressed,
    /// With gzip at this level, -1 being its default.
    Gzip(i32),
    /// With snappy.
    Snappy,
    /// With lz4 at this level.
    Lz4(i32),
    /// With zstd at this level.
    Zstd(i32),
}

/// What an acknowledged record has survived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// It was flushed to the device: it survives a power cut.
    Flush,
    /// It was handed to the operating system: it survives the death of the process.
    Os,
}

/// A topic's configuration, from its own settings, the broker's and the defaults.
///
/// -1 is "no limit" wherever Kafka has it so.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicConfig {
    /// What happens to old records.
    pub cleanup_policy: CleanupPolicy,
    /// How batches are compressed in the log.
    pub compression: Compression,
    /// How long tombstones and markers outlive their compaction.
    pub delete_retention_ms: i64,
    /// What an acknowledged record has survived.
    pub durability: Durability,
    /// Most records that may wait for a flush, where durability leaves it open.
    pub flush_messages: i64,
    /// Longest wait for a flush, where durability leaves it open.
    pub flush_ms: i64,
    /// Longest time that a record may stay uncompacted.
    pub max_compaction_lag_ms: i64,
    /// Largest sum of uncompressed bytes in a batch.
    pub max_decompressed_message_bytes: i32,
    /// Largest record batch, as it is stored.
    pub max_message_bytes: i32,
    /// How far ahead of the broker's clock a timestamp may be.
    pub message_timestamp_after_max_ms: i64,
    /// How far behind the broker's clock a timestamp may be.
    pub message_timestamp_before_max_ms: i64,
    /// Which time a record's timestamp is.
    pub message_timestamp_type: TimestampType,
    /// The part of a log that must be uncompacted before compaction pays.
    pub min_cleanable_dirty_ratio: f64,
    /// Time for which a record is not compacted away.
    pub min_compaction_lag_ms: i64,
    /// Reported to clients; durability does not come from replicas here.
    pub min_insync_replicas: i32,
    /// Bytes that a partition may keep.
    pub retention_bytes: i64,
    /// How long records are kept.
    pub retention_ms: i64,
    /// Bytes of a segment.
    pub segment_bytes: i32,
    /// Age at which a segment is finished.
    pub segment_ms: i64,
}

impl TopicConfig {
    /// What counts for a topic with these layers.
    pub fn resolve(layers: &Layers<'_>) -> Self {
        let values = Values(layers);
        let policy = values.text("cleanup.policy");
        let has = |word| elements(&policy).any(|element| element == word);
        Self {
            cleanup_policy: CleanupPolicy { delete: has("delete"), compact: has("compact") },
            compression: values.compression(),
            delete_retention_ms: values.number("delete.retention.ms"),
            durability: match values.text("durability").as_str() {
                "os" => Durability::Os,
                _ => Durability::Flush,
            },
            flush_messages: values.number("flush.messages"),
            flush_ms: values.number("flush.ms"),
            max_compaction_lag_ms: values.number("max.compaction.lag.ms"),
            max_decompressed_message_bytes: values.number("max.decompressed.message.bytes"),
            max_message_bytes: values.number("max.message.bytes"),
            message_timestamp_after_max_ms: values.number("message.timestamp.after.max.ms"),
            message_timestamp_before_max_ms: values.number("message.timestamp.before.max.ms"),
            message_timestamp_type: match values.text("message.timestamp.type").as_str() {
                "LogAppendTime" => TimestampType::LogAppendTime,
                _ => TimestampType::CreateTime,
            },
            min_cleanable_dirty_ratio: values.number("min.cleanable.dirty.ratio"),
            min_compaction_lag_ms: values.number("min.compaction.lag.ms"),
            min_insync_replicas: values.number("min.insync.replicas"),
            retention_bytes: values.number("retention.bytes"),
            retention_ms: values.number("retention.ms"),
            segment_bytes: values.number("segment.bytes"),
            segment_ms: values.number("segment.ms"),
        }
    }
}

struct Values<'a>(&'a Layers<'a>);

impl Values<'_> {
    fn origins(&self, name: &str) -> Vec<Origin> {
        find(Scope::Topic, name)
            .map(|setting| self.0.synonyms(Scope::Topic, setting))
            .unwrap_or_default()
    }

    fn text(&self, name: &str) -> String {
        self.origins(name).first().map(Origin::converted).unwrap_or_default()
    }

    /// The first value that is a number: illegal ones do not get in, and the last is a default.
    fn number<N: FromStr + Default>(&self, name: &str) -> N {
        let origins = self.origins(name);
        let mut numbers = origins.iter().filter_map(|o| o.converted().trim().parse().ok());
        numbers.next().unwrap_or_default()
    }

    fn compression(&self) -> Compression {
        match self.text("compression.type").as_str() {
            "uncompressed" => Compression::Uncompressed,
            "gzip" => Compression::Gzip(self.number("compression.gzip.level")),
            "snappy" => Compression::Snappy,
            "lz4" => Compression::Lz4(self.number("compression.lz4.level")),
            "zstd" => Compression::Zstd(self.number("compression.zstd.level")),
            _ => Compression::Producer,
        }
    }
}

impl Layers<'_> {
    /// A broker's integer setting; 0 for Kafka's null.
    pub fn broker_int(&self, name: &str) -> i64 {
        self.broker_value(name).and_then(|value| integer(&value)).unwrap_or_default()
    }

    /// A broker's boolean setting; false for Kafka's null.
    pub fn broker_bool(&self, name: &str) -> bool {
        self.broker_value(name).and_then(|value| boolean(&value)).unwrap_or_default()
    }
}
