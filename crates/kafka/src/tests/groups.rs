//! Rules 35–40: the classic group protocol and committed offsets, as clients see them. The rules of
//! the coordinator itself have their transcripts in `thalweg-groups`.

use std::time::Duration;

use thalweg_kafka_wire::messages::delete_groups_response::DeletableGroupResult;
use thalweg_kafka_wire::messages::join_group_request::JoinGroupRequestProtocol;
use thalweg_kafka_wire::messages::leave_group_request::MemberIdentity;
use thalweg_kafka_wire::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use thalweg_kafka_wire::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use thalweg_kafka_wire::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use thalweg_kafka_wire::messages::sync_group_request::SyncGroupRequestAssignment;
use thalweg_kafka_wire::messages::{
    DeleteGroupsRequest, DescribeGroupsRequest, FindCoordinatorRequest, HeartbeatRequest,
    JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, ListGroupsRequest, OffsetCommitRequest,
    OffsetDeleteRequest, OffsetFetchRequest, SyncGroupRequest,
};

use super::*;

pub fn join_request(member_id: &str) -> JoinGroupRequest {
    JoinGroupRequest {
        group_id: "g".to_owned(),
        session_timeout_ms: 30_000,
        rebalance_timeout_ms: 60_000,
        member_id: member_id.to_owned(),
        protocol_type: "consumer".to_owned(),
        protocols: vec![JoinGroupRequestProtocol {
            name: "range".to_owned(),
            metadata: Bytes::from_static(b"subscription"),
        }],
        ..Default::default()
    }
}

/// Joins as a client does: for an id first, then with it.
async fn join(client: &mut Client) -> JoinGroupResponse {
    let first = client.call(9, &join_request("")).await;
    assert_error(first.error_code, ErrorCode::MemberIdRequired);
    let joined = client.call(9, &join_request(&first.member_id)).await;
    assert_eq!(joined.error_code, 0);
    joined
}

async fn sync(client: &mut Client, joined: &JoinGroupResponse) -> Bytes {
    let assignments = joined.members.iter().map(|member| SyncGroupRequestAssignment {
        member_id: member.member_id.clone(),
        assignment: Bytes::from_static(b"assignment"),
    });
    let request = SyncGroupRequest {
        group_id: "g".to_owned(),
        generation_id: joined.generation_id,
        member_id: joined.member_id.clone(),
        assignments: assignments.collect(),
        ..Default::default()
    };
    let response = client.call(5, &request).await;
    assert_eq!(response.error_code, 0);
    response.assignment
}

async fn heartbeat(client: &mut Client, joined: &JoinGroupResponse) -> i16 {
    let request = HeartbeatRequest {
        group_id: "g".to_owned(),
        generation_id: joined.generation_id,
        member_id: joined.member_id.clone(),
        ..Default::default()
    };
    client.call(4, &request).await.error_code
}

pub fn commit_request(group: &str, generation: i32, member_id: &str) -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition {
        partition_index: 0,
        committed_offset: 42,
        committed_leader_epoch: 1,
        committed_metadata: Some("note".to_owned()),
    };
    let topic = OffsetCommitRequestTopic {
        name: "t".to_owned(),
        partitions: vec![partition],
        ..Default::default()
    };
    OffsetCommitRequest {
        group_id: group.to_owned(),
        generation_id_or_member_epoch: generation,
        member_id: member_id.to_owned(),
        topics: vec![topic],
        ..Default::default()
    }
}

pub async fn commit(client: &mut Client, version: i16, request: &OffsetCommitRequest) -> i16 {
    client.call(version, request).await.topics[0].partitions[0].error_code
}

#[test]
fn rule_35_a_new_member_needs_an_id() {
    simulate(|world| async move {
        let mut client = world.connect();
        let first = client.call(4, &join_request("")).await;
        assert_error(first.error_code, ErrorCode::MemberIdRequired);
        assert!(first.member_id.starts_with("test-"), "{}", first.member_id);
        assert_eq!(client.call(4, &join_request(&first.member_id)).await.error_code, 0);

        let mut older = world.connect();
        let request = JoinGroupRequest { group_id: "other".to_owned(), ..join_request("") };
        assert_eq!(older.call(3, &request).await.error_code, 0, "before version 4 it does not");
    });
}

#[test]
fn rule_35_a_second_holder_of_an_instance_fences_the_first() {
    simulate(|world| async move {
        let mut first = world.connect();
        let mut request = join_request("");
        request.group_instance_id = Some("instance".to_owned());
        let old = first.call(9, &request).await;
        assert_eq!(old.error_code, 0, "a static member needs no id");
        let taken = world.connect().call(9, &request).await;
        assert_eq!(taken.error_code, 0);
        assert_ne!(taken.member_id, old.member_id);
        let request = HeartbeatRequest {
            group_id: "g".to_owned(),
            generation_id: old.generation_id,
            member_id: old.member_id,
            group_instance_id: Some("instance".to_owned()),
        };
        let fenced = first.call(4, &request).await.error_code;
        assert_error(fenced, ErrorCode::FencedInstanceId);
    });
}

