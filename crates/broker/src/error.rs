//! What a request can be refused with.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use thalweg_bucket::BucketError;
use thalweg_cluster::ClusterError;
use thalweg_cluster::acl::ResourceType;
use thalweg_frame::FrameError;
use thalweg_groups::GroupError;
use thalweg_log::{AppendError, LogError, ProducerError};
use thalweg_records::RecordsError;
use thalweg_transactions::TransactionError;
use thalweg_types::{BrokerId, ErrorKind, InvalidTopicName, LeaderEpoch, Offset, TopicName};

/// Errors of the broker. Each is one answer in the terms of any door; [`BrokerError::kind`] says
/// what a caller should do.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The client may not do this with a resource of that type. Which one, it has to know itself.
    #[error("{0} authorization failed")]
    Unauthorized(ResourceType),
    /// No topic of that name, or no such partition of it.
    #[error("this server does not host this topic-partition")]
    UnknownTopicOrPartition,
    /// No topic with that id.
    #[error("this server does not host a topic with this id")]
    UnknownTopicId,
    /// Not a topic's name.
    #[error("topic name is invalid: {0}")]
    InvalidTopicName(#[from] InvalidTopicName),
    /// Clients do not write to the topics in which brokers keep their own state.
    #[error("topic '{0}' is internal")]
    InternalTopic(TopicName),
    /// `delete.topic.enable` is false.
    #[error("topic deletion is disabled")]
    TopicDeletionDisabled,
    /// The topic's or the broker's configuration forbids the request.
    #[error("{0}")]
    Policy(&'static str),

    /// The batch, or records in it, are not acceptable; `RecordsError::fault` says how.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// The batch is larger than a segment.
    #[error("the batch has {length} bytes, more than segment.bytes={max}")]
    BatchLargerThanSegment {
        /// Bytes of the whole batch.
        length: usize,
        /// The topic's `segment.bytes`.
        max: usize,
    },
    /// The batch belongs to a transaction, and the request does not say to which.
    #[error("a transactional batch needs a transactional id")]
    NoTransactionalId,
    /// All copies are asked for where the topic wants more of them than it has.
    #[error("min.insync.replicas is {required}, the topic has {copies} replica(s)")]
    NotEnoughReplicas {
        /// The topic's `min.insync.replicas`.
        required: i32,
        /// Its replication factor.
        copies: i16,
    },
    /// The producer's sequence or epoch does not fit.
    #[error(transparent)]
    Producer(#[from] ProducerError),

    /// The offset lies before the log start or after what is durable.
    #[error("offset {asked} is outside of {start} to {end}")]
    OffsetOutOfRange {
        /// What was asked for.
        asked: Offset,
        /// The log start offset.
        start: Offset,
        /// The high watermark.
        end: Offset,
    },
    /// The client believes in an owner that is gone.
    #[error("leader epoch {asked} is older than the current one, {current}")]
    FencedLeaderEpoch {
        /// What the client believes.
        asked: LeaderEpoch,
        /// The current one.
        current: LeaderEpoch,
    },
    /// The client knows of an owner that is not known here.
    #[error("leader epoch {asked} is newer than the current one, {current}")]
    UnknownLeaderEpoch {
        /// What the client believes.
        asked: LeaderEpoch,
        /// The current one.
        current: LeaderEpoch,
    },

    /// A change of topics or configurations is refused; the error says why.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// A group's coordinator refuses.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// A transaction's coordinator refuses.
    #[error(transparent)]
    Transaction(#[from] TransactionError),

    /// Stored bytes failed their checksum. They are not served.
    #[error("{0}")]
    Corrupt(LogError),
    /// The log cannot read or write now.
    #[error("{0}")]
    Storage(LogError),
    /// The metadata chain cannot be read or written now.
    #[error("metadata: {0}")]
    Metadata(#[from] ChainError),
    /// The broker is shutting down.
    #[error("the broker is shutting down")]
    Closing,

    /// Another process has the data directory.
    #[error("{0} is in use by another process: stop it, or choose another --data-dir")]
    Locked(PathBuf),
    /// The directory holds data, but nothing that says of which format.
    #[error(
        "{0} holds data, but its FORMAT file is missing: restore it, or choose another --data-dir"
    )]
    NoFormat(PathBuf),
    /// The directory was made by a broker of another number. Its epochs would not fit.
    #[error(
        "the data directory belongs to broker {owner}: start it with node.id={owner}, not {node}"
    )]
    OtherNode {
        /// The broker that made it.
        owner: BrokerId,
        /// The number that was configured now.
        node: BrokerId,
    },
    /// The FORMAT file does not read.
    #[error("{path}: {source}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it. [`FrameError::Newer`] if a newer version wrote the directory.
        source: FrameError,
    },
    /// The data directory cannot be used.
    #[error("{doing} {path}: {source}")]
    DataDir {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

/// Why the metadata chain cannot be followed or extended. Cheap to clone, because all who wait for
/// one entry are told.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ChainError {
    /// The store failed.
    #[error("{0}")]
    Store(Arc<BucketError>),
    /// An entry does not read, or does not follow from those before it.
    #[error("{0}")]
    Entry(Arc<ClusterError>),
}

