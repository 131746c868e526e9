//! What clients are told of the errors beneath.
//!
//! Each source has one exhaustive match, so that a new error does not compile without an answer.

use std::sync::Arc;

use thalweg_broker::acl::ResourceType;
use thalweg_broker::{
    BrokerError, ClusterError, Fault, GroupError, JoinRefusal, ProducerError, RecordsError,
    TransactionError,
};
use thalweg_kafka_wire::ErrorCode;

/// An error that has a code on the wire.
pub(crate) trait AsErrorCode {
    fn error_code(&self) -> ErrorCode;
}

/// The code of an outcome, 0 for success.
pub(crate) fn code_of<T, E: AsErrorCode>(outcome: &Result<T, E>) -> i16 {
    outcome.as_ref().map_or_else(|error| error.error_code().code(), |_| ErrorCode::None.code())
}

/// The text beside the code of an outcome, null for success.
pub(crate) fn message_of<T, E: ToString>(outcome: &Result<T, E>) -> Option<String> {
    outcome.as_ref().err().map(ToString::to_string)
}

impl AsErrorCode for ErrorCode {
    fn error_code(&self) -> ErrorCode {
        *self
    }
}

impl<E: AsErrorCode> AsErrorCode for Arc<E> {
    fn error_code(&self) -> ErrorCode {
        (**self).error_code()
    }
}

impl AsErrorCode for BrokerError {
    fn error_code(&self) -> ErrorCode {
        match self {
            Self::Unauthorized(resource_type) => resource_type.error_code(),
            Self::UnknownTopicOrPartition => ErrorCode::UnknownTopicOrPartition,
            Self::UnknownTopicId => ErrorCode::UnknownTopicId,
            Self::InvalidTopicName(_) | Self::InternalTopic(_) => ErrorCode::InvalidTopicException,
            Self::TopicDeletionDisabled => ErrorCode::TopicDeletionDisabled,
            Self::Policy(_) => ErrorCode::PolicyViolation,
            Self::Records(error) => error.error_code(),
            Self::BatchLargerThanSegment { .. } => ErrorCode::RecordListTooLarge,
            Self::NoTransactionalId => ErrorCode::TransactionalIdAuthorizationFailed,
            Self::NotEnoughReplicas { .. } => ErrorCode::NotEnoughReplicas,
            Self::Producer(error) => error.error_code(),
            Self::OffsetOutOfRange { .. } => ErrorCode::OffsetOutOfRange,
            Self::FencedLeaderEpoch { .. } => ErrorCode::FencedLeaderEpoch,
            Self::UnknownLeaderEpoch { .. } => ErrorCode::UnknownLeaderEpoch,
            Self::Cluster(error) => error.error_code(),
            Self::Group(error) => error.error_code(),
            Self::Transaction(error) => error.error_code(),
            Self::Corrupt(_) => ErrorCode::CorruptMessage,
            Self::Storage(_) | Self::Metadata(_) => ErrorCode::KafkaStorageError,
            // Clients look for the new leader then, which is what a broker that goes away wants.
            Self::Closing => ErrorCode::NotLeaderOrFollower,
            Self::Locked(_)
            | Self::NoFormat(_)
            | Self::OtherNode { .. }
            | Self::Format { .. }
            | Self::DataDir { .. } => ErrorCode::UnknownServerError,
        }
    }
}

/// The error of who may not do something with a resource of the type.
impl AsErrorCode for ResourceType {
    fn error_code(&self) -> ErrorCode {
        match self {
            Self::Topic => ErrorCode::TopicAuthorizationFailed,
            Self::Group => ErrorCode::GroupAuthorizationFailed,
            // Kafka has no code for users.
            Self::Cluster | Self::User => ErrorCode::ClusterAuthorizationFailed,
            Self::TransactionalId => ErrorCode::TransactionalIdAuthorizationFailed,
            Self::DelegationToken => ErrorCode::DelegationTokenAuthorizationFailed,
        }
    }
}

impl AsErrorCode for RecordsError {
    fn error_code(&self) -> ErrorCode {
        match self.fault() {
            Fault::Corrupt => ErrorCode::CorruptMessage,
            Fault::InvalidRecord | Fault::UnsupportedFormat => ErrorCode::InvalidRecord,
            Fault::UnsupportedCompression => ErrorCode::UnsupportedCompressionType,
            Fault::TooLarge => ErrorCode::MessageTooLarge,
            Fault::InvalidTimestamp => ErrorCode::InvalidTimestamp,
        }
    }
}

impl AsErrorCode for ProducerError {
    fn error_code(&self) -> ErrorCode {
        match self {
            Self::OutOfOrder { .. } => ErrorCode::OutOfOrderSequenceNumber,
            Self::StaleEpoch { .. } => ErrorCode::InvalidProducerEpoch,
            Self::TransactionOpen | Self::NoTransaction => ErrorCode::InvalidTxnState,
            Self::StaleCoordinator { .. } => ErrorCode::TransactionCoordinatorFenced,
        }
    }
}

