//! Why a request to change the cluster is refused, or the chain cannot be followed.

use thalweg_types::{
    BrokerId, ErrorKind, InvalidTopicName, PARTITIONS_PER_TOPIC_MAX, TopicId, TopicName,
};

use crate::decide::ACLS_MAX;

/// An error of the cluster's state machine. Texts are meant for the client that asked.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// Not a topic's name.
    #[error("topic name is invalid: {0}")]
    TopicName(#[from] InvalidTopicName),
    /// A name that differs from an existing one in `.` and `_` only.
    #[error("topic '{name}' collides with existing topic: {existing}")]
    TopicCollision {
        /// The new name.
        name: TopicName,
        /// The name that is there.
        existing: TopicName,
    },
    /// A topic of that name exists.
    #[error("topic '{0}' already exists")]
    TopicExists(TopicName),
    /// No such topic.
    #[error("there is no topic '{0}'")]
    UnknownTopic(String),
    /// No topic with that id.
    #[error("there is no topic with the id {0}")]
    UnknownTopicId(TopicId),
    /// A number of partitions that no topic has.
    #[error("the number of partitions must be between 1 and {PARTITIONS_PER_TOPIC_MAX}: {0}")]
    Partitions(i32),
    /// The topic would not grow.
    #[error("topic '{name}' has {current} partition(s): {asked} would not be an increase")]
    NotAnIncrease {
        /// The topic.
        name: TopicName,
        /// How many partitions it has.
        current: i32,
        /// How many were asked for.
        asked: i32,
    },
    /// All topics together would have too many partitions.
    #[error(
        "the cluster has {current} partition(s), and {more} more would exceed cluster.partitions.max={max}"
    )]
    TooManyPartitions {
        /// How many there are.
        current: i64,
        /// How many would come.
        more: i64,
        /// How many there may be.
        max: i64,
    },
    /// A replication factor that is not accepted.
    #[error("the replication factor must be between 1 and 3, or -1 for the default: {0}")]
    ReplicationFactor(i16),
    /// Assignments of replicas that contradict themselves or the cluster.
    #[error("{0}")]
    ReplicaAssignment(String),
    /// Partitions or copies given beside assignments that imply them.
    #[error("with replica assignments, partitions and replication factor must be -1")]
    AssignmentAndCounts,
    /// No setting of that name.
    #[error("unknown {scope} config name: {name}{}", suggestion_text(*.suggestion))]
    UnknownConfig {
        /// Whose setting it would be.
        scope: &'static str,
        /// The name.
        name: String,
        /// The nearest known name.
        suggestion: Option<&'static str>,
    },
    /// A value that the setting cannot have.
    #[error("invalid value {value} for configuration {name}: {reason}")]
    InvalidConfig {
        /// The setting.
        name: &'static str,
        /// The value.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Values that exclude each other.
    #[error("{0}")]
    ConfigConflict(String),
    /// A setting of Kafka's that would be a lie to accept.
    #[error("{name} is not accepted: {because}")]
    RefusedConfig {
        /// The setting.
        name: String,
        /// The reason.
        because: &'static str,
    },
    /// A setting without a value.
    #[error("null value not supported for configuration {0}")]
    NullConfig(String),
    /// One setting named twice in one request.
    #[error("configuration {0} is given more than once")]
    DuplicateConfig(String),
    /// An operation on elements of what is no list.
    #[error("can't {operation} to configuration {name} because its type is not LIST")]
    NotAList {
        /// The operation.
        operation: &'static str,
        /// The setting.
        name: &'static str,
    },
    /// A broker's setting that needs a restart.
    #[error(
        "configuration {0} cannot change while the broker runs: set it in its file and restart"
    )]
    ReadOnlyConfig(&'static str),
    /// A broker's setting that cannot be one for all.
    #[error("configuration {0} cannot be set for all brokers: name one")]
    PerBrokerConfig(&'static str),
    /// Settings for a broker that never was.
    #[error("there is no broker {0}")]
    UnknownBroker(BrokerId),
    /// Settings for a group without a name.
    #[error("a group's settings need the group's name")]
    UnnamedGroup,
    /// Not an ACL that could be kept.
    #[error("{0}")]
    InvalidAcl(String),
    /// There are as many ACLs as there may be.
    #[error("there may be {ACLS_MAX} ACLs at most")]
    TooManyAcls,
    /// All producer ids are given away.
    #[error("there are no producer ids left")]
    ProducerIdsExhausted,
    /// An entry that cannot be written.
    #[error("cannot encode a metadata entry")]
    Encode(#[source] serde_json::Error),
    /// An entry that is no entry.
    #[error("metadata entry is malformed")]
    Malformed(#[source] serde_json::Error),
    /// An entry with something that this version does not know.
    #[error("metadata entry was written by a newer version of this program ({0}): start that one")]
    Newer(#[source] serde_json::Error),
    /// A format that this version does not know.
    #[error(
        "metadata is of format {found}, written by a newer version of this program; this one reads up to {known}"
    )]
    NewerFormat {
        /// The chain's format.
        found: u16,
        /// The newest format known.
        known: u16,
    },
    /// A record that does not follow from those before it.
    #[error("metadata record contradicts those before it: {0}")]
    Inconsistent(&'static str),
}

fn suggestion_text(suggestion: Option<&str>) -> String {
    suggestion.map(|name| format!("; did you mean {name}?")).unwrap_or_default()
}

impl ClusterError {
    /// What the caller should do.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::UnknownTopic(_) | Self::UnknownTopicId(_) => ErrorKind::NotFound,
            Self::TopicExists(_) => ErrorKind::Exists,
            Self::TooManyPartitions { .. } | Self::TooManyAcls | Self::ProducerIdsExhausted => {
                ErrorKind::Limit
            }
            Self::Malformed(_) | Self::Inconsistent(_) => ErrorKind::Corrupt,
            _ => ErrorKind::Invalid,
        }
    }
}
