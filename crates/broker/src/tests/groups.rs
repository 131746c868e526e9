//! Groups and their offsets.

use thalweg_types::TopicId;

use super::*;
use crate::{
    CommitPartition, DescribeGroups, GroupError, GroupState, Heartbeat, JoinGroup, Joined,
    LeaveGroup, Leaver, ListGroups, OffsetCommit, OffsetFetch, Protocol, SyncGroup,
    TopicPartitions,
};

fn join(group: &str, member: &str) -> JoinGroup {
    JoinGroup {
        group_id: group.into(),
        member_id: member.into(),
        instance_id: None,
        client_id: text("client"),
        client_host: text("127.0.0.1"),
        protocol_type: text("consumer"),
        protocols: vec![Protocol { name: text("range"), metadata: Bytes::from_static(b"m") }],
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 10_000,
        require_known_member_id: false,
        supports_skip_assignment: true,
        reason: None,
        fresh_uuid: text("uuid"),
    }
}

/// Joins as the only member, and brings its own assignment.
async fn become_stable(broker: &Broker, group: &str) -> Joined {
    let joined = broker.join_group(&session(), join(group, "")).await.unwrap();
    let sync = SyncGroup {
        group_id: group.into(),
        generation: joined.generation,
        member_id: joined.member_id.clone(),
        instance_id: None,
        protocol_type: None,
        protocol: None,
        assignments: vec![(joined.member_id.clone(), Bytes::from_static(b"assigned"))],
    };
    let synced = broker.sync_group(&session(), sync).await.unwrap();
    assert_eq!(synced.assignment, Bytes::from_static(b"assigned"));
    joined
}

fn commit(group: &str, topic: &str, partition: i32, offset: i64) -> OffsetCommit {
    OffsetCommit {
        group_id: group.into(),
        generation: -1,
        member_id: "".into(),
        instance_id: None,
        retention_ms: None,
        reports_missing_group: false,
        topics: vec![TopicPartitions {
            name: topic.to_owned().try_into().unwrap(),
            id: TopicId::ZERO,
            partitions: vec![CommitPartition {
                partition,
                offset: Offset(offset),
                leader_epoch: LeaderEpoch::NONE,
                metadata: Some("note".to_owned()),
            }],
        }],
    }
}

/// All offsets of a group, as (topic, partition, offset).
async fn committed(broker: &Broker, group: &str) -> Vec<(String, i32, i64)> {
    let all = OffsetFetch { group_id: group.into(), topics: None, require_stable: false };
    let topics = broker.fetch_offsets(&session(), all).await.unwrap();
    let flat = topics.into_iter().flat_map(|topic| {
        let name = topic.name.to_string();
        topic.partitions.into_iter().map(move |p| (name.clone(), p.partition, p.offset.0))
    });
    flat.collect()
}

#[test]
fn members_and_offsets_survive_a_restart() {
    simulate(40, |env, world| async move {
        let broker = open(&env).await;
        create(&broker, "t", 2, &[]).await;
        let joined = become_stable(&broker, "g").await;
        let mut request = commit("g", "t", 1, 42);
        request.generation = joined.generation;
        request.member_id = joined.member_id.clone();
        let outcome = broker.commit_offsets(&session(), request).await;
        assert!(outcome[0].partitions[0].result.is_ok());

        let broker = restart(broker, &world).await;
        assert_eq!(committed(&broker, "g").await, [("t".to_owned(), 1, 42)]);
        let heartbeat = Heartbeat {
            group_id: "g".into(),
            generation: joined.generation,
            member_id: joined.member_id.clone(),
            instance_id: None,
        };
        assert_eq!(
            broker.heartbeat(&session(), heartbeat.clone()).await,
            Ok(()),
            "the member lives on"
        );
        env.sleep(Duration::from_secs(11)).await;
        let late = broker.heartbeat(&session(), heartbeat).await;
        assert_eq!(late, Err(GroupError::UnknownMemberId), "nobody heard of it for too long");
    });
}

#[test]
fn commits_to_what_does_not_exist_are_refused_one_by_one() {
    simulate(41, |env, _| async move {
        let broker = open(&env).await;
        create(&broker, "t", 1, &[]).await;
        let mut request = commit("g", "t", 0, 5);
        let mut beyond = request.topics[0].partitions[0].clone();
        beyond.partition = 7;
        request.topics[0].partitions.insert(0, beyond);
        request.topics.extend(commit("g", "none", 0, 1).topics);
        let outcome = broker.commit_offsets(&session(), request).await;
        let ok = |at: usize, partition: i32| {
            let found = outcome[at].partitions.iter().find(|p| p.partition == partition);
            found.unwrap().result.is_ok()
        };
        assert_eq!([ok(0, 0), ok(0, 7), ok(1, 0)], [true, false, false]);
        assert_eq!(committed(&broker, "g").await, [("t".to_owned(), 0, 5)]);
    });
}

