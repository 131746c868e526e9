//! Every api, asked by a client that may do nothing: each answers with its own error, and does nothing.

use thalweg_kafka_wire::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use thalweg_kafka_wire::messages::alter_configs_request as replace;
use thalweg_kafka_wire::messages::create_acls_request::AclCreation;
use thalweg_kafka_wire::messages::create_partitions_request::CreatePartitionsTopic;
use thalweg_kafka_wire::messages::delete_topics_request::DeleteTopicState;
use thalweg_kafka_wire::messages::describe_producers_request::TopicRequest;
use thalweg_kafka_wire::messages::describe_topic_partitions_request::TopicRequest as DescribedTopic;
use thalweg_kafka_wire::messages::leave_group_request::MemberIdentity;
use thalweg_kafka_wire::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use thalweg_kafka_wire::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};
use thalweg_kafka_wire::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use thalweg_kafka_wire::messages::write_txn_markers_request::{
    WritableTxnMarker, WritableTxnMarkerTopic,
};
use thalweg_kafka_wire::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, AlterConfigsRequest, CreateAclsRequest,
    CreatePartitionsRequest, DeleteAclsRequest, DeleteGroupsRequest, DeleteTopicsRequest,
    DescribeClusterRequest, DescribeGroupsRequest, DescribeLogDirsRequest,
    DescribeProducersRequest, DescribeTopicPartitionsRequest, DescribeTransactionsRequest,
    EndTxnRequest, FetchRequest, FindCoordinatorRequest, HeartbeatRequest, LeaveGroupRequest,
    ListGroupsRequest, ListTransactionsRequest, OffsetDeleteRequest, OffsetFetchRequest,
    OffsetForLeaderEpochRequest, SyncGroupRequest, WriteTxnMarkersRequest,
};

use super::acls::{
    CLUSTER, GROUP, TOPIC, TRANSACTIONAL_ID, add, deny, describe_request, open_filter,
};
use super::admin::{change, describe, metadata_of, producer_id_request};
use super::fetch::{fetch_all, fetch_request};
use super::groups::{commit, commit_request, join_request};
use super::offsets::{delete_before, list_request};
use super::produce::{produce, produce_request};
use super::*;

const STRANGER: &str = "10.0.0.1";

/// A broker with a topic `t` that has a record, and a group `g` that has read it; somebody who may
/// do everything, and somebody who may do nothing of this.
struct Scene {
    owner: Client,
    stranger: Client,
    id: TopicId,
}

impl Scene {
    async fn new(world: &World, denied: &[(i8, &str)]) -> Self {
        let mut owner = world.with_topic(1, &[]).await;
        produce(&mut owner, batch(&["kept"])).await;
        assert_eq!(commit(&mut owner, 9, &commit_request("g", -1, "")).await, 0);
        let id = topic_id(&mut owner, "t").await;
        let acls = denied.iter().map(|(resource_type, name)| AclCreation {
            host: STRANGER.to_owned(),
            ..deny(*resource_type, name)
        });
        // With an ACL about a resource, everybody else has to be allowed.
        let others = denied.iter().map(|(resource_type, name)| AclCreation {
            permission_type: 3,
            ..deny(*resource_type, name)
        });
        add(&mut owner, acls.chain(others).collect()).await;
        Self { owner, stranger: world.connect_from(STRANGER), id }
    }
}

#[track_caller]
fn assert_topic(code: i16) {
    assert_error(code, ErrorCode::TopicAuthorizationFailed);
}

#[track_caller]
fn assert_group(code: i16) {
    assert_error(code, ErrorCode::GroupAuthorizationFailed);
}

#[track_caller]
fn assert_cluster(code: i16) {
    assert_error(code, ErrorCode::ClusterAuthorizationFailed);
}

