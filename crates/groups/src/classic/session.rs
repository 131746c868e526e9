//! Signs of life and farewells: `Heartbeat`, `LeaveGroup`, the end of a session, and what a commit
//! says about its sender.

use super::{ClassicGroup, Phase, with_reason};
use crate::context::Context;
use crate::timer::Timer;
use crate::{
    Event, GroupError, Heartbeat, LeaveGroup, Leaver, Left, MemberId, OffsetCommit, Reply, ReplyTo,
};

impl ClassicGroup {
    /// Serves a `Heartbeat`.
    pub fn heartbeat(&mut self, reply_to: ReplyTo, request: &Heartbeat, cx: &mut Context) {
        let alive = self.validate_heartbeat(request);
        if matches!(alive, Ok(()) | Err(GroupError::RebalanceInProgress)) {
            self.refresh_session(&request.member_id, cx);
        }
        cx.reply(reply_to, Reply::Heartbeat(alive));
    }

    fn validate_heartbeat(&self, request: &Heartbeat) -> Result<(), GroupError> {
        self.validate(&request.member_id, request.instance_id.as_ref())?;
        if request.generation != self.generation {
            return Err(GroupError::IllegalGeneration);
        }
        match self.phase {
            Phase::Empty => Err(GroupError::UnknownMemberId),
            Phase::Preparing { .. } => Err(GroupError::RebalanceInProgress),
            // Consumers send heartbeats as soon as they have joined.
            Phase::Completing | Phase::Stable => Ok(()),
        }
    }

    /// The member lives: its session starts again. A new member waits for its first answer and cannot
    /// show signs of life, but a client that has gone must not wait for ever either.
    pub(super) fn refresh_session(&mut self, id: &MemberId, cx: &mut Context) {
        let Some(member) = self.members.get(id) else { return };
        let timeout_ms = if member.is_new {
            cx.settings.new_member_join_timeout_ms
        } else {
            member.session_timeout_ms
        };
        cx.schedule(Timer::Session(self.id.clone(), id.clone()), timeout_ms);
    }

    /// Nothing was heard of the member. One that waits here is excused: its session starts again with the
    /// answer.
    pub(super) fn on_session_expired(&mut self, id: &MemberId, cx: &mut Context) {
        if self.remove_pending(id, cx) {
            return self.maybe_complete_join(cx);
        }
        let Some(member) = self.members.get(id) else { return };
        let waits = self.joins.contains_key(id) || self.syncs.contains_key(id);
        if waits && !member.is_new {
            return;
        }
        self.remove(id, cx);
        let (group_id, reason) = (self.id.clone(), "was silent for too long");
        cx.event(Event::MemberRemoved { group_id, member_id: id.clone(), reason });
        self.rebalance(|| format!("member {id} was silent for too long"), cx);
    }

    /// Serves a `LeaveGroup`.
    pub fn leave(&mut self, reply_to: ReplyTo, request: LeaveGroup, cx: &mut Context) {
        let members_before = self.members.len();
        let mut told_reason = None;
        let mut left = Vec::with_capacity(request.members.len());
        for leaver in request.members {
            let result = self.leave_one(&leaver, cx);
            let Leaver { member_id, instance_id, reason } = leaver;
            told_reason = told_reason.or(reason.filter(|_| result.is_ok()));
            left.push(Left { member_id, instance_id, result });
        }
        cx.reply(reply_to, Reply::LeaveGroup(Ok(left)));
        if self.members.len() < members_before {
            self.rebalance(|| with_reason("members left".into(), told_reason.as_ref()), cx);
        } else {
            // An id that was only given out may have been all that the group waited for.
            self.maybe_complete_join(cx);
        }
    }

    fn leave_one(&mut self, leaver: &Leaver, cx: &mut Context) -> Result<(), GroupError> {
        if leaver.member_id.is_unknown() {
            // An administrator removes whoever holds the instance id.
            let instance_id = leaver.instance_id.as_ref().ok_or(GroupError::UnknownMemberId)?;
            let member_id = self.static_members.get(instance_id).cloned();
            self.remove(&member_id.ok_or(GroupError::UnknownMemberId)?, cx);
            return Ok(());
        }
        if self.remove_pending(&leaver.member_id, cx) {
            return Ok(());
        }
        self.validate(&leaver.member_id, leaver.instance_id.as_ref())?;
        self.remove(&leaver.member_id, cx);
        Ok(())
    }

    /// Whether offsets may be deleted. Only of consumers is it known which ones are in use.
    pub fn validate_offset_delete(&self) -> Result<(), GroupError> {
        if self.is_empty() || self.is_consumer_group() {
            Ok(())
        } else {
            Err(GroupError::NonEmptyGroup)
        }
    }

    /// Whether the sender may commit. If so, the commit is a sign of life.
    pub fn validate_commit(
        &mut self,
        request: &OffsetCommit,
        cx: &mut Context,
    ) -> Result<(), GroupError> {
        if self.is_open_to(request) {
            return Ok(());
        }
        if !names_member(request) {
            return Err(GroupError::UnknownMemberId);
        }
        self.validate_generation(request)?;
        if self.phase == Phase::Completing {
            // The member does not know yet what it owns in this generation.
            return Err(GroupError::RebalanceInProgress);
        }
        self.refresh_session(&request.member_id, cx);
        Ok(())
    }

    /// Whether the sender may commit within a transaction. Clients that do not know KIP-447 name no member,
    /// and what a member has read before a rebalance is its own to commit until the next generation is
    /// assigned. It is no sign of life: the member's consumer gives those.
    pub fn validate_txn_commit(&self, request: &OffsetCommit) -> Result<(), GroupError> {
        if self.is_open_to(request) || !names_member(request) {
            return Ok(());
        }
        self.validate_generation(request)
    }

    /// True if nobody is there and the sender claims no generation: it assigns partitions to itself, or is
    /// an administrator.
    fn is_open_to(&self, request: &OffsetCommit) -> bool {
        request.generation < 0 && self.phase == Phase::Empty
    }

    fn validate_generation(&self, request: &OffsetCommit) -> Result<(), GroupError> {
        self.validate(&request.member_id, request.instance_id.as_ref())?;
        if request.generation == self.generation {
            Ok(())
        } else {
            Err(GroupError::IllegalGeneration)
        }
    }
}

fn names_member(request: &OffsetCommit) -> bool {
    request.generation >= 0 || !request.member_id.is_unknown() || request.instance_id.is_some()
}