impl BrokerError {
    /// What the caller should do.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::UnknownTopicOrPartition | Self::UnknownTopicId => ErrorKind::NotFound,
            Self::Unauthorized(_)
            | Self::InvalidTopicName(_)
            | Self::InternalTopic(_)
            | Self::TopicDeletionDisabled
            | Self::Policy(_)
            | Self::NoTransactionalId
            | Self::NotEnoughReplicas { .. }
            | Self::OffsetOutOfRange { .. }
            | Self::Producer(
                ProducerError::OutOfOrder { .. }
                | ProducerError::TransactionOpen
                | ProducerError::NoTransaction,
            )
            | Self::NoFormat(_)
            | Self::OtherNode { .. } => ErrorKind::Invalid,
            Self::BatchLargerThanSegment { .. } => ErrorKind::Limit,
            Self::Records(error) => error.kind(),
            Self::Producer(
                ProducerError::StaleEpoch { .. } | ProducerError::StaleCoordinator { .. },
            )
            | Self::FencedLeaderEpoch { .. } => ErrorKind::Fenced,
            Self::UnknownLeaderEpoch { .. } | Self::Closing => ErrorKind::Retry,
            Self::Cluster(error) => error.kind(),
            Self::Group(error) => error.kind(),
            Self::Transaction(error) => error.kind(),
            Self::Corrupt(_) => ErrorKind::Corrupt,
            Self::Storage(error) => error.kind(),
            Self::Metadata(error) => error.kind(),
            Self::Locked(_) => ErrorKind::Exists,
            Self::Format { source, .. } => source.kind(),
            Self::DataDir { .. } => ErrorKind::Io,
        }
    }

    pub(crate) fn data_dir(
        doing: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::DataDir { doing, path, source }
    }
}

impl From<LogError> for BrokerError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::OffsetOutOfRange { asked, start, end } => {
                Self::OffsetOutOfRange { asked, start, end }
            }
            LogError::Deleted(_) => Self::UnknownTopicOrPartition,
            LogError::Closing => Self::Closing,
            LogError::Corrupt { .. } => Self::Corrupt(error),
            LogError::NewerFormat { .. }
            | LogError::Io { .. }
            | LogError::Stalled(_)
            | LogError::WriteFailed
            | LogError::Locked(_) => Self::Storage(error),
        }
    }
}

impl From<AppendError> for BrokerError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Producer(error) => Self::Producer(error),
            AppendError::Log(error) => error.into(),
            AppendError::Marker(error) => Self::Records(error),
        }
    }
}

impl ChainError {
    /// What the caller should do.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Store(error) => error.kind(),
            Self::Entry(error) => error.kind(),
        }
    }
}

impl From<BucketError> for ChainError {
    fn from(error: BucketError) -> Self {
        Self::Store(Arc::new(error))
    }
}

impl From<ClusterError> for ChainError {
    fn from(error: ClusterError) -> Self {
        Self::Entry(Arc::new(error))
    }
}