#[test]
fn rule_54_records() {
    simulate(|world| async move {
        let Scene { mut owner, mut stranger, id } = Scene::new(&world, &[(TOPIC, "*")]).await;
        let refused = produce(&mut stranger, batch(&["v"])).await;
        assert_topic(refused.error_code);
        assert_eq!(refused.base_offset, -1);
        let mut by_id = produce_request("", -1, batch(&["v"]));
        by_id.topic_data[0].topic_id = id.0;
        let response = stranger.call(13, &by_id).await;
        assert_topic(response.responses[0].partition_responses[0].error_code);

        let response = stranger.call(12, &fetch_request("t", &[(0, 0)])).await;
        let partition = &response.responses[0].partitions[0];
        assert_topic(partition.error_code);
        assert_eq!(partition.records.as_ref().unwrap().len(), 0);
        let mut by_id = fetch_request("", &[(0, 0)]);
        by_id.topics[0].topic_id = id.0;
        let response = stranger.call(13, &by_id).await;
        assert_topic(response.responses[0].partitions[0].error_code);

        let response = stranger.call(11, &list_request(&[-1], -1)).await;
        let listed = &response.topics[0].partitions[0];
        assert_topic(listed.error_code);
        assert_eq!(listed.offset, -1);
        let topic = OffsetForLeaderTopic {
            topic: "t".to_owned(),
            partitions: vec![OffsetForLeaderPartition::default()],
        };
        let epochs = OffsetForLeaderEpochRequest { topics: vec![topic], ..Default::default() };
        assert_topic(stranger.call(4, &epochs).await.topics[0].partitions[0].error_code);
        assert_topic(delete_before(&mut stranger, -1).await.0);
        let asked = TopicRequest { name: "t".to_owned(), partition_indexes: vec![0] };
        let response = stranger.call(0, &DescribeProducersRequest { topics: vec![asked] }).await;
        assert_topic(response.topics[0].partitions[0].error_code);

        assert_eq!(fetch_all(&mut owner, "t").await, ["kept"]);
    });
}

#[test]
fn rule_54_a_fetch_session_ends_where_its_rights_end() {
    simulate(|world| async move {
        let mut reader = world.with_topic(1, &[]).await;
        let open = FetchRequest { session_epoch: 0, ..fetch_request("t", &[(0, 0)]) };
        let opened = reader.call(12, &open).await;
        assert_eq!(opened.responses[0].partitions[0].error_code, 0);
        add(&mut world.connect(), vec![deny(TOPIC, "t")]).await;
        let next = FetchRequest {
            session_id: opened.session_id,
            session_epoch: 1,
            topics: Vec::new(),
            ..open
        };
        let response = reader.call(12, &next).await;
        assert_topic(response.responses[0].partitions[0].error_code);
    });
}

#[test]
fn rule_54_topics() {
    simulate(|world| async move {
        let Scene { mut owner, mut stranger, id } = Scene::new(&world, &[(TOPIC, "*")]).await;
        assert_topic(stranger.call(12, &metadata_of("t")).await.topics[0].error_code);
        assert_topic(stranger.call(12, &metadata_of("new")).await.topics[0].error_code);
        let topic =
            CreatableTopic { name: "new".to_owned(), num_partitions: 1, ..Default::default() };
        let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
        assert_topic(stranger.call(7, &request).await.topics[0].error_code);
        let more = CreatePartitionsTopic { name: "t".to_owned(), count: 5, ..Default::default() };
        let request = CreatePartitionsRequest { topics: vec![more], ..Default::default() };
        assert_topic(stranger.call(3, &request).await.results[0].error_code);
        let request = DeleteTopicsRequest {
            topics: vec![
                DeleteTopicState { name: Some("t".to_owned()), ..Default::default() },
                DeleteTopicState { name: Some("missing".to_owned()), ..Default::default() },
                DeleteTopicState { name: None, topic_id: id.0 },
            ],
            ..Default::default()
        };
        for refused in stranger.call(6, &request).await.responses {
            assert_topic(refused.error_code);
            assert_eq!(refused.name.is_none(), refused.topic_id == id.0);
        }
        let request = DescribeTopicPartitionsRequest {
            topics: vec![DescribedTopic { name: "t".to_owned() }],
            response_partition_limit: 10,
            cursor: None,
        };
        let response = stranger.call(0, &request).await;
        assert_topic(response.topics[0].error_code);
        assert!(response.topics[0].topic_id.is_nil());

        let all = MetadataRequest { topics: None, ..Default::default() };
        let topics = owner.call(12, &all).await.topics;
        let shape: Vec<_> =
            topics.iter().map(|topic| (topic.is_internal, topic.partitions.len())).collect();
        assert_eq!(shape, [(true, 2), (false, 1)]);
    });
}