#[test]
fn rule_36_session_timeouts_have_bounds() {
    simulate(|world| async move {
        let mut client = world.connect();
        for session_timeout_ms in [1, 31 * 60_000] {
            let request = JoinGroupRequest { session_timeout_ms, ..join_request("") };
            let refused = client.call(9, &request).await;
            assert_error(refused.error_code, ErrorCode::InvalidSessionTimeout);
        }
    });
}

#[test]
fn rule_37_a_group_forms_and_rebalances() {
    simulate(|world| async move {
        let mut one = world.connect();
        let leader = join(&mut one).await;
        assert_eq!(leader.leader, leader.member_id);
        assert_eq!(leader.members.len(), 1);
        assert_eq!(&leader.members[0].metadata[..], b"subscription");
        assert_eq!(&sync(&mut one, &leader).await[..], b"assignment");
        assert_eq!(heartbeat(&mut one, &leader).await, 0);

        let mut two = world.connect();
        let id = two.call(9, &join_request("")).await.member_id;
        let waiting = two.send(9, &join_request(&id)).await;
        world.env.sleep(Duration::from_secs(1)).await;
        assert_error(heartbeat(&mut one, &leader).await, ErrorCode::RebalanceInProgress);
        let leader = one.call(9, &join_request(&leader.member_id)).await;
        assert_eq!((leader.generation_id, leader.members.len()), (2, 2));
        let (answered, follower) = two.receive::<JoinGroupRequest>(9).await;
        assert_eq!((answered, follower.generation_id), (waiting, 2));
        assert!(follower.members.is_empty(), "only the leader sees the members");
    });
}

#[test]
fn rule_37_a_protocol_must_be_supported_by_all() {
    simulate(|world| async move {
        let mut client = world.connect();
        let joined = join(&mut client).await;
        sync(&mut client, &joined).await;
        let mut other = join_request("");
        other.protocols[0].name = "roundrobin".to_owned();
        let refused = world.connect().call(9, &other).await;
        assert_error(refused.error_code, ErrorCode::InconsistentGroupProtocol);
    });
}

#[test]
fn rule_37_a_protocol_without_a_name_is_empty_in_old_versions() {
    simulate(|world| async move {
        let mut client = world.connect();
        for version in 0..=9 {
            let request = JoinGroupRequest { session_timeout_ms: 1, ..join_request("") };
            let request = JoinGroupRequest { reason: None, ..request };
            let refused = client.call(version, &request).await;
            assert_error(refused.error_code, ErrorCode::InvalidSessionTimeout);
            assert_eq!(refused.protocol_name.is_none(), version >= 7, "{version}");
        }
    });
}

#[test]
fn rule_38_commits() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[]).await;
        let simple = commit_request("simple", -1, "");
        assert_eq!(commit(&mut client, 9, &simple).await, 0, "a simple group is created");
        let missing = commit_request("missing", 3, "member");
        assert_error(commit(&mut client, 8, &missing).await, ErrorCode::IllegalGeneration);
        assert_error(commit(&mut client, 9, &missing).await, ErrorCode::GroupIdNotFound);
        let mut large = commit_request("simple", -1, "");
        large.topics[0].partitions[0].committed_metadata = Some("x".repeat(4097));
        assert_error(commit(&mut client, 9, &large).await, ErrorCode::OffsetMetadataTooLarge);
        let mut elsewhere = commit_request("simple", -1, "");
        elsewhere.topics[0].partitions[0].partition_index = 7;
        assert_error(commit(&mut client, 9, &elsewhere).await, ErrorCode::UnknownTopicOrPartition);
    });
}

#[test]
fn rule_38_what_is_committed_is_fetched_in_every_version() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[]).await;
        let id = topic_id(&mut client, "t").await;
        for version in 2..=9 {
            assert_eq!(commit(&mut client, version, &commit_request("g", -1, "")).await, 0);
        }
        let mut by_id = commit_request("g", -1, "");
        by_id.topics[0] = OffsetCommitRequestTopic {
            name: String::new(),
            topic_id: id.0,
            ..by_id.topics[0].clone()
        };
        let response = client.call(10, &by_id).await;
        assert_eq!(
            (response.topics[0].topic_id, response.topics[0].partitions[0].error_code),
            (id.0, 0)
        );

        for version in 1..=7 {
            let topic =
                OffsetFetchRequestTopic { name: "t".to_owned(), partition_indexes: vec![0, 5] };
            let request = OffsetFetchRequest {
                group_id: "g".to_owned(),
                topics: Some(vec![topic]),
                ..Default::default()
            };
            let response = client.call(version, &request).await;
            let [known, unknown] = response.topics[0].partitions.as_slice() else {
                panic!("{response:?}")
            };
            assert_eq!((known.committed_offset, known.metadata.as_deref()), (42, Some("note")));
            assert_eq!((unknown.committed_offset, unknown.error_code), (-1, 0), "{version}");
        }
        for version in 8..=10 {
            let by_id = version >= 10;
            let topic = OffsetFetchRequestTopics {
                name: if by_id { String::new() } else { "t".to_owned() },
                topic_id: if by_id { id.0 } else { TopicId::ZERO.0 },
                partition_indexes: vec![0],
            };
            for topics in [Some(vec![topic]), None] {
                let group = OffsetFetchRequestGroup {
                    group_id: "g".to_owned(),
                    topics,
                    ..Default::default()
                };
                let request = OffsetFetchRequest { groups: vec![group], ..Default::default() };
                let response = client.call(version, &request).await;
                let topic = &response.groups[0].topics[0];
                assert_eq!(topic.partitions[0].committed_offset, 42, "{version}");
                assert_eq!(topic.name.is_empty(), by_id);
            }
        }
    });
}

