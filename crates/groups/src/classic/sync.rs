//! `SyncGroup`. Since version 5 a member says which protocol it was told (KIP-559).

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::{ClassicGroup, Phase, stored_assignment};
use crate::context::Context;
use crate::record::Entry;
use crate::timer::Timer;
use crate::{Event, GroupError, MemberId, Reply, ReplyTo, SyncGroup, Synced};

impl ClassicGroup {
    /// Serves a `SyncGroup`.
    pub fn sync(&mut self, reply_to: ReplyTo, request: SyncGroup, cx: &mut Context) {
        if let Err(error) = self.validate_sync(&request) {
            return cx.reply(reply_to, Reply::SyncGroup(Err(error)));
        }
        self.note_synced(&request.member_id, cx);
        if self.phase == Phase::Stable {
            let assignment = stored_assignment(cx.durable, &self.id, &request.member_id);
            return cx.reply(reply_to, Reply::SyncGroup(Ok(self.synced(assignment))));
        }
        if let Some(before) = self.syncs.insert(request.member_id.clone(), reply_to) {
            cx.reply(before, Reply::SyncGroup(Err(GroupError::RebalanceInProgress)));
        }
        if self.is_leader(&request.member_id) {
            self.assign(&request.assignments.into_iter().collect(), cx);
        }
    }

    fn validate_sync(&self, request: &SyncGroup) -> Result<(), GroupError> {
        self.validate(&request.member_id, request.instance_id.as_ref())?;
        if request.generation != self.generation {
            return Err(GroupError::IllegalGeneration);
        }
        if contradicts(request.protocol_type.as_ref(), self.protocol_type.as_ref())
            || contradicts(request.protocol.as_ref(), self.protocol.as_ref())
        {
            return Err(GroupError::InconsistentGroupProtocol);
        }
        match self.phase {
            Phase::Empty => Err(GroupError::UnknownMemberId),
            Phase::Preparing { .. } => Err(GroupError::RebalanceInProgress),
            Phase::Completing | Phase::Stable => Ok(()),
        }
    }

    fn note_synced(&mut self, id: &MemberId, cx: &mut Context) {
        self.unsynced.remove(id);
        if self.unsynced.is_empty() {
            cx.timers.cancel(&Timer::Sync(self.id.clone()));
        }
    }

    /// The leader has assigned: the generation is written down, and all who wait are told. A member that
    /// the leader left out has an empty assignment.
    fn assign(&mut self, assignments: &BTreeMap<MemberId, Bytes>, cx: &mut Context) {
        let assignment = |id: &MemberId| assignments.get(id).cloned().unwrap_or_default();
        let entry = Entry::Group(self.id.clone(), Some(self.metadata(assignment, cx)));
        if cx.write_or_report(&self.id, &entry).is_err() {
            self.abort_sync(GroupError::UnknownServerError, cx);
            return self.prepare_rebalance("the assignments do not fit into a record".into(), cx);
        }
        for (id, reply_to) in std::mem::take(&mut self.syncs) {
            cx.reply(reply_to, Reply::SyncGroup(Ok(self.synced(assignment(&id)))));
            self.refresh_session(&id, cx);
        }
        self.phase = Phase::Stable;
        let (group_id, generation) = (self.id.clone(), self.generation);
        cx.event(Event::GenerationAssigned { group_id, generation });
    }

    /// Answers all parked `SyncGroup`s with `error`.
    pub(super) fn abort_sync(&mut self, error: GroupError, cx: &mut Context) {
        for (id, reply_to) in std::mem::take(&mut self.syncs) {
            cx.reply(reply_to, Reply::SyncGroup(Err(error)));
            self.refresh_session(&id, cx);
        }
    }

    fn synced(&self, assignment: Bytes) -> Synced {
        let (protocol_type, protocol) = (self.protocol_type.clone(), self.protocol.clone());
        Synced { protocol_type, protocol, assignment }
    }

    /// Some members never asked for their assignments, or the leader never assigned: they are out.
    pub(super) fn on_sync_deadline(&mut self, cx: &mut Context) {
        let late = std::mem::take(&mut self.unsynced);
        if late.is_empty() || !matches!(self.phase, Phase::Completing | Phase::Stable) {
            return;
        }
        for member_id in late {
            self.remove(&member_id, cx);
            let (group_id, reason) = (self.id.clone(), "did not ask for its assignment in time");
            cx.event(Event::MemberRemoved { group_id, member_id, reason });
        }
        self.prepare_rebalance("members did not ask for their assignments in time".into(), cx);
    }
}

fn contradicts(told: Option<&Arc<str>>, known: Option<&Arc<str>>) -> bool {
    matches!((told, known), (Some(told), Some(known)) if told != known)
}