#[test]
fn rule_54_configurations() {
    simulate(|world| async move {
        let denied = [(TOPIC, "t"), (GROUP, "g"), (CLUSTER, "kafka-cluster")];
        let Scene { mut owner, mut stranger, .. } = Scene::new(&world, &denied).await;
        let node = world.door.broker.node().0.to_string();
        for (kind, name, expected) in [
            (2, "t", ErrorCode::TopicAuthorizationFailed),
            (32, "g", ErrorCode::GroupAuthorizationFailed),
            (4, node.as_str(), ErrorCode::ClusterAuthorizationFailed),
            (4, "", ErrorCode::ClusterAuthorizationFailed),
        ] {
            let described = describe(&mut stranger, kind, name).await;
            assert_error(described.error_code, expected);
            assert!(described.configs.is_empty());
            let mut changed = change("retention.ms", 0, Some("5"));
            changed.resources[0].resource_type = kind;
            changed.resources[0].resource_name = name.to_owned();
            assert_error(stranger.call(1, &changed).await.responses[0].error_code, expected);
            let resource = replace::AlterConfigsResource {
                resource_type: kind,
                resource_name: name.to_owned(),
                configs: Vec::new(),
            };
            let replaced = AlterConfigsRequest { resources: vec![resource], validate_only: false };
            assert_error(stranger.call(2, &replaced).await.responses[0].error_code, expected);
        }
        let topic = describe(&mut owner, 2, "t").await;
        let retention = topic.configs.iter().find(|config| config.name == "retention.ms");
        assert_ne!(retention.unwrap().value.as_deref(), Some("5"));
    });
}

#[test]
fn rule_54_members_of_groups() {
    simulate(|world| async move {
        let Scene { mut stranger, .. } = Scene::new(&world, &[(GROUP, "g")]).await;
        let keys =
            FindCoordinatorRequest { coordinator_keys: vec!["g".to_owned()], ..Default::default() };
        assert_group(stranger.call(4, &keys).await.coordinators[0].error_code);
        let key = FindCoordinatorRequest { key: "g".to_owned(), ..Default::default() };
        assert_group(stranger.call(3, &key).await.error_code);
        let joined = stranger.call(9, &join_request("")).await;
        assert_group(joined.error_code);
        assert!(joined.member_id.is_empty());
        let group_id = "g".to_owned();
        let sync = SyncGroupRequest { group_id: group_id.clone(), ..Default::default() };
        assert_group(stranger.call(5, &sync).await.error_code);
        let beat = HeartbeatRequest { group_id: group_id.clone(), ..Default::default() };
        assert_group(stranger.call(4, &beat).await.error_code);
        let members = vec![MemberIdentity::default()];
        let leave = LeaveGroupRequest { group_id, members, ..Default::default() };
        assert_group(stranger.call(5, &leave).await.error_code);
    });
}

fn offsets_of(group: &str, topic: Option<&str>) -> OffsetFetchRequest {
    let topics = topic.map(|name| {
        vec![OffsetFetchRequestTopics {
            name: name.to_owned(),
            partition_indexes: vec![0],
            ..Default::default()
        }]
    });
    let group =
        OffsetFetchRequestGroup { group_id: group.to_owned(), topics, ..Default::default() };
    OffsetFetchRequest { groups: vec![group], ..Default::default() }
}

fn deletion() -> OffsetDeleteRequest {
    let topic = OffsetDeleteRequestTopic {
        name: "t".to_owned(),
        partitions: vec![OffsetDeleteRequestPartition { partition_index: 0 }],
    };
    OffsetDeleteRequest { group_id: "g".to_owned(), topics: vec![topic] }
}

#[test]
fn rule_54_groups_and_their_offsets() {
    simulate(|world| async move {
        let Scene { mut owner, mut stranger, .. } = Scene::new(&world, &[(GROUP, "g")]).await;
        let mut other = commit_request("g", -1, "");
        other.topics[0].partitions[0].committed_offset = 1;
        assert_group(commit(&mut stranger, 9, &other).await);
        let response = stranger.call(8, &offsets_of("g", Some("t"))).await;
        assert_group(response.groups[0].error_code);
        assert_group(stranger.call(0, &deletion()).await.error_code);
        let groups = vec!["g".to_owned()];
        let request = DescribeGroupsRequest { groups: groups.clone(), ..Default::default() };
        assert_group(stranger.call(6, &request).await.groups[0].error_code);
        let request = DeleteGroupsRequest { groups_names: groups };
        assert_group(stranger.call(3, &request).await.results[0].error_code);
        assert!(stranger.call(5, &ListGroupsRequest::default()).await.groups.is_empty());

        assert_eq!(owner.call(5, &ListGroupsRequest::default()).await.groups.len(), 1);
        let kept = owner.call(8, &offsets_of("g", Some("t"))).await;
        assert_eq!(kept.groups[0].topics[0].partitions[0].committed_offset, 42);
    });
}

