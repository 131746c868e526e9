//! What holds between steps; see the head of this module's parent.

use std::collections::BTreeMap;

use thalweg_coordination::Timers;

use super::{ClassicGroup, Phase};
use crate::Settings;
use crate::durable::DurableState;
use crate::timer::Timer;

impl ClassicGroup {
    pub(crate) fn assert_invariants(
        &self,
        durable: &DurableState,
        timers: &Timers<Timer>,
        settings: &Settings,
    ) {
        self.assert_agrees_with_record(durable);
        self.assert_waiting_belongs_to_phase();
        self.assert_timers(timers);
        self.assert_derived_state();
        match self.phase {
            Phase::Empty => assert!(self.members.is_empty()),
            Phase::Preparing { .. } => assert!(self.joins.len() <= settings.group_size_max),
            Phase::Completing | Phase::Stable => {
                assert!(self.members.len() <= settings.group_size_max, "more members than allowed");
            }
        }
        let is_member = |id| self.members.contains_key(id);
        assert_eq!(self.leader.as_ref().map(is_member), (!self.members.is_empty()).then_some(true));
    }

    fn assert_agrees_with_record(&self, durable: &DurableState) {
        let Some(stored) = durable.groups().get(&self.id) else {
            return assert!(!matches!(self.phase, Phase::Stable), "stable without a record");
        };
        if !matches!(self.phase, Phase::Stable | Phase::Empty) {
            return;
        }
        assert_eq!(stored.generation, self.generation);
        assert_eq!(stored.protocol, self.protocol);
        assert_eq!(stored.protocol_type, self.protocol_type);
        assert_eq!(stored.leader, self.leader);
        assert!(stored.members.keys().eq(self.members.keys()), "other members than in the record");
    }

    fn assert_waiting_belongs_to_phase(&self) {
        let is_member = |id| self.members.contains_key(id);
        assert!(self.joins.keys().all(is_member) && self.syncs.keys().all(is_member));
        assert!(self.unsynced.iter().all(is_member));
        assert!(self.joins.is_empty() || matches!(self.phase, Phase::Preparing { .. }));
        assert!(self.syncs.is_empty() || self.phase == Phase::Completing);
        assert!(self.pending.iter().all(|id| !is_member(id)));
    }

    fn assert_timers(&self, timers: &Timers<Timer>) {
        let is_set = |timer| timers.is_set(&timer);
        let preparing = matches!(self.phase, Phase::Preparing { .. });
        assert_eq!(
            is_set(Timer::Join(self.id.clone())),
            preparing,
            "join timer in {:?}",
            self.phase
        );
        assert_eq!(is_set(Timer::Sync(self.id.clone())), !self.unsynced.is_empty());
        assert!(self.phase != Phase::Completing || !self.unsynced.is_empty());
        for (id, member) in &self.members {
            let waits = self.joins.contains_key(id) || self.syncs.contains_key(id);
            let session = is_set(Timer::Session(self.id.clone(), id.clone()));
            assert!(session || (waits && !member.is_new), "{id} lives for ever");
        }
        for id in &self.pending {
            assert!(is_set(Timer::Session(self.id.clone(), id.clone())), "{id} waits for ever");
        }
    }

    /// What is counted along the way is what a fresh count finds.
    fn assert_derived_state(&self) {
        let mut supporters = BTreeMap::new();
        let mut static_members = BTreeMap::new();
        let mut bytes = self.pending.iter().map(|id| 256 + id.as_str().len()).sum::<usize>();
        for (id, member) in &self.members {
            bytes += member.bytes() + id.as_str().len();
            static_members
                .extend(member.instance_id.clone().map(|instance| (instance, id.clone())));
            for name in member.protocol_names() {
                *supporters.entry(name).or_insert(0) += 1;
            }
        }
        assert_eq!(supporters, self.supporters);
        assert_eq!(static_members, self.static_members);
        assert_eq!(bytes, self.bytes);
    }
}
