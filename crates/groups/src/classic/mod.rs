//! The classic group protocol: clients choose a leader's assignment, the coordinator passes it on.
//!
//! ```text
//!          first member            all joined, or time is up        leader's assignments
//! Empty ───────────────► Preparing ───────────────────────► Completing ───────────────► Stable
//!   ▲                     │  ▲  ▲                               │                          │
//!   └── nobody joined ────┘  │  └── a member comes, goes, or changes its protocols ─────────┤
//!                            └── a member did not ask for its assignment in time ───────────┘
//! ```
//!
//! What is here is the soft half of a group: who waits, who votes for what, when time is up. It is
//! written down twice a generation at most: when the leader has assigned, and when nobody is left. After
//! a crash a group is as in its last record, its members find that out by their next heartbeat or
//! commit, and join again.
//!
//! Invariants, checked by the tests after every step: in `Stable` and `Empty` generation, protocol,
//! leader and members are those of the last record; `joins` has entries in `Preparing` only, and `syncs`
//! in `Completing` only; a `Preparing` group has its `Join` timer set, a `Completing` one its `Sync`
//! timer; every member has a session timer, unless it fired while the member waited here.

mod join;
mod member;
mod membership;
mod rebalance;
mod session;
mod subscription;
mod sync;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use crate::context::Context;
use crate::durable::DurableState;
use crate::record::{Entry, GroupMetadata, MemberMetadata};
use crate::timer::Timer;
use crate::{
    DescribedGroup, DescribedMember, GroupId, GroupState, GroupType, InstanceId, ListedGroup,
    MemberId, ReplyTo,
};
use member::Member;

/// The protocol type of consumers, whose subscriptions the coordinator can read.
const CONSUMER: &str = "consumer";

/// How much of a client's reason is worth keeping. Kafka's clients send no more.
const REASON_LENGTH_MAX: usize = 255;

/// A group of the classic protocol.
#[derive(Debug)]
pub(crate) struct ClassicGroup {
    id: GroupId,
    phase: Phase,
    generation: i32,
    protocol_type: Option<Arc<str>>,
    protocol: Option<Arc<str>>,
    leader: Option<MemberId>,
    members: BTreeMap<MemberId, Member>,
    static_members: BTreeMap<InstanceId, MemberId>,
    /// Ids that were given out, but with which nobody has joined yet (KIP-394).
    pending: BTreeSet<MemberId>,
    /// Parked `JoinGroup`s.
    joins: BTreeMap<MemberId, ReplyTo>,
    /// Parked `SyncGroup`s.
    syncs: BTreeMap<MemberId, ReplyTo>,
    /// Members of this generation that have not asked for their assignment yet.
    unsynced: BTreeSet<MemberId>,
    /// How many members support each protocol.
    supporters: BTreeMap<Arc<str>, usize>,
    /// The topics that this generation reads, if the members are consumers and can be understood.
    subscribed: Option<BTreeSet<String>>,
    /// What the members hold, see [`crate::Settings::members_bytes_max`].
    bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Empty,
    /// Members join. A group that was empty waits for a while, whoever has joined.
    Preparing {
        initial: Option<InitialDelay>,
    },
    /// The leader is about to assign.
    Completing,
    Stable,
}

/// The wait of a group that was empty, in rounds: each new member brings another, within the rebalance timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct InitialDelay {
    round_ms: i32,
    remaining_ms: i32,
    member_added: bool,
}

impl ClassicGroup {
    /// A group without members and without a past.
    pub fn new(id: GroupId) -> Self {
        Self {
            id,
            phase: Phase::Empty,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: BTreeMap::new(),
            static_members: BTreeMap::new(),
            pending: BTreeSet::new(),
            joins: BTreeMap::new(),
            syncs: BTreeMap::new(),
            unsynced: BTreeSet::new(),
            supporters: BTreeMap::new(),
            subscribed: None,
            bytes: 0,
        }
    }

    /// The group as its last record left it. Its members' sessions start now.
    pub fn load(id: GroupId, stored: &GroupMetadata, cx: &mut Context) -> Self {
        let mut group = Self::new(id);
        group.generation = stored.generation;
        group.protocol_type.clone_from(&stored.protocol_type);
        group.protocol.clone_from(&stored.protocol);
        for (member_id, member) in &stored.members {
            group.insert(member_id.clone(), Member::load(member, stored.protocol.as_ref()));
            group.refresh_session(member_id, cx);
        }
        group.leader = stored.leader.clone().filter(|leader| group.members.contains_key(leader));
        if !group.members.is_empty() {
            group.phase = Phase::Stable;
        }
        group.subscribed = group.read_subscriptions();
        if group.members.len() > cx.settings.group_size_max {
            group.prepare_rebalance("the loaded group is larger than now allowed".into(), cx);
        }
        group
    }

