//! Rule 54, and what ACLs add to rules 51 and 58: managing ACLs, and what their clients are shown.

use thalweg_kafka_wire::messages::create_acls_request::AclCreation;
use thalweg_kafka_wire::messages::delete_acls_request::DeleteAclsFilter;
use thalweg_kafka_wire::messages::{
    CreateAclsRequest, DeleteAclsRequest, DescribeAclsRequest, DescribeAclsResponse,
    DescribeClusterRequest, DescribeGroupsRequest, DescribeTopicPartitionsRequest,
};

use super::admin::{metadata_of, names};
use super::groups::join_request;
use super::*;

pub const TOPIC: i8 = 2;
pub const GROUP: i8 = 3;
pub const CLUSTER: i8 = 4;
pub const TRANSACTIONAL_ID: i8 = 5;
const ANY: i8 = 1;
const MATCH: i8 = 2;
const LITERAL: i8 = 3;
const PREFIXED: i8 = 4;
const ALL: i8 = 2;
const READ: i8 = 3;
const CREATE: i8 = 5;
const DENY: i8 = 2;
const ALLOW: i8 = 3;

/// Denies everything to everybody.
pub fn deny(resource_type: i8, name: &str) -> AclCreation {
    AclCreation {
        resource_type,
        resource_name: name.to_owned(),
        resource_pattern_type: LITERAL,
        principal: "User:*".to_owned(),
        host: "*".to_owned(),
        operation: ALL,
        permission_type: DENY,
    }
}

async fn create(client: &mut Client, version: i16, creations: Vec<AclCreation>) -> Vec<ErrorCode> {
    let response = client.call(version, &CreateAclsRequest { creations }).await;
    let codes = response.results.iter().map(|result| {
        assert_eq!(result.error_code == 0, result.error_message.is_none());
        ErrorCode::from_code(result.error_code).unwrap()
    });
    codes.collect()
}

pub async fn add(client: &mut Client, creations: Vec<AclCreation>) {
    assert!(create(client, 3, creations).await.iter().all(|code| *code == ErrorCode::None));
}

/// Picks every ACL.
pub fn open_filter() -> DeleteAclsFilter {
    DeleteAclsFilter {
        resource_type_filter: ANY,
        resource_name_filter: None,
        pattern_type_filter: ANY,
        principal_filter: None,
        host_filter: None,
        operation: ANY,
        permission_type: ANY,
    }
}

pub fn describe_request(filter: DeleteAclsFilter) -> DescribeAclsRequest {
    DescribeAclsRequest {
        resource_type_filter: filter.resource_type_filter,
        resource_name_filter: filter.resource_name_filter,
        pattern_type_filter: filter.pattern_type_filter,
        principal_filter: filter.principal_filter,
        host_filter: filter.host_filter,
        operation: filter.operation,
        permission_type: filter.permission_type,
    }
}

async fn describe(client: &mut Client, filter: DeleteAclsFilter) -> DescribeAclsResponse {
    client.call(3, &describe_request(filter)).await
}

fn described(response: &DescribeAclsResponse) -> Vec<(i8, &str, usize)> {
    let resources = response.resources.iter();
    resources.map(|of| (of.resource_type, of.resource_name.as_str(), of.acls.len())).collect()
}

#[test]
fn rule_54_acls_are_created_described_and_deleted_in_every_version() {
    simulate(|world| async move {
        let mut client = world.connect();
        for version in 1..=3 {
            let reading =
                AclCreation { operation: READ, permission_type: ALLOW, ..deny(GROUP, "g") };
            let prefixed = AclCreation { resource_pattern_type: PREFIXED, ..deny(GROUP, "g") };
            let asked = vec![deny(GROUP, "g"), reading, prefixed, deny(GROUP, "g")];
            let codes = create(&mut client, version, asked).await;
            assert_eq!(codes, [ErrorCode::None; 4], "what is there already is created");
            let request = describe_request(open_filter());
            let response = client.call(version, &request).await;
            assert_eq!(described(&response), [(GROUP, "g", 2), (GROUP, "g", 1)]);
            let first = &response.resources[0];
            assert_eq!(
                (first.pattern_type, response.resources[1].pattern_type),
                (LITERAL, PREFIXED)
            );
            let acl = &first.acls[0];
            assert_eq!((acl.principal.as_str(), acl.host.as_str()), ("User:*", "*"));
            assert_eq!((acl.operation, acl.permission_type), (ALL, DENY));

            let filters = vec![open_filter()];
            let response = client.call(version, &DeleteAclsRequest { filters }).await;
            let result = &response.filter_results[0];
            assert_eq!((result.error_code, result.matching_acls.len()), (0, 3));
        }
        assert!(describe(&mut client, open_filter()).await.resources.is_empty());
    });
}

