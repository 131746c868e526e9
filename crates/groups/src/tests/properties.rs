//! Random inputs. What has to hold whatever happens is checked by the driver after every step; here is
//! what needs a memory of requests and replies.

mod action;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use thalweg_types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, TopicId, TopicName};
use uuid::Uuid;

use action::{Action, about_offsets, action};

use super::driver::Driver;
use super::model::{Key, Offsets};
use crate::{
    CommitPartition, DeleteGroups, DeletedTopic, GroupError, GroupId, Heartbeat, Input, InstanceId,
    JoinGroup, LeaveGroup, Leaver, MemberId, OffsetCommit, OffsetDelete, OffsetFetch, Outbox,
    Producer, Protocol, Reply, ReplyTo, Request, Settings, SyncGroup, TopicPartitions,
    TxnOffsetCommit,
};

/// Longer than any session, any wait for members and any wait for assignments, one after the other.
const LONG_ENOUGH_MS: u64 = 600_000;

/// How long offsets are kept.
const DAY_MS: u64 = 86_400_000;
const OFFSETS_MAX: usize = 5;
const PARTITIONS: i32 = 4;

/// What clients remember.
struct Clients {
    driver: Driver,
    /// Member ids that replies told of, per group, the latest last; and the generations they are in.
    known: BTreeMap<GroupId, Vec<(MemberId, i32)>>,
    instances: BTreeMap<MemberId, InstanceId>,
    /// The generation of each `SyncGroup` that waits.
    syncs: BTreeMap<ReplyTo, i32>,
    /// What each generation was told to follow, since the last time that generations may start anew.
    protocols: BTreeMap<(GroupId, i32), Option<Arc<str>>>,
    joins: BTreeMap<ReplyTo, (GroupId, Option<InstanceId>)>,
    offsets: Offsets,
    /// How long the log was after each step, and what had been acknowledged.
    history: Vec<(usize, Offsets)>,
    uuids: u64,
}

fn group_id(group: u8) -> GroupId {
    ["g", "h"][usize::from(group)].into()
}

fn topic() -> TopicName {
    TopicName::new("t").unwrap()
}

fn topic_id(number: u8) -> TopicId {
    TopicId(Uuid::from_u128(number.into()))
}

/// Partitions as a request names them.
fn partitions(partitions: impl IntoIterator<Item = i32>) -> Vec<TopicPartitions<i32>> {
    let partitions = partitions.into_iter().collect();
    vec![TopicPartitions { name: topic(), id: TopicId::ZERO, partitions }]
}

impl Clients {
    fn new() -> Self {
        let settings = Settings {
            group_size_max: 3,
            groups_max: 2,
            offsets_max: OFFSETS_MAX,
            offsets_retention_ms: DAY_MS as i64,
            offsets_retention_check_interval_ms: DAY_MS as i32 / 4,
            members_bytes_max: 4_000,
            record_bytes_max: 400,
            new_member_join_timeout_ms: 30_000,
            ..Settings::default()
        };
        let mut driver = Driver::new(settings);
        driver.step(Input::Loaded);
        let (known, instances, syncs) = Default::default();
        let (protocols, joins, offsets) = Default::default();
        let history = Vec::new();
        Self { driver, known, instances, syncs, protocols, joins, offsets, history, uuids: 0 }
    }

    fn groups(&self) -> BTreeSet<GroupId> {
        self.driver.machine.durable().groups().keys().cloned().collect()
    }

    fn member(&self, group: &GroupId, index: u8) -> (MemberId, i32) {
        let known = self.known.get(group).map_or(&[][..], Vec::as_slice);
        let latest = known.len().saturating_sub(1 + usize::from(index) % known.len().max(1));
        known.get(latest).cloned().unwrap_or(("stranger".into(), 1))
    }

    fn request(&mut self, request: Request) {
        let (_, out) = self.driver.request(request);
        self.observe(out);
    }