    /// True if there is nothing to remember but what the records say.
    pub fn is_idle(&self) -> bool {
        self.phase == Phase::Empty && self.pending.is_empty()
    }

    pub fn is_empty(&self) -> bool {
        self.phase == Phase::Empty
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn state(&self) -> GroupState {
        match self.phase {
            Phase::Empty => GroupState::Empty,
            Phase::Preparing { .. } => GroupState::PreparingRebalance,
            Phase::Completing => GroupState::CompletingRebalance,
            Phase::Stable => GroupState::Stable,
        }
    }

    /// Another wait is over.
    pub fn on_timer(&mut self, timer: &Timer, cx: &mut Context) {
        match timer {
            Timer::Join(_) => self.on_join_deadline(cx),
            Timer::Sync(_) => self.on_sync_deadline(cx),
            Timer::Session(_, member_id) => self.on_session_expired(member_id, cx),
            Timer::Expiry => {}
        }
    }

    pub fn listed(&self) -> ListedGroup {
        ListedGroup {
            group_id: self.id.clone(),
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            state: self.state(),
            group_type: GroupType::Classic,
        }
    }

    pub fn described(&self, durable: &DurableState) -> DescribedGroup {
        let stable = self.phase == Phase::Stable;
        let protocol = self.protocol.as_ref().filter(|_| stable);
        let describe = |(id, member): (&MemberId, &Member)| DescribedMember {
            member_id: id.clone(),
            instance_id: member.instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            metadata: protocol.map(|protocol| member.metadata(protocol)).unwrap_or_default(),
            assignment: stored_assignment(durable, &self.id, id),
        };
        DescribedGroup {
            group_id: self.id.clone(),
            result: Ok(()),
            state: self.state(),
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            protocol: protocol.cloned().unwrap_or_default(),
            members: self.members.iter().map(describe).collect(),
        }
    }

    /// Writes down that there is a group, before it has had members.
    pub fn write_birth(&self, cx: &mut Context) {
        let metadata = GroupMetadata {
            protocol_type: None,
            generation: 0,
            protocol: None,
            leader: None,
            since: cx.wall(),
            members: BTreeMap::new(),
        };
        // All names were found short enough.
        let _ = cx.write_or_report(&self.id, &Entry::Group(self.id.clone(), Some(metadata)));
    }

    /// The generation as a record, with the assignments that `assignment` finds.
    fn metadata(&self, assignment: impl Fn(&MemberId) -> Bytes, cx: &Context) -> GroupMetadata {
        let member = |(id, member): (&MemberId, &Member)| {
            let metadata = MemberMetadata {
                instance_id: member.instance_id.clone(),
                client_id: member.client_id.clone(),
                client_host: member.client_host.clone(),
                rebalance_timeout_ms: member.rebalance_timeout_ms,
                session_timeout_ms: member.session_timeout_ms,
                subscription: self
                    .protocol
                    .as_ref()
                    .map(|p| member.metadata(p))
                    .unwrap_or_default(),
                assignment: assignment(id),
            };
            (id.clone(), metadata)
        };
        GroupMetadata {
            protocol_type: self.protocol_type.clone(),
            generation: self.generation,
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            since: cx.wall(),
            members: self.members.iter().map(member).collect(),
        }
    }
}

/// What happened, and the beginning of what the client says about it (KIP-800).
fn with_reason(what: String, told: Option<&String>) -> String {
    match told {
        Some(told) => {
            format!("{what}: {}", told.chars().take(REASON_LENGTH_MAX).collect::<String>())
        }
        None => what,
    }
}

/// What the leader assigned to the member in the last generation that was written down.
fn stored_assignment(durable: &DurableState, group_id: &GroupId, member_id: &MemberId) -> Bytes {
    durable
        .groups()
        .get(group_id)
        .and_then(|group| group.members.get(member_id))
        .map(|member| member.assignment.clone())
        .unwrap_or_default()
}

#[cfg(test)]
mod invariants;