#[test]
fn rule_54_filters_pick_patterns_or_what_counts_for_a_resource() {
    simulate(|world| async move {
        let mut client = world.connect();
        let prefix = AclCreation { resource_pattern_type: PREFIXED, ..deny(TOPIC, "or") };
        add(&mut client, vec![deny(TOPIC, "orders"), deny(TOPIC, "*"), prefix, deny(GROUP, "g")])
            .await;
        let named = |pattern_type_filter| DeleteAclsFilter {
            resource_type_filter: TOPIC,
            resource_name_filter: Some("orders".to_owned()),
            pattern_type_filter,
            ..open_filter()
        };
        for (pattern, expected) in [(ANY, 1), (LITERAL, 1), (PREFIXED, 0), (MATCH, 3)] {
            let response = describe(&mut client, named(pattern)).await;
            assert_eq!(response.resources.len(), expected, "{pattern}");
        }
        let nonsense = DeleteAclsFilter { operation: 99, ..open_filter() };
        let response = describe(&mut client, nonsense.clone()).await;
        assert_error(response.error_code, ErrorCode::InvalidRequest);
        let filters = vec![named(MATCH), nonsense, named(LITERAL)];
        let response = client.call(3, &DeleteAclsRequest { filters }).await;
        let counts: Vec<_> = response
            .filter_results
            .iter()
            .map(|result| (result.error_code, result.matching_acls.len()))
            .collect();
        assert_eq!(counts, [(0, 3), (ErrorCode::InvalidRequest.code(), 0), (0, 1)]);
        let left = describe(&mut client, open_filter()).await;
        assert_eq!(described(&left), [(GROUP, "g", 1)]);
    });
}

#[test]
fn rule_54_acls_without_sense_are_refused_one_by_one() {
    simulate(|world| async move {
        let mut client = world.connect();
        let wrong = vec![
            deny(CLUSTER, "mine"),
            deny(TOPIC, ""),
            deny(ANY, "t"),
            deny(0, "t"),
            AclCreation { resource_pattern_type: MATCH, ..deny(TOPIC, "t") },
            AclCreation { operation: ANY, ..deny(TOPIC, "t") },
            AclCreation { permission_type: ANY, ..deny(TOPIC, "t") },
            AclCreation { principal: "ann".to_owned(), ..deny(TOPIC, "t") },
            AclCreation { host: String::new(), ..deny(TOPIC, "t") },
            AclCreation { host: "10.0.0.0/64".to_owned(), ..deny(TOPIC, "t") },
        ];
        let count = wrong.len();
        let with_a_right_one = [vec![deny(TOPIC, "a")], wrong, vec![deny(TOPIC, "b")]].concat();
        let codes = create(&mut client, 3, with_a_right_one).await;
        assert_eq!((codes[0], codes[count + 1]), (ErrorCode::None, ErrorCode::None));
        assert!(codes[1..=count].iter().all(|code| *code == ErrorCode::InvalidRequest));
        let left = describe(&mut client, open_filter()).await;
        assert_eq!(described(&left), [(TOPIC, "a", 1), (TOPIC, "b", 1)]);
    });
}

#[test]
fn rule_54_acls_survive_a_restart() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[]).await;
        add(&mut client, vec![deny(TOPIC, "t")]).await;
        let world = world.restart(&[]).await;
        let mut client = world.connect();
        let response = client.call(12, &metadata_of("t")).await;
        assert_error(response.topics[0].error_code, ErrorCode::TopicAuthorizationFailed);
        assert_eq!(described(&describe(&mut client, open_filter()).await), [(TOPIC, "t", 1)]);
    });
}

