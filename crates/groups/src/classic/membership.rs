//! Who is in the group, and what all members have in common.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{CONSUMER, ClassicGroup, Member, Phase};
use crate::context::Context;
use crate::timer::Timer;
use crate::{GroupError, InstanceId, JoinGroup, MemberId, Protocol, Reply};

impl ClassicGroup {
    /// Adds a member, or puts one back. All changes of `members` pass here and through [`Self::take`].
    pub(super) fn insert(&mut self, id: MemberId, member: Member) {
        for name in member.protocol_names() {
            *self.supporters.entry(name).or_default() += 1;
        }
        if let Some(instance_id) = &member.instance_id {
            self.static_members.insert(instance_id.clone(), id.clone());
        }
        self.bytes += member.bytes() + id.as_str().len();
        self.members.insert(id, member);
    }

    /// Takes a member out, and leaves everything that waits for it.
    fn take(&mut self, id: &MemberId) -> Option<Member> {
        let member = self.members.remove(id)?;
        for name in member.protocol_names() {
            if let Some(count) = self.supporters.get_mut(&name) {
                *count -= 1;
            }
        }
        self.supporters.retain(|_, count| *count > 0);
        if let Some(instance_id) = &member.instance_id {
            self.static_members.remove(instance_id);
        }
        self.bytes -= member.bytes() + id.as_str().len();
        Some(member)
    }

    /// Adds a member that the group has not had; the first one leads and sets the protocol type.
    pub(super) fn add(&mut self, id: MemberId, request: &JoinGroup) {
        if self.members.is_empty() {
            self.protocol_type = Some(request.protocol_type.clone());
        }
        self.leader.get_or_insert_with(|| id.clone());
        self.insert(id, Member::new(request));
        if let Phase::Preparing { initial: Some(delay) } = &mut self.phase {
            delay.member_added = true;
        }
    }

    /// Notes what a member says on joining again.
    pub(super) fn update(&mut self, id: &MemberId, request: &JoinGroup) {
        if let Some(mut member) = self.take(id) {
            member.update(request);
            self.insert(id.clone(), member);
        }
    }

    /// Gives the place of a static member to its next process. Whatever the last one waits for is fenced.
    pub(super) fn replace(
        &mut self,
        old: &MemberId,
        new: &MemberId,
        request: &JoinGroup,
        cx: &mut Context,
    ) {
        self.answer_parked(old, old, GroupError::FencedInstanceId, cx);
        cx.timers.cancel(&Timer::Session(self.id.clone(), old.clone()));
        let Some(mut member) = self.take(old) else { return };
        member.update(request);
        member.is_new = false;
        self.insert(new.clone(), member);
        if self.is_leader(old) {
            self.leader = Some(new.clone());
        }
        if self.unsynced.remove(old) {
            self.unsynced.insert(new.clone());
        }
    }

    /// Removes a member. It joins again if it is still alive: its parked requests say that it is unknown.
    pub(super) fn remove(&mut self, id: &MemberId, cx: &mut Context) {
        self.answer_parked(id, &MemberId::default(), GroupError::UnknownMemberId, cx);
        cx.timers.cancel(&Timer::Session(self.id.clone(), id.clone()));
        self.take(id);
        self.unsynced.remove(id);
        if self.is_leader(id) {
            self.leader = self.members.keys().next().cloned();
        }
    }

    fn answer_parked(
        &mut self,
        id: &MemberId,
        told: &MemberId,
        error: GroupError,
        cx: &mut Context,
    ) {
        if let Some(reply_to) = self.joins.remove(id) {
            cx.reply(reply_to, Reply::refused_join(told, error));
        }
        if let Some(reply_to) = self.syncs.remove(id) {
            cx.reply(reply_to, Reply::SyncGroup(Err(error)));
        }
    }

    /// Gives out an id that someone has to join with before its session ends.
    pub(super) fn add_pending(&mut self, id: MemberId, session_timeout_ms: i32, cx: &mut Context) {
        cx.schedule(Timer::Session(self.id.clone(), id.clone()), session_timeout_ms);
        self.bytes += pending_bytes(&id);
        self.pending.insert(id);
    }

    /// Takes back an id that was given out. False if it was not.
    pub(super) fn remove_pending(&mut self, id: &MemberId, cx: &mut Context) -> bool {
        let removed = self.pending.remove(id);
        if removed {
            self.bytes -= pending_bytes(id);
            cx.timers.cancel(&Timer::Session(self.id.clone(), id.clone()));
        }
        removed
    }

