//! What requests are answered with.

use std::sync::Arc;

use bytes::Bytes;
use thalweg_types::{LeaderEpoch, Offset};

use crate::{GroupError, GroupId, InstanceId, MemberId, TopicPartitions};

/// The answer to a [`crate::Request`] of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The member is in a generation, or was refused.
    JoinGroup(Result<Joined, JoinRefusal>),
    /// The member's assignment.
    SyncGroup(Result<Synced, GroupError>),
    /// The member lives on.
    Heartbeat(Result<(), GroupError>),
    /// What became of each leaver, in the order of the request.
    LeaveGroup(Result<Vec<Left>, GroupError>),
    /// What became of each offset, in the order of the request.
    OffsetCommit(Result<Vec<TopicPartitions<PartitionResult>>, GroupError>),
    /// What became of each offset, in the order of the request.
    TxnOffsetCommit(Result<Vec<TopicPartitions<PartitionResult>>, GroupError>),
    /// The offsets, in the order of the request.
    OffsetFetch(Result<Vec<TopicPartitions<FetchedOffset>>, GroupError>),
    /// What became of each offset, in the order of the request.
    OffsetDelete(Result<Vec<TopicPartitions<PartitionResult>>, GroupError>),
    /// The groups, in the order of the request.
    DescribeGroups(Result<Vec<DescribedGroup>, GroupError>),
    /// The groups, by name.
    ListGroups(Result<Vec<ListedGroup>, GroupError>),
    /// What became of each group, in the order of the request.
    DeleteGroups(Result<Vec<DeletedGroup>, GroupError>),
}

impl Reply {
    /// Why a member did not join.
    pub(crate) fn refused_join(member_id: &MemberId, error: GroupError) -> Self {
        Self::JoinGroup(Err(JoinRefusal { member_id: member_id.clone(), error }))
    }
}

/// A member of a new generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The member's id, perhaps a new one.
    pub member_id: MemberId,
    /// The generation.
    pub generation: i32,
    /// What the members agree on.
    pub protocol_type: Option<Arc<str>>,
    /// The protocol that all members support.
    pub protocol: Option<Arc<str>>,
    /// The member that assigns.
    pub leader: MemberId,
    /// True if the leader should leave the assignments as they are (KIP-814).
    pub skip_assignment: bool,
    /// All members, for the leader; empty for the others.
    pub members: Vec<JoinedMember>,
}

/// A member as the leader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedMember {
    /// The member.
    pub member_id: MemberId,
    /// The instance of a static member.
    pub instance_id: Option<InstanceId>,
    /// What the member said under the chosen protocol, untouched.
    pub metadata: Bytes,
}

/// Why a member did not join, and the member id that the reply carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinRefusal {
    /// The new id with [`GroupError::MemberIdRequired`]; else the member's own, or unknown.
    pub member_id: MemberId,
    /// Why.
    pub error: GroupError,
}

/// A member's share of the generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synced {
    /// What the members agree on.
    pub protocol_type: Option<Arc<str>>,
    /// The generation's protocol.
    pub protocol: Option<Arc<str>>,
    /// What the leader assigned, untouched; empty if nothing.
    pub assignment: Bytes,
}

/// What became of a [`crate::Leaver`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// As in the request.
    pub member_id: MemberId,
    /// As in the request.
    pub instance_id: Option<InstanceId>,
    /// Whether it left.
    pub result: Result<(), GroupError>,
}

/// What became of a group to delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedGroup {
    /// The group.
    pub group_id: GroupId,
    /// Whether it is gone.
    pub result: Result<(), GroupError>,
}

/// What became of one partition of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionResult {
    /// The partition.
    pub partition: i32,
    /// Whether it was done.
    pub result: Result<(), GroupError>,
}

/// The committed offset of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedOffset {
    /// The partition.
    pub partition: i32,
    /// The next offset to read, or [`Offset::NONE`].
    pub offset: Offset,
    /// The leader epoch of the last record read, or none.
    pub leader_epoch: LeaderEpoch,
    /// The client's text.
    pub metadata: String,
    /// Why the offset is not told, if it is not.
    pub result: Result<(), GroupError>,
}

/// The state of a classic group, as Kafka names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupState {
    /// No members; perhaps offsets.
    Empty,
    /// Waiting for members to join.
    PreparingRebalance,
    /// Waiting for the leader's assignments.
    CompletingRebalance,
    /// Every member can have its assignment.
    Stable,
    /// There is no such group.
    Dead,
}

impl GroupState {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
            Self::Dead => "Dead",
        }
    }
}

/// The protocol that a group follows. Consumer, share and streams groups come beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupType {
    /// Clients assign; the coordinator only passes on.
    Classic,
}

impl GroupType {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Classic => "classic",
        }
    }
}

/// A group as an administrator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedGroup {
    /// The group.
    pub group_id: GroupId,
    /// Whether it could be described.
    pub result: Result<(), GroupError>,
    /// Its state.
    pub state: GroupState,
    /// What the members agree on, or empty.
    pub protocol_type: Arc<str>,
    /// The protocol of a stable group, or empty.
    pub protocol: Arc<str>,
    /// The members, by id.
    pub members: Vec<DescribedMember>,
}

/// A member as an administrator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedMember {
    /// The member.
    pub member_id: MemberId,
    /// The instance of a static member.
    pub instance_id: Option<InstanceId>,
    /// `client.id`.
    pub client_id: Arc<str>,
    /// Where it connects from.
    pub client_host: Arc<str>,
    /// Its subscription, told of a stable group only.
    pub metadata: Bytes,
    /// Its assignment in the last generation that had one.
    pub assignment: Bytes,
}

/// A group in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedGroup {
    /// The group.
    pub group_id: GroupId,
    /// What the members agree on, or empty.
    pub protocol_type: Arc<str>,
    /// Its state.
    pub state: GroupState,
    /// The protocol it follows.
    pub group_type: GroupType,
}