#[test]
fn rule_51_what_a_client_may_not_know_is_hidden_from_it() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[]).await;
        create_topic(&mut client, "open", 1, &[]).await;
        let id = topic_id(&mut client, "t").await;
        add(&mut client, vec![deny(TOPIC, "t"), deny(TOPIC, "missing")]).await;
        let all = MetadataRequest { topics: None, ..Default::default() };
        for version in 1..=13 {
            assert_eq!(names(&client.call(version, &all).await), ["open"], "{version}");
            for name in ["t", "missing"] {
                let response = client.call(version, &metadata_of(name)).await;
                let topic = &response.topics[0];
                assert_error(topic.error_code, ErrorCode::TopicAuthorizationFailed);
                assert!(topic.topic_id.is_nil() && topic.partitions.is_empty());
            }
        }
        let mut by_id = metadata_of("t");
        by_id.topics.as_mut().unwrap()[0].topic_id = id.0;
        by_id.topics.as_mut().unwrap()[0].name = None;
        let topic = client.call(12, &by_id).await.topics.remove(0);
        assert_error(topic.error_code, ErrorCode::TopicAuthorizationFailed);
        assert_eq!(topic.name, None);
        let page =
            DescribeTopicPartitionsRequest { response_partition_limit: 10, ..Default::default() };
        let page = client.call(0, &page).await;
        assert_eq!(page.topics.len(), 1, "{page:?}");
    });
}

#[test]
fn rule_51_a_topic_is_created_by_who_may() {
    simulate(|world| async move {
        let mut client = world.connect();
        let no_creation = AclCreation { operation: CREATE, ..deny(TOPIC, "new") };
        let describing =
            AclCreation { operation: READ, permission_type: ALLOW, ..deny(TOPIC, "new") };
        add(&mut client, vec![no_creation, describing]).await;
        let response = client.call(12, &metadata_of("new")).await;
        assert_error(response.topics[0].error_code, ErrorCode::TopicAuthorizationFailed);
        let refused = MetadataRequest { allow_auto_topic_creation: false, ..metadata_of("new") };
        let response = client.call(12, &refused).await;
        assert_error(response.topics[0].error_code, ErrorCode::UnknownTopicOrPartition);
        let response = client.call(12, &metadata_of("other")).await;
        assert_eq!(response.topics[0].error_code, 0);
        assert_eq!(world.door.broker.table().topics().len(), 1);
    });
}

#[test]
fn rule_58_authorized_operations_are_those_that_are_allowed() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[]).await;
        let joined = join_request("");
        client.call(3, &joined).await;
        let groups = DescribeGroupsRequest {
            groups: vec!["g".to_owned(), "missing".to_owned()],
            include_authorized_operations: true,
        };
        let response = client.call(6, &groups).await;
        assert_eq!(response.groups[0].authorized_operations, 0x0d48, "nobody spoke of the group");
        let reading = |resource_type, name| AclCreation {
            operation: READ,
            permission_type: ALLOW,
            ..deny(resource_type, name)
        };
        add(&mut client, vec![reading(TOPIC, "t"), reading(GROUP, "g")]).await;
        // Reading implies describing.
        let expected = 1 << READ | 1 << 8;
        let asked = MetadataRequest {
            include_topic_authorized_operations: true,
            include_cluster_authorized_operations: true,
            ..metadata_of("t")
        };
        let response = client.call(8, &asked).await;
        assert_eq!(response.topics[0].topic_authorized_operations, expected);
        assert_eq!(response.cluster_authorized_operations, 0x1fa0, "nobody spoke of the cluster");
        let response = client.call(6, &groups).await;
        assert_eq!(response.groups[0].authorized_operations, expected);
        assert_eq!(response.groups[1].authorized_operations, i32::MIN, "there is none");

        let describing = AclCreation { operation: 8, ..reading(CLUSTER, "kafka-cluster") };
        add(&mut client, vec![describing]).await;
        let asked = DescribeClusterRequest {
            include_cluster_authorized_operations: true,
            ..Default::default()
        };
        let response = client.call(1, &asked).await;
        assert_eq!(response.cluster_authorized_operations, 1 << 8);
    });
}