impl AsErrorCode for ClusterError {
    fn error_code(&self) -> ErrorCode {
        match self {
            Self::TopicName(_) | Self::TopicCollision { .. } => ErrorCode::InvalidTopicException,
            Self::TopicExists(_) => ErrorCode::TopicAlreadyExists,
            Self::UnknownTopic(_) => ErrorCode::UnknownTopicOrPartition,
            Self::UnknownTopicId(_) => ErrorCode::UnknownTopicId,
            Self::Partitions(_) | Self::NotAnIncrease { .. } => ErrorCode::InvalidPartitions,
            Self::TooManyPartitions { .. } | Self::TooManyAcls => ErrorCode::PolicyViolation,
            Self::ReplicationFactor(_) => ErrorCode::InvalidReplicationFactor,
            Self::ReplicaAssignment(_) => ErrorCode::InvalidReplicaAssignment,
            Self::UnknownConfig { .. }
            | Self::InvalidConfig { .. }
            | Self::ConfigConflict(_)
            | Self::RefusedConfig { .. }
            | Self::NotAList { .. } => ErrorCode::InvalidConfig,
            Self::AssignmentAndCounts
            | Self::NullConfig(_)
            | Self::DuplicateConfig(_)
            | Self::ReadOnlyConfig(_)
            | Self::PerBrokerConfig(_)
            | Self::UnknownBroker(_)
            | Self::UnnamedGroup
            | Self::InvalidAcl(_) => ErrorCode::InvalidRequest,
            Self::ProducerIdsExhausted
            | Self::Encode(_)
            | Self::Malformed(_)
            | Self::Newer(_)
            | Self::NewerFormat { .. }
            | Self::Inconsistent(_) => ErrorCode::UnknownServerError,
        }
    }
}

impl AsErrorCode for GroupError {
    fn error_code(&self) -> ErrorCode {
        match self {
            Self::CoordinatorLoadInProgress => ErrorCode::CoordinatorLoadInProgress,
            Self::NotCoordinator => ErrorCode::NotCoordinator,
            Self::CoordinatorNotAvailable => ErrorCode::CoordinatorNotAvailable,
            Self::InvalidRequest => ErrorCode::InvalidRequest,
            Self::InvalidGroupId => ErrorCode::InvalidGroupId,
            Self::GroupIdNotFound => ErrorCode::GroupIdNotFound,
            Self::NonEmptyGroup => ErrorCode::NonEmptyGroup,
            Self::GroupMaxSizeReached => ErrorCode::GroupMaxSizeReached,
            Self::GroupSubscribedToTopic => ErrorCode::GroupSubscribedToTopic,
            Self::MemberIdRequired => ErrorCode::MemberIdRequired,
            Self::UnknownMemberId => ErrorCode::UnknownMemberId,
            Self::FencedInstanceId => ErrorCode::FencedInstanceId,
            Self::IllegalGeneration => ErrorCode::IllegalGeneration,
            Self::InconsistentGroupProtocol => ErrorCode::InconsistentGroupProtocol,
            Self::InvalidSessionTimeout => ErrorCode::InvalidSessionTimeout,
            Self::RebalanceInProgress => ErrorCode::RebalanceInProgress,
            Self::OffsetMetadataTooLarge => ErrorCode::OffsetMetadataTooLarge,
            Self::InvalidCommitOffsetSize => ErrorCode::InvalidCommitOffsetSize,
            Self::UnstableOffsetCommit => ErrorCode::UnstableOffsetCommit,
            Self::GroupAuthorizationFailed => ErrorCode::GroupAuthorizationFailed,
            Self::TopicAuthorizationFailed => ErrorCode::TopicAuthorizationFailed,
            Self::UnknownServerError => ErrorCode::UnknownServerError,
        }
    }
}

impl AsErrorCode for TransactionError {
    fn error_code(&self) -> ErrorCode {
        match self {
            Self::CoordinatorLoadInProgress => ErrorCode::CoordinatorLoadInProgress,
            Self::NotCoordinator => ErrorCode::NotCoordinator,
            Self::CoordinatorNotAvailable => ErrorCode::CoordinatorNotAvailable,
            Self::InvalidRequest => ErrorCode::InvalidRequest,
            Self::InvalidTransactionTimeout => ErrorCode::InvalidTransactionTimeout,
            Self::ConcurrentTransactions => ErrorCode::ConcurrentTransactions,
            Self::InvalidProducerIdMapping => ErrorCode::InvalidProducerIdMapping,
            Self::ProducerFenced => ErrorCode::ProducerFenced,
            Self::InvalidTxnState => ErrorCode::InvalidTxnState,
            Self::TransactionAbortable => ErrorCode::TransactionAbortable,
            Self::TransactionalIdNotFound => ErrorCode::TransactionalIdNotFound,
            Self::InvalidRegularExpression => ErrorCode::InvalidRegularExpression,
            Self::TransactionalIdAuthorizationFailed => {
                ErrorCode::TransactionalIdAuthorizationFailed
            }
            Self::UnknownServerError => ErrorCode::UnknownServerError,
        }
    }
}

impl AsErrorCode for JoinRefusal {
    fn error_code(&self) -> ErrorCode {
        self.error.error_code()
    }
}