    fn act(&mut self, action: &Action) {
        match *action {
            Action::Join { group, member, instance, protocols, version } => {
                self.join(&group_id(group), member, instance, protocols, version);
            }
            Action::Sync { group, member, stale } => self.sync(group_id(group), member, stale),
            Action::SyncAll { group } => (0..6).for_each(|member| {
                self.sync(group_id(group), member, false);
            }),
            Action::Heartbeat { group, member } => {
                let group_id = group_id(group);
                let (member_id, generation) = self.member(&group_id, member);
                let instance_id = self.instances.get(&member_id).cloned();
                let beat = Heartbeat { group_id, generation, member_id, instance_id };
                self.request(Request::Heartbeat(beat));
            }
            Action::Leave { group, member } => {
                let group_id = group_id(group);
                let (member_id, _) = self.member(&group_id, member);
                let instance_id = self.instances.get(&member_id).cloned();
                let members = vec![Leaver { member_id, instance_id, reason: None }];
                self.request(Request::LeaveGroup(LeaveGroup { group_id, members }));
            }
            Action::Commit { .. } => self.commit(action),
            Action::End { producer, outcome } => {
                let producer = ProducerId(producer);
                self.offsets.end(producer, outcome);
                let out = self.driver.step(Input::TransactionEnded { producer, outcome });
                assert!(out.is_empty(), "the end of a transaction caused something");
            }
            Action::Forget { group, partition } => self.forget(group_id(group), partition),
            Action::Delete { group } => self.delete(&group_id(group)),
            Action::Gone { topic_id: number } => {
                let topics = vec![DeletedTopic { name: topic(), id: topic_id(number) }];
                let out = self.driver.step(Input::TopicsDeleted(topics));
                self.offsets.forget_topic(topic_id(number));
                self.observe(out);
            }
            Action::Advance(duration_ms) => self.advance(duration_ms),
            Action::Age => {
                let before = self.groups();
                self.offsets.age();
                self.advance(2 * DAY_MS);
                let needed = |id: &_| self.offsets.is_waited_for(id);
                let (kept, after) = (before.into_iter().filter(needed), self.groups());
                assert!(after.iter().all(needed), "of {after:?} nothing should be left");
                assert!(kept.into_iter().all(|id| after.contains(&id)), "only {after:?} are left");
            }
            Action::Crash { lost_steps } => self.crash(lost_steps),
        }
        self.assert_offsets();
        self.history.push((self.driver.log.len(), self.offsets.clone()));
    }

    fn advance(&mut self, duration_ms: u64) {
        for (_, out) in self.driver.advance(duration_ms) {
            self.observe(out);
        }
    }

    fn crash(&mut self, lost_steps: usize) {
        self.history.truncate(self.history.len().saturating_sub(lost_steps));
        let (durable, offsets) = self.history.last().cloned().unwrap_or_default();
        let out = self.driver.crash(durable);
        self.offsets = offsets;
        self.syncs.clear();
        self.joins.clear();
        self.protocols.clear();
        self.observe(out);
    }

    fn join(
        &mut self,
        group: &GroupId,
        member: Option<u8>,
        instance: Option<u8>,
        protocols: u8,
        version: u8,
    ) {
        self.uuids += 1;
        let member_id = member.map(|index| self.member(group, index).0).unwrap_or_default();
        let instance_id = match instance {
            Some(number) => Some(InstanceId::from(format!("i{number}"))),
            None => self.instances.get(&member_id).cloned(),
        };
        let names = [&["range"][..], &["sticky", "range"], &["range", "sticky"], &["sticky"]];
        let protocol = |name: &&str| Protocol {
            name: (*name).into(),
            metadata: Bytes::from(format!("{name}{protocols}")),
        };
        let request = JoinGroup {
            group_id: group.clone(),
            member_id,
            instance_id: instance_id.clone(),
            client_id: "c".into(),
            client_host: "/h".into(),
            protocol_type: "consumer".into(),
            protocols: names[usize::from(protocols)].iter().map(protocol).collect(),
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 20_000 + 10_000 * i32::from(protocols),
            require_known_member_id: version >= 4,
            supports_skip_assignment: version >= 9,
            reason: None,
            fresh_uuid: self.uuids.to_string().into(),
        };
        let (reply_to, out) = self.driver.request(Request::JoinGroup(request));
        self.joins.insert(reply_to, (group.clone(), instance_id));
        self.observe(out);
    }

