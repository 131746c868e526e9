//! From one generation to the next.

use super::{ClassicGroup, InitialDelay, Phase};
use crate::context::Context;
use crate::record::Entry;
use crate::timer::Timer;
use crate::{Event, GroupError, Joined, JoinedMember, MemberId, Reply, ReplyTo};

/// How long at least to wait for absent static members once more.
const NOBODY_JOINED_RETRY_MS: i32 = 1_000;

impl ClassicGroup {
    /// Parks a member's `JoinGroup` until the next generation. One that it parked before is given up by
    /// the client, and answered so that nothing waits for ever.
    pub(super) fn park_join(&mut self, id: &MemberId, reply_to: ReplyTo, cx: &mut Context) {
        if let Some(before) = self.joins.insert(id.clone(), reply_to) {
            cx.reply(before, Reply::refused_join(id, GroupError::RebalanceInProgress));
        }
    }

    /// A member has come, gone or changed: the group needs a new generation.
    pub(super) fn rebalance(&mut self, reason: impl FnOnce() -> String, cx: &mut Context) {
        match self.phase {
            Phase::Preparing { .. } => self.maybe_complete_join(cx),
            Phase::Empty | Phase::Completing | Phase::Stable => {
                self.prepare_rebalance(reason(), cx);
            }
        }
    }

    /// Ends the generation: all members have to join again.
    pub(super) fn prepare_rebalance(&mut self, reason: String, cx: &mut Context) {
        self.abort_sync(GroupError::RebalanceInProgress, cx);
        self.unsynced.clear();
        cx.timers.cancel(&Timer::Sync(self.id.clone()));
        let (group_id, generation) = (self.id.clone(), self.generation);
        cx.event(Event::RebalanceStarted { group_id, generation, reason });

        if self.phase == Phase::Empty {
            let round_ms = cx.settings.initial_rebalance_delay_ms;
            let remaining_ms = self.rebalance_timeout_ms().saturating_sub(round_ms).max(0);
            let delay = InitialDelay { round_ms, remaining_ms, member_added: false };
            self.phase = Phase::Preparing { initial: Some(delay) };
            cx.schedule(Timer::Join(self.id.clone()), round_ms);
            return;
        }
        self.phase = Phase::Preparing { initial: None };
        cx.schedule(Timer::Join(self.id.clone()), self.rebalance_timeout_ms());
        self.maybe_complete_join(cx);
    }

    /// Begins the generation if nobody is missing. The first wait of an empty group runs its course.
    pub(super) fn maybe_complete_join(&mut self, cx: &mut Context) {
        if self.phase == (Phase::Preparing { initial: None }) && self.all_joined() {
            self.complete_join(cx);
        }
    }

    pub(super) fn on_join_deadline(&mut self, cx: &mut Context) {
        match &mut self.phase {
            Phase::Preparing { initial: Some(delay) }
                if delay.member_added && delay.remaining_ms > 0 =>
            {
                let round_ms = cx.settings.initial_rebalance_delay_ms.min(delay.remaining_ms);
                let remaining_ms = (delay.remaining_ms - delay.round_ms).max(0);
                *delay = InitialDelay { round_ms, remaining_ms, member_added: false };
                cx.schedule(Timer::Join(self.id.clone()), round_ms);
            }
            Phase::Preparing { .. } => self.complete_join(cx),
            Phase::Empty | Phase::Completing | Phase::Stable => {}
        }
    }

    /// The wait for members is over: those that did not join are out, except static ones, which keep
    /// their place until their session ends.
    fn complete_join(&mut self, cx: &mut Context) {
        cx.timers.cancel(&Timer::Join(self.id.clone()));
        self.remove_unjoined(cx);
        if self.elect_joined_leader().is_none() && !self.members.is_empty() {
            // Nobody could assign. The absent static members come back, or their sessions end.
            self.phase = Phase::Preparing { initial: None };
            let wait_ms = self.rebalance_timeout_ms().max(NOBODY_JOINED_RETRY_MS);
            cx.schedule(Timer::Join(self.id.clone()), wait_ms);
            return;
        }
        self.generation = self.generation.checked_add(1).unwrap_or(0);
        self.protocol = self.select_protocol();
        self.subscribed = self.read_subscriptions();
        if self.members.is_empty() {
            self.become_empty(cx);
        } else {
            self.start_generation(cx);
        }
        cx.event(Event::GenerationStarted {
            group_id: self.id.clone(),
            generation: self.generation,
            members: self.members.len(),
        });
    }

    fn remove_unjoined(&mut self, cx: &mut Context) {
        let mut excess = self.members.len().saturating_sub(cx.settings.group_size_max);
        let absent: Vec<MemberId> =
            self.members.keys().filter(|id| !self.joins.contains_key(*id)).cloned().collect();
        for member_id in absent {
            let is_static = self.members.get(&member_id).is_some_and(|m| m.instance_id.is_some());
            if is_static && excess == 0 {
                continue;
            }
            excess = excess.saturating_sub(1);
            self.remove(&member_id, cx);
            let (group_id, reason) = (self.id.clone(), "did not join in time");
            cx.event(Event::MemberRemoved { group_id, member_id, reason });
        }
    }

    fn become_empty(&mut self, cx: &mut Context) {
        self.phase = Phase::Empty;
        let metadata = self.metadata(|_| Default::default(), cx);
        // Without members the record is small. If names alone made it too large, the old record would
        // stay, and a restart would find members that expire.
        let entry = Entry::Group(self.id.clone(), Some(metadata));
        let _ = cx.write_or_report(&self.id, &entry);
    }

    fn start_generation(&mut self, cx: &mut Context) {
        self.phase = Phase::Completing;
        for (member_id, reply_to) in std::mem::take(&mut self.joins) {
            let joined = self.joined(&member_id);
            cx.reply(reply_to, Reply::JoinGroup(Ok(joined)));
        }
        for (id, member) in &mut self.members {
            member.is_new = false;
            self.unsynced.insert(id.clone());
            cx.schedule(Timer::Session(self.id.clone(), id.clone()), member.session_timeout_ms);
        }
        cx.schedule(Timer::Sync(self.id.clone()), self.rebalance_timeout_ms());
    }

    /// What a member is told of the current generation.
    pub(super) fn joined(&self, member_id: &MemberId) -> Joined {
        Joined {
            member_id: member_id.clone(),
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader: self.leader.clone().unwrap_or_default(),
            skip_assignment: false,
            members: if self.is_leader(member_id) { self.joined_members() } else { Vec::new() },
        }
    }

    fn joined_members(&self) -> Vec<JoinedMember> {
        let protocol = self.protocol.as_deref().unwrap_or_default();
        let member = |(id, member): (&MemberId, &super::Member)| JoinedMember {
            member_id: id.clone(),
            instance_id: member.instance_id.clone(),
            metadata: member.metadata(protocol),
        };
        self.members.iter().map(member).collect()
    }
}
