//! What a step can be told: requests, and events of the broker.
//!
//! Differences between versions of Kafka's messages appear as fields that say what they mean. What
//! only decides how a reply is encoded is not here.

use std::sync::Arc;

use bytes::Bytes;
use thalweg_coordination::Producer;
use thalweg_types::{LeaderEpoch, Offset, ProducerId, TopicId, TopicName, TxnOutcome};

use crate::{GroupError, GroupId, InstanceId, MemberId, Reply, ReplyTo};

/// One input of a step.
#[derive(Clone, Debug)]
pub enum Input {
    /// All records of the partition have been replayed: sessions start, requests are served from now on.
    Loaded,
    /// A client asks.
    Request {
        /// Where the answer goes.
        reply_to: ReplyTo,
        /// The question.
        request: Request,
    },
    /// Topics are gone, and their committed offsets with them.
    TopicsDeleted(Vec<DeletedTopic>),
    /// A transaction has ended: its marker is in the log, behind all records handed out so far. This
    /// causes nothing but what later steps find. Producers that have nothing here are welcome.
    TransactionEnded {
        /// Whose.
        producer: ProducerId,
        /// How.
        outcome: TxnOutcome,
    },
    /// The deadline has passed.
    Timeout,
}

/// A request of the classic group protocol, or about committed offsets, or of an administrator.
#[derive(Clone, Debug)]
pub enum Request {
    /// Answered by [`crate::Reply::JoinGroup`], perhaps much later.
    JoinGroup(JoinGroup),
    /// Answered by [`crate::Reply::SyncGroup`], perhaps much later.
    SyncGroup(SyncGroup),
    /// Answered by [`crate::Reply::Heartbeat`].
    Heartbeat(Heartbeat),
    /// Answered by [`crate::Reply::LeaveGroup`].
    LeaveGroup(LeaveGroup),
    /// Answered by [`crate::Reply::OffsetCommit`].
    OffsetCommit(OffsetCommit),
    /// Answered by [`crate::Reply::TxnOffsetCommit`].
    TxnOffsetCommit(TxnOffsetCommit),
    /// Answered by [`crate::Reply::OffsetFetch`].
    OffsetFetch(OffsetFetch),
    /// Answered by [`crate::Reply::OffsetDelete`].
    OffsetDelete(OffsetDelete),
    /// Answered by [`crate::Reply::DescribeGroups`].
    DescribeGroups(DescribeGroups),
    /// Answered by [`crate::Reply::ListGroups`].
    ListGroups(ListGroups),
    /// Answered by [`crate::Reply::DeleteGroups`].
    DeleteGroups(DeleteGroups),
}

impl Request {
    /// The answer that refuses this request as a whole.
    pub fn refusal(&self, error: GroupError) -> Reply {
        match self {
            Self::JoinGroup(join) => Reply::refused_join(&join.member_id, error),
            Self::SyncGroup(_) => Reply::SyncGroup(Err(error)),
            // While a group loads, its members live: nobody has missed them yet.
            Self::Heartbeat(_) if error == GroupError::CoordinatorLoadInProgress => {
                Reply::Heartbeat(Ok(()))
            }
            Self::Heartbeat(_) => Reply::Heartbeat(Err(error)),
            Self::LeaveGroup(_) => Reply::LeaveGroup(Err(error)),
            Self::OffsetCommit(_) => Reply::OffsetCommit(Err(error)),
            Self::TxnOffsetCommit(_) => Reply::TxnOffsetCommit(Err(error)),
            Self::OffsetFetch(_) => Reply::OffsetFetch(Err(error)),
            Self::OffsetDelete(_) => Reply::OffsetDelete(Err(error)),
            Self::DescribeGroups(_) => Reply::DescribeGroups(Err(error)),
            Self::ListGroups(_) => Reply::ListGroups(Err(error)),
            Self::DeleteGroups(_) => Reply::DeleteGroups(Err(error)),
        }
    }
}

/// A member enters a group, or comes back to it for the next generation.
#[derive(Clone, Debug)]
pub struct JoinGroup {
    /// The group.
    pub group_id: GroupId,
    /// The member, unknown at first.
    pub member_id: MemberId,
    /// The instance of a static member (v5+).
    pub instance_id: Option<InstanceId>,
    /// `client.id` of the request's header; part of a new member id, and shown to administrators.
    pub client_id: Arc<str>,
    /// Where the client connects from, shown to administrators.
    pub client_host: Arc<str>,
    /// `consumer`, `connect`, or whatever the members agree on.
    pub protocol_type: Arc<str>,
    /// The protocols that the member can follow, the preferred one first.
    pub protocols: Vec<Protocol>,
    /// How long the member may stay silent.
    pub session_timeout_ms: i32,
    /// How long the member may take to join again. The session timeout where the message has none (v0).
    pub rebalance_timeout_ms: i32,
    /// True if a new member must come back with the id it is given (v4+, KIP-394).
    pub require_known_member_id: bool,
    /// True if a static leader may be told to keep the assignment of its group (v9+, KIP-814).
    pub supports_skip_assignment: bool,
    /// The client's words about why it joins (v8+, KIP-800).
    pub reason: Option<String>,
    /// A random UUID as text, used if the member needs a new id.
    pub fresh_uuid: Arc<str>,
}

/// A protocol that a member can follow, and what it tells the leader under that protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// The assignor's name, for consumers.
    pub name: Arc<str>,
    /// The subscription, opaque; owned partitions of cooperative rebalancing pass through in it.
    pub metadata: Bytes,
}