    /// The assignment names the generation it was made in.
    fn sync(&mut self, group_id: GroupId, member: u8, stale: bool) {
        let (member_id, generation) = self.member(&group_id, member);
        let generation = generation - i32::from(stale);
        let known = self.known.get(&group_id).into_iter().flatten();
        let assign = |(id, _): &(MemberId, i32)| (id.clone(), Bytes::from(generation.to_string()));
        let request = SyncGroup {
            assignments: known.map(assign).collect(),
            instance_id: self.instances.get(&member_id).cloned(),
            group_id,
            generation,
            member_id,
            protocol_type: None,
            protocol: None,
        };
        let (reply_to, out) = self.driver.request(Request::SyncGroup(request));
        self.syncs.insert(reply_to, generation);
        self.observe(out);
    }

    fn commit(&mut self, action: &Action) {
        let Action::Commit { group, member, producer, partition, offset, topic_id: number } =
            *action
        else {
            return;
        };
        let (group_id, id) = (group_id(group), topic_id(number));
        let (member_id, generation) = match member {
            Some(index) => self.member(&group_id, index),
            None => (MemberId::default(), -1),
        };
        let partitions = vec![CommitPartition {
            partition,
            offset: Offset(offset),
            leader_epoch: LeaderEpoch::NONE,
            metadata: None,
        }];
        let request = OffsetCommit {
            group_id: group_id.clone(),
            instance_id: self.instances.get(&member_id).cloned(),
            generation,
            member_id,
            retention_ms: None,
            reports_missing_group: true,
            topics: vec![TopicPartitions { name: topic(), id, partitions }],
        };
        let producer = producer.map(ProducerId);
        let request = match producer {
            Some(id) => Request::TxnOffsetCommit(TxnOffsetCommit {
                producer: Producer::new(id, ProducerEpoch(0)),
                commit: request,
            }),
            None => Request::OffsetCommit(request),
        };
        let (_, out) = self.driver.request(request);
        if let Reply::OffsetCommit(Ok(topics)) | Reply::TxnOffsetCommit(Ok(topics)) =
            &out.replies[0].1
        {
            match topics[0].partitions[0].result {
                Ok(()) => self.offsets.commit((group_id, partition), producer, offset, id),
                Err(_) => assert!(self.offsets.count() >= OFFSETS_MAX, "refused in spite of room"),
            }
        }
        self.observe(out);
    }

    fn forget(&mut self, group_id: GroupId, partition: i32) {
        let topics = partitions([partition]);
        let request = OffsetDelete { group_id: group_id.clone(), topics };
        let (_, out) = self.driver.request(Request::OffsetDelete(request));
        if let Reply::OffsetDelete(Ok(topics)) = &out.replies[0].1
            && topics[0].partitions[0].result.is_ok()
        {
            self.offsets.forget_partition(&(group_id, partition));
        }
        self.observe(out);
    }

    fn delete(&mut self, group_id: &GroupId) {
        let request = DeleteGroups { group_ids: vec![group_id.clone()] };
        let (_, out) = self.driver.request(Request::DeleteGroups(request));
        if let Reply::DeleteGroups(Ok(groups)) = &out.replies[0].1
            && groups[0].result.is_ok()
        {
            self.offsets.forget_group(group_id);
            self.protocols.clear();
        }
        self.observe(out);
    }