    /// Forgets all ids that were given out: the group is being deleted.
    pub fn remove_all_pending(&mut self, cx: &mut Context) {
        for id in std::mem::take(&mut self.pending) {
            self.bytes -= pending_bytes(&id);
            cx.timers.cancel(&Timer::Session(self.id.clone(), id));
        }
    }

    /// What the member that a request comes from holds so far.
    pub fn bytes_held_by(&self, request: &JoinGroup) -> usize {
        let of_instance = request.instance_id.as_ref().and_then(|id| self.static_members.get(id));
        let id = of_instance.unwrap_or(&request.member_id);
        self.members.get(id).map_or(0, Member::bytes)
    }

    /// What that member would hold.
    pub fn bytes_wanted_by(request: &JoinGroup) -> usize {
        Member::new(request).bytes()
    }

    /// Whether a request comes from a member, and from the latest process of its instance.
    pub(super) fn validate(
        &self,
        id: &MemberId,
        instance_id: Option<&InstanceId>,
    ) -> Result<(), GroupError> {
        if let Some(instance_id) = instance_id {
            match self.static_members.get(instance_id) {
                None => return Err(GroupError::UnknownMemberId),
                Some(current) if current != id => return Err(GroupError::FencedInstanceId),
                Some(_) => {}
            }
        }
        if self.members.contains_key(id) { Ok(()) } else { Err(GroupError::UnknownMemberId) }
    }

    /// Whether there is room for whoever joins. While members join, the places are for those that have
    /// joined: a group over its limit loses the slowest.
    pub(super) fn has_room_for(&self, id: &MemberId, size_max: usize) -> bool {
        match self.phase {
            Phase::Empty => true,
            Phase::Preparing { .. } => self.joins.contains_key(id) || self.joins.len() < size_max,
            Phase::Completing | Phase::Stable => {
                self.members.contains_key(id) || self.members.len() < size_max
            }
        }
    }

    /// Whether whoever joins has a protocol in common with all members.
    pub(super) fn supports(&self, protocol_type: &str, protocols: &[Protocol]) -> bool {
        if self.phase == Phase::Empty {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        let common =
            |p: &Protocol| self.supporters.get(&p.name).copied().unwrap_or(0) == self.members.len();
        self.protocol_type.as_deref() == Some(protocol_type) && protocols.iter().any(common)
    }

    /// The protocol that most members prefer among those that all support; the first by name of equals.
    pub(super) fn select_protocol(&self) -> Option<Arc<str>> {
        let mut votes: BTreeMap<&Arc<str>, usize> = BTreeMap::new();
        for member in self.members.values() {
            let common = |name: &&Arc<str>| self.supporters.get(*name) == Some(&self.members.len());
            if let Some(choice) = member.protocols.iter().map(|p| &p.name).find(common) {
                *votes.entry(choice).or_default() += 1;
            }
        }
        // Of equal maxima `max_by_key` keeps the last.
        votes.into_iter().rev().max_by_key(|(_, count)| *count).map(|(name, _)| name.clone())
    }

    /// The leader, if it has joined; else one that has.
    pub(super) fn elect_joined_leader(&mut self) -> Option<&MemberId> {
        let stays = self.leader.as_ref().is_some_and(|leader| self.joins.contains_key(leader));
        if !stays && let Some(joined) = self.joins.keys().next() {
            self.leader = Some(joined.clone());
        }
        self.leader.as_ref().filter(|leader| self.joins.contains_key(*leader))
    }

    pub(super) fn is_leader(&self, id: &MemberId) -> bool {
        self.leader.as_ref() == Some(id)
    }

    pub(super) fn all_joined(&self) -> bool {
        self.joins.len() == self.members.len() && self.pending.is_empty()
    }

    /// The time that members have to join, or to ask for their assignments: the longest of any member.
    pub(super) fn rebalance_timeout_ms(&self) -> i32 {
        self.members.values().map(|member| member.rebalance_timeout_ms).max().unwrap_or(0).max(0)
    }

    pub(super) fn is_consumer_group(&self) -> bool {
        self.protocol_type.as_deref() == Some(CONSUMER)
    }
}

/// What an id that was given out costs: a set entry and a timer.
fn pending_bytes(id: &MemberId) -> usize {
    256 + id.as_str().len()
}