#[test]
fn groups_are_listed_described_and_deleted_wherever_they_are() {
    simulate(42, |env, _| async move {
        let broker = open(&env).await;
        assert!(broker.list_groups(&session(), ListGroups::default()).await.groups.is_empty());
        create(&broker, "t", 1, &[]).await;
        produce(&broker, "t", 0, &["a", "b", "c"]).await.unwrap();
        for group in ["a", "b", "c", "d"] {
            broker.commit_offsets(&session(), commit(group, "t", 0, 1)).await;
        }
        let joined = become_stable(&broker, "e").await;
        let listing = broker.list_groups(&session(), ListGroups::default()).await;
        let mut names: Vec<_> =
            listing.groups.iter().map(|group| group.group_id.to_string()).collect();
        names.sort();
        assert_eq!(names, ["a", "b", "c", "d", "e"]);

        let lags = broker.group_lags(100).await;
        assert_eq!(lags.len(), 4);
        assert!(lags.iter().all(|lag| lag.records() == 2));

        let asked = DescribeGroups {
            group_ids: vec!["e".into(), "a".into(), "z".into()],
            reports_missing_group: true,
        };
        let described = broker.describe_groups(&session(), asked).await;
        assert_eq!(described[0].state, GroupState::Stable);
        assert_eq!(described[0].members.len(), 1);
        assert_eq!(described[1].state, GroupState::Empty);
        assert_eq!(described[2].result, Err(GroupError::GroupIdNotFound));

        let delete = |groups: &[&str]| crate::DeleteGroups {
            group_ids: groups.iter().map(|group| (*group).into()).collect(),
        };
        let deleted = broker.delete_groups(&session(), delete(&["a", "e"])).await;
        assert_eq!(deleted[0].result, Ok(()));
        assert_eq!(deleted[1].result, Err(GroupError::NonEmptyGroup));
        let leaver = Leaver { member_id: joined.member_id, instance_id: None, reason: None };
        let leave = LeaveGroup { group_id: "e".into(), members: vec![leaver] };
        broker.leave_group(&session(), leave).await.unwrap();
        assert_eq!(broker.delete_groups(&session(), delete(&["e"])).await[0].result, Ok(()));
    });
}

#[test]
fn offsets_go_with_their_topic() {
    simulate(43, |env, world| async move {
        let broker = open(&env).await;
        create(&broker, "t", 1, &[]).await;
        create(&broker, "u", 1, &[]).await;
        broker.commit_offsets(&session(), commit("g", "t", 0, 1)).await;
        broker.commit_offsets(&session(), commit("g", "u", 0, 2)).await;
        broker.delete_topics(&session(), &[TopicKey::Name("t")]).await.unwrap();
        env.sleep(Duration::from_secs(1)).await;
        assert_eq!(committed(&broker, "g").await, [("u".to_owned(), 0, 2)]);

        // A successor of the same name does not inherit, nor lose what is committed at once.
        broker.delete_topics(&session(), &[TopicKey::Name("u")]).await.unwrap();
        create(&broker, "u", 1, &[]).await;
        broker.commit_offsets(&session(), commit("h", "u", 0, 7)).await;
        let broker = restart(broker, &world).await;
        assert_eq!(committed(&broker, "g").await, []);
        assert_eq!(committed(&broker, "h").await, [("u".to_owned(), 0, 7)]);
    });
}

#[test]
fn two_members_share_a_generation() {
    simulate(44, |env, _| async move {
        let broker = open(&env).await;
        let first = become_stable(&broker, "g").await;
        let other = broker.clone();
        let second = env.spawn("second", async move {
            let mut request = join("g", "");
            request.fresh_uuid = text("another");
            other.join_group(&session(), request).await.unwrap()
        });
        env.sleep(Duration::from_millis(100)).await;
        let again =
            broker.join_group(&session(), join("g", first.member_id.as_str())).await.unwrap();
        let second = second.join().await.unwrap();
        assert_eq!(again.generation, second.generation);
        assert_eq!(again.members.len() + second.members.len(), 2, "the leader sees both");
    });
}

#[test]
fn a_wall_clock_that_jumped_before_a_restart_expires_no_offsets() {
    simulate(48, |env, world| async move {
        const DECADE_MS: i64 = 10 * 365 * 24 * 3_600_000;
        let options = || options().set("offsets.retention.check.interval.ms", "1000");
        let broker = Broker::open(&env, options()).await.unwrap().0;
        create(&broker, "t", 1, &[]).await;
        broker.commit_offsets(&session(), commit("g", "t", 0, 7)).await;
        world.jump_wall(DECADE_MS);
        broker.close().await;
        drop(broker);
        let env = world.restart();
        let broker = Broker::open(&env, options()).await.unwrap().0;
        env.sleep(Duration::from_secs(30)).await;
        assert_eq!(committed(&broker, "g").await, [("t".to_owned(), 0, 7)]);
    });
}
