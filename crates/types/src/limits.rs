//! Limits shared by several crates. Each bounds something that a client chooses.

/// Longest topic name, as in Kafka (`Topic.MAX_NAME_LENGTH`).
pub const TOPIC_NAME_LENGTH_MAX: usize = 249;

/// Most partitions of one topic.
pub const PARTITIONS_PER_TOPIC_MAX: i32 = 100_000;

/// Largest accepted record batch in bytes, before a topic's `max.message.bytes` narrows it.
/// Lengths on disk are checked against it before anything is allocated.
pub const BATCH_LENGTH_MAX: usize = 128 << 20;