#[test]
fn rule_54_offsets_of_topics() {
    simulate(|world| async move {
        let Scene { mut owner, mut stranger, .. } = Scene::new(&world, &[(TOPIC, "t")]).await;
        let mut other = commit_request("g", -1, "");
        other.topics[0].partitions[0].committed_offset = 1;
        assert_topic(commit(&mut stranger, 9, &other).await);
        let response = stranger.call(8, &offsets_of("g", Some("t"))).await;
        let fetched = &response.groups[0].topics[0].partitions[0];
        assert_topic(fetched.error_code);
        assert_eq!((fetched.committed_offset, fetched.metadata.as_deref()), (-1, Some("")));
        let all = stranger.call(8, &offsets_of("g", None)).await;
        assert!(all.groups[0].topics.is_empty(), "{all:?}");
        let response = stranger.call(0, &deletion()).await;
        assert_topic(response.topics[0].partitions[0].error_code);

        let kept = owner.call(8, &offsets_of("g", None)).await;
        assert_eq!(kept.groups[0].topics[0].partitions[0].committed_offset, 42);
    });
}

#[test]
fn rule_54_the_cluster() {
    simulate(|world| async move {
        let denied = [(TOPIC, "*"), (CLUSTER, "kafka-cluster")];
        let Scene { mut owner, mut stranger, .. } = Scene::new(&world, &denied).await;
        let dirs = stranger.call(5, &DescribeLogDirsRequest { topics: None }).await;
        assert_cluster(dirs.error_code);
        assert!(dirs.results.is_empty());
        let id = stranger.call(4, &producer_id_request(None)).await;
        assert_cluster(id.error_code);
        assert_eq!(id.producer_id, -1);
        let asked = DescribeClusterRequest {
            include_cluster_authorized_operations: true,
            ..Default::default()
        };
        let cluster = stranger.call(1, &asked).await;
        assert_eq!((cluster.error_code, cluster.cluster_authorized_operations), (0, 0));

        let any = describe_request(open_filter());
        let acls = stranger.call(3, &any).await;
        assert_cluster(acls.error_code);
        assert!(acls.resources.is_empty());
        let creations = vec![deny(GROUP, "g"), deny(GROUP, "")];
        for result in stranger.call(3, &CreateAclsRequest { creations }).await.results {
            assert_cluster(result.error_code);
        }
        let response = stranger.call(3, &DeleteAclsRequest { filters: vec![open_filter()] }).await;
        assert_cluster(response.filter_results[0].error_code);
        let acls: usize =
            owner.call(3, &any).await.resources.iter().map(|resource| resource.acls.len()).sum();
        assert_eq!(acls, 4, "as they were");
    });
}

#[test]
fn rule_54_transactions() {
    simulate(|world| async move {
        let rights = [(TRANSACTIONAL_ID, "*"), (CLUSTER, "kafka-cluster")];
        let Scene { mut stranger, .. } = Scene::new(&world, &rights).await;
        let refused = ErrorCode::TransactionalIdAuthorizationFailed;
        let transactional_id = "x".to_owned();
        let find = FindCoordinatorRequest {
            key_type: 1,
            coordinator_keys: vec![transactional_id.clone()],
            ..Default::default()
        };
        assert_error(stranger.call(4, &find).await.coordinators[0].error_code, refused);
        let init = producer_id_request(Some("x"));
        assert_error(stranger.call(5, &init).await.error_code, refused);
        let end =
            EndTxnRequest { transactional_id: transactional_id.clone(), ..Default::default() };
        assert_error(stranger.call(5, &end).await.error_code, refused);
        let offsets = AddOffsetsToTxnRequest {
            transactional_id: transactional_id.clone(),
            ..Default::default()
        };
        assert_error(stranger.call(4, &offsets).await.error_code, refused);
        let topics = vec![AddPartitionsToTxnTopic { name: "t".to_owned(), partitions: vec![0] }];
        let add = AddPartitionsToTxnRequest {
            v3_and_below_transactional_id: transactional_id.clone(),
            v3_and_below_topics: topics,
            ..Default::default()
        };
        let added = stranger.call(3, &add).await.results_by_topic_v3_and_below;
        assert_error(added[0].results_by_partition[0].partition_error_code, refused);
        let of_broker = stranger.call(4, &AddPartitionsToTxnRequest::default()).await;
        assert_cluster(of_broker.error_code);
        let markers = WriteTxnMarkersRequest {
            markers: vec![WritableTxnMarker {
                topics: vec![WritableTxnMarkerTopic {
                    name: "t".to_owned(),
                    partition_indexes: vec![0],
                }],
                ..Default::default()
            }],
        };
        let written = stranger.call(1, &markers).await;
        assert_cluster(written.markers[0].topics[0].partitions[0].error_code);
        let describe = DescribeTransactionsRequest { transactional_ids: vec![transactional_id] };
        let described = stranger.call(0, &describe).await;
        assert_error(described.transaction_states[0].error_code, refused);
        let listed = stranger.call(0, &ListTransactionsRequest::default()).await;
        assert_eq!(listed.transaction_states, []);
    });
}
