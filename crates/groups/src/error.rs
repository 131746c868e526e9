//! Why a request was not served.

use thalweg_types::ErrorKind;

/// The refusals of the group protocols, named as Kafka names them. A door maps each to its wire code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupError {
    /// The records of this partition are still being replayed.
    #[error("the coordinator is loading")]
    CoordinatorLoadInProgress,
    /// This broker no longer owns the group. Never answered here: for the driver that drops a machine.
    #[error("this is not the coordinator of the group")]
    NotCoordinator,
    /// A limit of the whole partition is reached, or the coordinator is shutting down; try again later.
    #[error("the coordinator is not available")]
    CoordinatorNotAvailable,
    /// The request contradicts itself, or a name in it is too long.
    #[error("invalid request")]
    InvalidRequest,
    /// The group id is empty where it must not be.
    #[error("invalid group id")]
    InvalidGroupId,
    /// No such group.
    #[error("group id not found")]
    GroupIdNotFound,
    /// The group still has members.
    #[error("the group is not empty")]
    NonEmptyGroup,
    /// The group has its largest size already.
    #[error("the group has reached its maximum size")]
    GroupMaxSizeReached,
    /// Members of the group read this topic, so its offsets stay.
    #[error("the group is subscribed to the topic")]
    GroupSubscribedToTopic,
    /// Join again with the member id of this reply (KIP-394).
    #[error("a member id is required")]
    MemberIdRequired,
    /// The member is not, or no longer, in the group.
    #[error("unknown member id")]
    UnknownMemberId,
    /// Another process took over the instance id (KIP-345).
    #[error("the instance id is in use by a newer member")]
    FencedInstanceId,
    /// The request belongs to another generation of the group.
    #[error("illegal generation")]
    IllegalGeneration,
    /// The member has no protocol in common with the group.
    #[error("inconsistent group protocol")]
    InconsistentGroupProtocol,
    /// The session timeout is outside of the configured bounds.
    #[error("invalid session timeout")]
    InvalidSessionTimeout,
    /// The group is forming a new generation: join again.
    #[error("a rebalance is in progress")]
    RebalanceInProgress,
    /// The text beside an offset is too long.
    #[error("offset metadata is too large")]
    OffsetMetadataTooLarge,
    /// No room for further committed offsets.
    #[error("too many committed offsets")]
    InvalidCommitOffsetSize,
    /// A transaction that commits this offset is open.
    #[error("a transactional commit of the offset is pending")]
    UnstableOffsetCommit,
    /// The client may not do this with the group. The broker says so, not its coordinator.
    #[error("group authorization failed")]
    GroupAuthorizationFailed,
    /// The client may not know of the topic. The broker says so, not the group's coordinator.
    #[error("topic authorization failed")]
    TopicAuthorizationFailed,
    /// The group's record would exceed the largest record; Kafka has no better code.
    #[error("the group's metadata exceeds the largest record")]
    UnknownServerError,
}

impl GroupError {
    /// What the caller should do.
    pub fn kind(self) -> ErrorKind {
        match self {
            Self::CoordinatorLoadInProgress
            | Self::CoordinatorNotAvailable
            | Self::MemberIdRequired
            | Self::RebalanceInProgress
            | Self::UnstableOffsetCommit => ErrorKind::Retry,
            Self::NotCoordinator | Self::FencedInstanceId => ErrorKind::Fenced,
            Self::GroupIdNotFound | Self::UnknownMemberId => ErrorKind::NotFound,
            Self::GroupMaxSizeReached
            | Self::OffsetMetadataTooLarge
            | Self::InvalidCommitOffsetSize
            | Self::UnknownServerError => ErrorKind::Limit,
            Self::InvalidRequest
            | Self::InvalidGroupId
            | Self::NonEmptyGroup
            | Self::GroupSubscribedToTopic
            | Self::IllegalGeneration
            | Self::InconsistentGroupProtocol
            | Self::InvalidSessionTimeout
            | Self::GroupAuthorizationFailed
            | Self::TopicAuthorizationFailed => ErrorKind::Invalid,
        }
    }
}
