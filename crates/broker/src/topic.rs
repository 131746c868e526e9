//! A topic as requests meet it: its facts, its configuration in force, its partitions.

use std::sync::Arc;
use std::time::Duration;

use thalweg_cluster::config::{self, TopicConfig};
use thalweg_cluster::is_internal;
use thalweg_log::{Cleanup, Durability, Partition, PartitionConfig};
use thalweg_types::{TopicId, TopicName};

use crate::BrokerError;
use crate::metrics::TopicTraffic;

/// How a request names a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicKey<'a> {
    /// By name, legal or not.
    Name(&'a str),
    /// By the id of one incarnation.
    Id(TopicId),
}

impl TopicKey<'_> {
    /// The error that says that there is no such topic.
    pub(crate) const fn unknown(self) -> BrokerError {
        match self {
            Self::Name(_) => BrokerError::UnknownTopicOrPartition,
            Self::Id(_) => BrokerError::UnknownTopicId,
        }
    }
}

/// One incarnation of a topic, at one moment.
#[derive(Debug)]
pub struct Topic {
    pub(crate) facts: Arc<thalweg_cluster::Topic>,
    pub(crate) config: TopicConfig,
    pub(crate) partitions: Vec<Arc<Partition>>,
    pub(crate) traffic: Arc<TopicTraffic>,
}

impl Topic {
    /// Names this incarnation.
    pub fn id(&self) -> TopicId {
        self.facts.id
    }

    /// The name.
    pub fn name(&self) -> &TopicName {
        &self.facts.name
    }

    /// How many partitions it has, numbered from 0.
    pub fn partition_count(&self) -> i32 {
        self.facts.partitions
    }

    /// How many copies its creator asked for; reported, not kept.
    pub fn replication_factor(&self) -> i16 {
        self.facts.replication_factor
    }

    /// True if brokers keep their own state in it.
    pub fn is_internal(&self) -> bool {
        is_internal(self.facts.name.as_str())
    }

    /// The configuration in force.
    pub fn config(&self) -> &TopicConfig {
        &self.config
    }

    /// What has come and gone.
    pub fn traffic(&self) -> &TopicTraffic {
        &self.traffic
    }

    /// What an acknowledgement is worth, in words.
    pub fn durability_in_words(&self) -> &'static str {
        durability(&self.config).in_words()
    }

    pub(crate) fn partition(&self, number: i32) -> Result<&Arc<Partition>, BrokerError> {
        usize::try_from(number)
            .ok()
            .and_then(|number| self.partitions.get(number))
            .ok_or(BrokerError::UnknownTopicOrPartition)
    }
}

/// What the log has to know of a topic's configuration. Where Kafka has a negative number for "no
/// limit", the log has none.
pub(crate) fn partition_config(config: &TopicConfig) -> PartitionConfig {
    PartitionConfig {
        durability: durability(config),
        cleanup: Cleanup {
            delete: config.cleanup_policy.delete,
            compact: config.cleanup_policy.compact,
        },
        retention: limit(config.retention_ms).map(Duration::from_millis),
        retention_bytes: limit(config.retention_bytes),
        segment_bytes: limit(config.segment_bytes.into()).unwrap_or_default(),
        segment_age: millis(config.segment_ms),
        delete_retention: millis(config.delete_retention_ms),
        compaction_lag_min: millis(config.min_compaction_lag_ms),
        compaction_lag_max: (config.max_compaction_lag_ms != i64::MAX)
            .then(|| millis(config.max_compaction_lag_ms)),
        dirty_percent_min: (config.min_cleanable_dirty_ratio * 100.0).round() as u8,
    }
}

fn durability(config: &TopicConfig) -> Durability {
    match config.durability {
        config::Durability::Flush => Durability::Flush,
        config::Durability::Os => Durability::Os,
    }
}

fn limit(value: i64) -> Option<u64> {
    u64::try_from(value).ok()
}

fn millis(value: i64) -> Duration {
    Duration::from_millis(limit(value).unwrap_or_default())
}