/// A member asks for its assignment; the leader brings those of all members.
#[derive(Clone, Debug)]
pub struct SyncGroup {
    /// The group.
    pub group_id: GroupId,
    /// The generation that the member was told on joining.
    pub generation: i32,
    /// The member.
    pub member_id: MemberId,
    /// The instance of a static member (v3+).
    pub instance_id: Option<InstanceId>,
    /// The protocol type that the member was told (v5+, KIP-559).
    pub protocol_type: Option<Arc<str>>,
    /// The protocol that the member was told (v5+, KIP-559).
    pub protocol: Option<Arc<str>>,
    /// What the leader assigned; empty from the others.
    pub assignments: Vec<(MemberId, Bytes)>,
}

/// A member says that it lives.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    /// The group.
    pub group_id: GroupId,
    /// The generation that the member believes in.
    pub generation: i32,
    /// The member.
    pub member_id: MemberId,
    /// The instance of a static member (v3+).
    pub instance_id: Option<InstanceId>,
}

/// Members leave, or an administrator removes them.
#[derive(Clone, Debug)]
pub struct LeaveGroup {
    /// The group.
    pub group_id: GroupId,
    /// Who leaves. One without an instance id before v3.
    pub members: Vec<Leaver>,
}

/// One member that leaves, named by its id, by its instance, or by both.
#[derive(Clone, Debug)]
pub struct Leaver {
    /// The member; unknown if an administrator names an instance.
    pub member_id: MemberId,
    /// The instance of a static member (v3+).
    pub instance_id: Option<InstanceId>,
    /// The client's words about why (v5+, KIP-800).
    pub reason: Option<String>,
}

/// Something about some partitions of a topic. Offsets are kept by name, as in Kafka; the id says
/// which incarnation of the topic is meant, if the client knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPartitions<T> {
    /// The topic's name.
    pub name: TopicName,
    /// The topic's id, or zero.
    pub id: TopicId,
    /// One item per partition, in the order of the request.
    pub partitions: Vec<T>,
}

impl<T> TopicPartitions<T> {
    /// The same topic with `f` of each item.
    pub(crate) fn map<U>(self, mut f: impl FnMut(&TopicName, T) -> U) -> TopicPartitions<U> {
        let Self { name, id, partitions } = self;
        let partitions = partitions.into_iter().map(|item| f(&name, item)).collect();
        TopicPartitions { name, id, partitions }
    }
}

/// A member, or a client outside of any group, stores how far it has read.
#[derive(Clone, Debug)]
pub struct OffsetCommit {
    /// The group.
    pub group_id: GroupId,
    /// The generation, or -1 from a client that is no member.
    pub generation: i32,
    /// The member, unknown from a client that is no member.
    pub member_id: MemberId,
    /// The instance of a static member (v7+).
    pub instance_id: Option<InstanceId>,
    /// How long to keep these offsets (v2–v4), `None` for the broker's rule.
    pub retention_ms: Option<i64>,
    /// True if a missing group is `GROUP_ID_NOT_FOUND` (v9+, within a transaction v6+) rather than
    /// `ILLEGAL_GENERATION`.
    pub reports_missing_group: bool,
    /// The offsets.
    pub topics: Vec<TopicPartitions<CommitPartition>>,
}

/// A member, or a client outside of any group, stores how far it will have read when its transaction is
/// committed (KIP-98, KIP-447).
#[derive(Clone, Debug)]
pub struct TxnOffsetCommit {
    /// Whose transaction. The driver has checked that it is open.
    pub producer: Producer,
    /// The offsets. Members are named since v3, and not before.
    pub commit: OffsetCommit,
}

/// An offset to commit.
#[derive(Clone, Debug)]
pub struct CommitPartition {
    /// The partition.
    pub partition: i32,
    /// The next offset to read.
    pub offset: Offset,
    /// The leader epoch of the last record read (v6+), or none.
    pub leader_epoch: LeaderEpoch,
    /// The client's text, kept as it is.
    pub metadata: Option<String>,
}

/// Someone asks for committed offsets. One group; a message of v8+ becomes several requests.
#[derive(Clone, Debug)]
pub struct OffsetFetch {
    /// The group.
    pub group_id: GroupId,
    /// The partitions, or `None` for all that have an offset.
    pub topics: Option<Vec<TopicPartitions<i32>>>,
    /// True if a partition whose offset an open transaction commits is to be refused (v7+, KIP-447),
    /// rather than told as it was before.
    pub require_stable: bool,
}

/// An administrator forgets committed offsets.
#[derive(Clone, Debug)]
pub struct OffsetDelete {
    /// The group.
    pub group_id: GroupId,
    /// The partitions.
    pub topics: Vec<TopicPartitions<i32>>,
}

/// An administrator looks at groups.
#[derive(Clone, Debug)]
pub struct DescribeGroups {
    /// Which.
    pub group_ids: Vec<GroupId>,
    /// True if a missing group is an error (v6+, KIP-1043) rather than a dead one.
    pub reports_missing_group: bool,
}

/// An administrator lists the groups of this partition.
#[derive(Clone, Debug, Default)]
pub struct ListGroups {
    /// Only these states, in any case; all if empty (v4+, KIP-518).
    pub states: Vec<String>,
    /// Only these types, in any case; all if empty (v5+, KIP-848).
    pub types: Vec<String>,
}

/// An administrator deletes groups, and their offsets with them.
#[derive(Clone, Debug)]
pub struct DeleteGroups {
    /// Which.
    pub group_ids: Vec<GroupId>,
}

/// A topic that is gone.
#[derive(Clone, Debug)]
pub struct DeletedTopic {
    /// Its name, under which a new topic may exist already.
    pub name: TopicName,
    /// Its id. Offsets that name another incarnation stay.
    pub id: TopicId,
}