#[test]
fn rule_40_members_and_groups_end() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[]).await;
        let joined = join(&mut client).await;
        sync(&mut client, &joined).await;
        let delete = DeleteGroupsRequest { groups_names: vec!["g".into(), "missing".into()] };
        let response = client.call(3, &delete).await;
        let codes = |results: &[DeletableGroupResult]| -> Vec<_> {
            results.iter().map(|result| ErrorCode::from_code(result.error_code).unwrap()).collect()
        };
        let expected = [ErrorCode::NonEmptyGroup, ErrorCode::GroupIdNotFound];
        assert_eq!(codes(&response.results), expected);
        assert!(response.results[0].error_message.is_some());

        let member = MemberIdentity { member_id: joined.member_id.clone(), ..Default::default() };
        let leave = LeaveGroupRequest {
            group_id: "g".to_owned(),
            members: vec![member],
            ..Default::default()
        };
        assert_eq!(client.call(5, &leave).await.members[0].error_code, 0);
        let old = LeaveGroupRequest {
            group_id: "g".to_owned(),
            member_id: joined.member_id,
            ..Default::default()
        };
        assert_error(client.call(2, &old).await.error_code, ErrorCode::UnknownMemberId);
        assert_eq!(codes(&client.call(3, &delete).await.results)[0], ErrorCode::None);
    });
}

#[test]
fn groups_are_listed_and_described() {
    simulate(|world| async move {
        let mut client = world.connect();
        let joined = join(&mut client).await;
        sync(&mut client, &joined).await;
        for version in 0..=5 {
            let listed = client.call(version, &ListGroupsRequest::default()).await;
            assert_eq!((listed.error_code, listed.groups.len()), (0, 1));
            assert_eq!(listed.groups[0].group_id, "g");
        }
        let others =
            ListGroupsRequest { types_filter: vec!["share".to_owned()], ..Default::default() };
        assert!(client.call(5, &others).await.groups.is_empty());

        let describe = DescribeGroupsRequest {
            groups: vec!["g".to_owned(), "missing".to_owned()],
            ..Default::default()
        };
        let newest = client.call(6, &describe).await;
        let [known, missing] = newest.groups.as_slice() else { panic!("{newest:?}") };
        assert_eq!((known.group_state.as_str(), known.members.len()), ("Stable", 1));
        assert_eq!(known.members[0].client_host, "/127.0.0.1");
        assert_eq!(known.authorized_operations, i32::MIN);
        assert_error(missing.error_code, ErrorCode::GroupIdNotFound);
        let older = client.call(5, &describe).await;
        assert_eq!((older.groups[1].error_code, older.groups[1].group_state.as_str()), (0, "Dead"));
    });
}

#[test]
fn offsets_are_deleted_where_nobody_reads() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[]).await;
        assert_eq!(commit(&mut client, 9, &commit_request("g", -1, "")).await, 0);
        let topic = OffsetDeleteRequestTopic {
            name: "t".to_owned(),
            partitions: vec![OffsetDeleteRequestPartition { partition_index: 0 }],
        };
        let request = OffsetDeleteRequest { group_id: "g".to_owned(), topics: vec![topic] };
        let response = client.call(0, &request).await;
        assert_eq!((response.error_code, response.topics[0].partitions[0].error_code), (0, 0));
        let missing = OffsetDeleteRequest { group_id: "missing".to_owned(), topics: Vec::new() };
        assert_error(client.call(0, &missing).await.error_code, ErrorCode::GroupIdNotFound);
    });
}

#[test]
fn coordinators_are_found() {
    simulate(|world| async move {
        let mut client = world.connect();
        for version in 0..=6 {
            let mut request = FindCoordinatorRequest::default();
            if version >= 4 {
                request.coordinator_keys = vec!["g".to_owned()];
            } else {
                request.key = "g".to_owned();
            }
            let response = client.call(version, &request).await;
            let host = response.coordinators.first().map_or(response.host, |c| c.host.clone());
            assert_eq!((response.error_code, host.as_str()), (0, "broker.example"), "{version}");
        }
        let of_type = |key_type| FindCoordinatorRequest {
            key_type,
            coordinator_keys: vec!["x".to_owned()],
            ..Default::default()
        };
        let response = client.call(4, &of_type(1)).await;
        assert_eq!(response.coordinators[0].error_code, 0, "a transactional id");
        let response = client.call(6, &of_type(2)).await;
        assert_error(response.coordinators[0].error_code, ErrorCode::InvalidRequest);
    });
}