    fn observe(&mut self, out: Outbox) {
        // A group without members and offsets may be forgotten, and its generations start anew.
        if out.records.iter().any(|write| write.record.value.is_none()) {
            self.protocols.clear();
        }
        for (reply_to, reply) in out.replies {
            match reply {
                Reply::JoinGroup(joined) => self.observe_joined(reply_to, joined),
                Reply::SyncGroup(synced) => {
                    let generation = self.syncs.remove(&reply_to);
                    let assignment = synced.map(|synced| synced.assignment).unwrap_or_default();
                    let made_in = generation.map(|generation| generation.to_string());
                    let own = assignment.is_empty()
                        || made_in.as_deref().map(str::as_bytes) == Some(&assignment);
                    assert!(own, "an assignment of another generation");
                }
                _ => {}
            }
        }
    }

    fn observe_joined(
        &mut self,
        reply_to: ReplyTo,
        joined: Result<crate::Joined, crate::JoinRefusal>,
    ) {
        let Some((group, instance)) = self.joins.remove(&reply_to) else { return };
        let (member_id, generation) = match joined {
            Ok(joined) => {
                let told = self.protocols.entry((group.clone(), joined.generation));
                let first = told.or_insert_with(|| joined.protocol.clone());
                assert_eq!(*first, joined.protocol, "one generation, two protocols");
                let is_leader = joined.leader == joined.member_id;
                assert_eq!(is_leader, !joined.members.is_empty(), "only the leader is told of all");
                let ids: BTreeSet<_> = joined.members.iter().map(|m| m.member_id.clone()).collect();
                assert!(!is_leader || ids.contains(&joined.member_id));
                (joined.member_id, joined.generation)
            }
            Err(refusal) => (refusal.member_id, 0),
        };
        if member_id.is_unknown() {
            return;
        }
        if let Some(instance) = instance.filter(|_| generation > 0) {
            self.instances.insert(member_id.clone(), instance);
        }
        let known = self.known.entry(group).or_default();
        known.retain(|(id, _)| *id != member_id);
        known.push((member_id, generation));
    }

    /// What was acknowledged is there, and nothing else.
    fn assert_offsets(&mut self) {
        let stored = self.driver.machine.durable().offsets().iter().flat_map(|(group, topics)| {
            let partitions = topics.values().flatten();
            partitions.map(|(partition, offset)| ((group.clone(), *partition), offset.offset.0))
        });
        let stored: BTreeMap<Key, i64> = stored.collect();
        self.offsets.expire(&stored);
        assert_eq!(stored, self.offsets.committed());
        self.assert_fetched("g", &stored);
        self.assert_fetched("h", &stored);
    }

    /// Stable offsets are told unless a transaction may change them.
    fn assert_fetched(&mut self, group_id: &str, stored: &BTreeMap<Key, i64>) {
        let topics = Some(partitions(0..PARTITIONS));
        let fetch = OffsetFetch { group_id: group_id.into(), topics, require_stable: true };
        let (_, out) = self.driver.request(Request::OffsetFetch(fetch));
        let Reply::OffsetFetch(Ok(topics)) = &out.replies[0].1 else {
            panic!("offsets are always told");
        };
        for fetched in &topics[0].partitions {
            let key = (group_id.into(), fetched.partition);
            let expected = if self.offsets.is_unstable(&key) {
                Err(GroupError::UnstableOffsetCommit)
            } else {
                Ok(stored.get(&key).copied().unwrap_or(-1))
            };
            assert_eq!(fetched.result.map(|()| fetched.offset.0), expected, "{key:?}");
        }
    }
}

proptest! {
    #[test]
    fn whatever_happens_the_rules_hold(actions in vec(action(), 1..80)) {
        let mut clients = Clients::new();
        for action in actions {
            clients.act(&action);
        }
        clients.act(&Action::Advance(LONG_ENOUGH_MS));
        prop_assert!(clients.driver.unanswered.is_empty(), "requests wait for ever");
    }

    /// The same without members, so that transactions meet more often.
    #[test]
    fn the_latest_commit_that_counts_wins(actions in vec(about_offsets(), 1..80)) {
        let mut clients = Clients::new();
        for action in actions {
            clients.act(&action);
        }
    }
}
