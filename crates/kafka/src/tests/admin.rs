//! Rules 46, 47, 51, 52 and 58: topics, configurations, the cluster.

use thalweg_kafka_wire::messages::alter_configs_request as replace;
use thalweg_kafka_wire::messages::create_partitions_request::CreatePartitionsTopic;
use thalweg_kafka_wire::messages::delete_topics_request::DeleteTopicState;
use thalweg_kafka_wire::messages::describe_configs_request::DescribeConfigsResource;
use thalweg_kafka_wire::messages::describe_configs_response::DescribeConfigsResult;
use thalweg_kafka_wire::messages::describe_producers_request::TopicRequest;
use thalweg_kafka_wire::messages::describe_topic_partitions_request::Cursor;
use thalweg_kafka_wire::messages::incremental_alter_configs_request as alter;
use thalweg_kafka_wire::messages::metadata_request::MetadataRequestTopic;
use thalweg_kafka_wire::messages::{
    AlterConfigsRequest, CreatePartitionsRequest, DeleteTopicsRequest, DescribeClusterRequest,
    DescribeConfigsRequest, DescribeLogDirsRequest, DescribeProducersRequest,
    DescribeTopicPartitionsRequest, IncrementalAlterConfigsRequest, InitProducerIdRequest,
    MetadataResponse,
};

use super::produce::produce;
use super::*;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

pub fn metadata_of(name: &str) -> MetadataRequest {
    let topic = MetadataRequestTopic { name: Some(name.to_owned()), ..Default::default() };
    MetadataRequest { topics: Some(vec![topic]), ..Default::default() }
}

pub fn names(response: &MetadataResponse) -> Vec<&str> {
    response.topics.iter().map(|topic| topic.name.as_deref().unwrap_or("-")).collect()
}

#[test]
fn rule_51_all_topics_or_none() {
    simulate(|world| async move {
        let mut client = world.with_topic(2, &[]).await;
        create_topic(&mut client, "a", 1, &[]).await;
        for version in 0..=13 {
            let none = MetadataRequest { topics: Some(Vec::new()), ..Default::default() };
            let response = client.call(version, &none).await;
            let expected: &[&str] = if version == 0 { &["a", "t"] } else { &[] };
            assert_eq!(names(&response), expected, "{version}");
            if version >= 1 {
                let all = MetadataRequest { topics: None, ..Default::default() };
                let response = client.call(version, &all).await;
                assert_eq!(names(&response), ["a", "t"], "{version}");
                let partition = &response.topics[1].partitions[1];
                assert_eq!(partition.leader_id, response.controller_id);
                assert_eq!(partition.replica_nodes, [partition.leader_id]);
                assert_eq!(response.brokers[0].host, "broker.example");
            }
        }
    });
}

#[test]
fn rule_51_topics_are_created_if_client_and_broker_allow_it() {
    simulate(|world| async move {
        let mut client = world.connect();
        let refused = MetadataRequest { allow_auto_topic_creation: false, ..metadata_of("x") };
        let response = client.call(12, &refused).await;
        assert_error(response.topics[0].error_code, ErrorCode::UnknownTopicOrPartition);
        let response = client.call(12, &metadata_of("x")).await;
        assert_eq!((response.topics[0].error_code, response.topics[0].partitions.len()), (0, 1));
        let illegal = client.call(12, &metadata_of("no/name")).await;
        assert_error(illegal.topics[0].error_code, ErrorCode::InvalidTopicException);
    });
    let forbidden = [("auto.create.topics.enable", "false")];
    simulate_with(&forbidden, KafkaOptions::default(), |world| async move {
        let response = world.connect().call(12, &metadata_of("x")).await;
        assert_error(response.topics[0].error_code, ErrorCode::UnknownTopicOrPartition);
    });
}

#[test]
fn rule_51_topics_by_id() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[]).await;
        let id = topic_id(&mut client, "t").await;
        let by_id = |id: TopicId| MetadataRequest {
            topics: Some(vec![MetadataRequestTopic { topic_id: id.0, name: None }]),
            ..Default::default()
        };
        assert_eq!(names(&client.call(12, &by_id(id)).await), ["t"]);
        let unknown = client.call(12, &by_id(TopicId::from_bytes([9; 16]))).await;
        assert_error(unknown.topics[0].error_code, ErrorCode::UnknownTopicId);
        let mut both = by_id(id);
        both.topics.as_mut().unwrap()[0].name = Some("t".to_owned());
        let refused = client.call(12, &both).await;
        assert_error(refused.topics[0].error_code, ErrorCode::InvalidRequest);
    });
}

#[test]
fn rule_58_authorized_operations_if_asked_for() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[]).await;
        let response = client.call(8, &metadata_of("t")).await;
        assert_eq!(response.topics[0].topic_authorized_operations, i32::MIN);
        assert_eq!(response.cluster_authorized_operations, i32::MIN);
        let asked = MetadataRequest {
            include_topic_authorized_operations: true,
            include_cluster_authorized_operations: true,
            ..metadata_of("t")
        };
        let response = client.call(8, &asked).await;
        assert_eq!(response.topics[0].topic_authorized_operations, 0x0df8);
        assert_eq!(response.cluster_authorized_operations, 0x1fa0);
    });
}

#[test]
fn replication_is_reported_as_asked() {
    simulate(|world| async move {
        let mut client = world.connect();
        let topic = |replication_factor| CreatableTopic {
            name: format!("r{replication_factor}"),
            num_partitions: 1,
            replication_factor,
            ..Default::default()
        };
        let request =
            CreateTopicsRequest { topics: vec![topic(3), topic(4)], ..Default::default() };
        let response = client.call(5, &request).await;
        assert_eq!((response.topics[0].error_code, response.topics[0].replication_factor), (0, 3));
        assert_error(response.topics[1].error_code, ErrorCode::InvalidReplicationFactor);
        let metadata = client.call(12, &metadata_of("r3")).await;
        assert_eq!(metadata.topics[0].partitions[0].isr_nodes.len(), 3);
    });
}

#[test]
fn topics_are_created_grown_and_deleted_in_every_version() {
    simulate(|world| async move {
        let mut client = world.connect();
        for version in 2..=7 {
            let topic = CreatableTopic {
                name: "v".to_owned(),
                num_partitions: 1,
                replication_factor: 1,
                ..Default::default()
            };
            let once = CreateTopicsRequest { topics: vec![topic.clone()], ..Default::default() };
            let created = client.call(version, &once).await;
            assert_eq!(created.topics[0].error_code, 0, "{version}");
            let configs = created.topics[0].configs.as_ref().unwrap();
            assert_eq!(configs.is_empty(), version < 5, "{version}");
            let again = client.call(version, &once).await;
            assert_error(again.topics[0].error_code, ErrorCode::TopicAlreadyExists);
            let twice =
                CreateTopicsRequest { topics: vec![topic.clone(), topic], ..Default::default() };
            let refused = client.call(version, &twice).await;
            assert_eq!(refused.topics.len(), 1);
            assert_error(refused.topics[0].error_code, ErrorCode::InvalidRequest);

            let grow = |count| CreatePartitionsRequest {
                topics: vec![CreatePartitionsTopic {
                    name: "v".to_owned(),
                    count,
                    assignments: None,
                }],
                ..Default::default()
            };
            assert_eq!(client.call(3, &grow(4)).await.results[0].error_code, 0);
            let smaller = client.call(3, &grow(2)).await;
            assert_error(smaller.results[0].error_code, ErrorCode::InvalidPartitions);

            let mut delete = DeleteTopicsRequest::default();
            let state =
                |name: &str| DeleteTopicState { name: Some(name.to_owned()), ..Default::default() };
            let deleting = (version - 1).min(6);
            if deleting == 6 {
                delete.topics = vec![state("v"), state("missing")];
            } else {
                delete.topic_names = vec!["v".to_owned(), "missing".to_owned()];
            }
            let deleted = client.call(deleting, &delete).await;
            assert_eq!(deleted.responses[0].error_code, 0, "{version}");
            assert_error(deleted.responses[1].error_code, ErrorCode::UnknownTopicOrPartition);
        }
    });
}

#[test]
fn deletion_can_be_disabled() {
    let disabled = [("delete.topic.enable", "false")];
    simulate_with(&disabled, KafkaOptions::default(), |world| async move {
        let mut client = world.with_topic(1, &[]).await;
        let delete =
            DeleteTopicsRequest { topic_names: vec!["t".to_owned()], ..Default::default() };
        for (version, expected) in
            [(2, ErrorCode::InvalidRequest), (3, ErrorCode::TopicDeletionDisabled)]
        {
            assert_error(client.call(version, &delete).await.responses[0].error_code, expected);
        }
    });
}

#[test]
fn a_topic_to_delete_has_name_or_id() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[]).await;
        let id = topic_id(&mut client, "t").await;
        let delete = |states: Vec<DeleteTopicState>| DeleteTopicsRequest {
            topics: states,
            ..Default::default()
        };
        let both = DeleteTopicState { name: Some("t".to_owned()), topic_id: id.0 };
        let none = DeleteTopicState::default();
        let response = client.call(6, &delete(vec![both, none])).await;
        for refused in &response.responses {
            assert_error(refused.error_code, ErrorCode::InvalidRequest);
        }
        let by_id = DeleteTopicState { name: None, topic_id: id.0 };
        let response = client.call(6, &delete(vec![by_id])).await;
        assert_eq!(response.responses[0].error_code, 0);
        assert_eq!(response.responses[0].name.as_deref(), Some("t"));
    });
}

pub async fn describe(client: &mut Client, kind: i8, name: &str) -> DescribeConfigsResult {
    let resource = DescribeConfigsResource {
        resource_type: kind,
        resource_name: name.to_owned(),
        configuration_keys: None,
    };
    let request = DescribeConfigsRequest {
        resources: vec![resource],
        include_synonyms: true,
        include_documentation: true,
    };
    client.call(4, &request).await.results.remove(0)
}

#[test]
fn rule_52_every_setting_is_described() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[("retention.ms", "1000")]).await;
        let topic = describe(&mut client, TOPIC, "t").await;
        assert!(topic.configs.len() >= 25, "{} topic settings", topic.configs.len());
        let retention = topic.configs.iter().find(|c| c.name == "retention.ms").unwrap();
        assert_eq!((retention.value.as_deref(), retention.config_source), (Some("1000"), 1));
        assert_eq!(retention.config_type, 5);
        assert!(retention.synonyms.len() >= 2 && retention.documentation.is_some());
        let policy = topic.configs.iter().find(|c| c.name == "cleanup.policy").unwrap();
        assert_eq!((policy.value.as_deref(), policy.config_source), (Some("delete"), 5));

        let node = world.door.broker.node().0.to_string();
        let broker = describe(&mut client, BROKER, &node).await;
        assert!(broker.configs.len() >= 100, "{} broker settings", broker.configs.len());
        assert!(broker.configs.iter().any(|config| config.read_only));
        assert!(describe(&mut client, BROKER, "").await.configs.is_empty());
        let missing = describe(&mut client, TOPIC, "missing").await;
        assert_error(missing.error_code, ErrorCode::UnknownTopicOrPartition);
        let nonsense = describe(&mut client, 99, "x").await;
        assert_error(nonsense.error_code, ErrorCode::InvalidRequest);
    });
}

pub fn change(name: &str, operation: i8, value: Option<&str>) -> IncrementalAlterConfigsRequest {
    let config = alter::AlterableConfig {
        name: name.to_owned(),
        config_operation: operation,
        value: value.map(str::to_owned),
    };
    let resource = alter::AlterConfigsResource {
        resource_type: TOPIC,
        resource_name: "t".to_owned(),
        configs: vec![config],
    };
    IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false }
}

async fn value(client: &mut Client, name: &str) -> Option<String> {
    let described = describe(client, TOPIC, "t").await;
    described.configs.into_iter().find(|config| config.name == name).unwrap().value
}

#[test]
fn rule_52_settings_change_one_by_one() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[]).await;
        for (operation, text, expected) in [
            (0, Some("compact"), "compact"),
            (2, Some("delete"), "compact,delete"),
            (3, Some("compact"), "delete"),
            (0, Some("compact"), "compact"),
            (1, None, "delete"),
        ] {
            let response = client.call(1, &change("cleanup.policy", operation, text)).await;
            assert_eq!(response.responses[0].error_code, 0, "{response:?}");
            assert_eq!(value(&mut client, "cleanup.policy").await.as_deref(), Some(expected));
        }
        let validated = IncrementalAlterConfigsRequest {
            validate_only: true,
            ..change("cleanup.policy", 0, Some("compact"))
        };
        assert_eq!(client.call(1, &validated).await.responses[0].error_code, 0);
        assert_eq!(value(&mut client, "cleanup.policy").await.as_deref(), Some("delete"));
        for (name, operation, text, expected) in [
            ("no.such.setting", 0, "1", ErrorCode::InvalidConfig),
            ("retention.ms", 0, "soon", ErrorCode::InvalidConfig),
            ("retention.ms", 2, "1", ErrorCode::InvalidConfig),
            ("retention.ms", 9, "1", ErrorCode::InvalidRequest),
        ] {
            let response = client.call(1, &change(name, operation, Some(text))).await;
            assert_error(response.responses[0].error_code, expected);
            assert!(response.responses[0].error_message.is_some());
        }
    });
}

#[test]
fn rule_52_settings_are_replaced_as_a_whole() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[("retention.ms", "1000")]).await;
        let config = replace::AlterableConfig {
            name: "segment.bytes".to_owned(),
            value: Some("2097152".to_owned()),
        };
        let resource = replace::AlterConfigsResource {
            resource_type: TOPIC,
            resource_name: "t".to_owned(),
            configs: vec![config],
        };
        let twice = vec![resource.clone(), resource.clone()];
        let refused =
            client.call(2, &AlterConfigsRequest { resources: twice, validate_only: false }).await;
        assert_error(refused.responses[1].error_code, ErrorCode::InvalidRequest);
        let request = AlterConfigsRequest { resources: vec![resource], validate_only: false };
        assert_eq!(client.call(2, &request).await.responses[0].error_code, 0);
        assert_eq!(value(&mut client, "segment.bytes").await.as_deref(), Some("2097152"));
        assert_ne!(value(&mut client, "retention.ms").await.as_deref(), Some("1000"));
    });
}

#[test]
fn rule_47_cleanup_policies() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[]).await;
        for policy in ["delete", "compact", "compact,delete", ""] {
            let response = client.call(1, &change("cleanup.policy", 0, Some(policy))).await;
            assert_eq!(response.responses[0].error_code, 0, "'{policy}'");
        }
        let small = client.call(1, &change("segment.bytes", 0, Some("1000"))).await;
        assert_error(small.responses[0].error_code, ErrorCode::InvalidConfig);
    });
}

#[test]
fn the_cluster_is_described() {
    simulate(|world| async move {
        let mut client = world.connect();
        for version in 0..=2 {
            let response = client.call(version, &DescribeClusterRequest::default()).await;
            assert_eq!(response.error_code, 0);
            assert_eq!(response.brokers[0].host, "broker.example");
            assert_eq!(response.cluster_id.len(), 22, "{}", response.cluster_id);
        }
        for (endpoint_type, expected) in
            [(2, ErrorCode::MismatchedEndpointType), (3, ErrorCode::UnsupportedEndpointType)]
        {
            let request = DescribeClusterRequest { endpoint_type, ..Default::default() };
            assert_error(client.call(1, &request).await.error_code, expected);
        }
    });
}

#[test]
fn topics_are_described_page_by_page() {
    simulate(|world| async move {
        let mut client = world.connect();
        for (name, partitions) in [("a", 3), ("b", 1), ("c", 2)] {
            create_topic(&mut client, name, partitions, &[]).await;
        }
        for limit in 1..=7 {
            let mut seen = Vec::new();
            let mut cursor: Option<Cursor> = None;
            loop {
                let request = DescribeTopicPartitionsRequest {
                    topics: Vec::new(),
                    response_partition_limit: limit,
                    cursor: cursor.take(),
                };
                let page = client.call(0, &request).await;
                let count: usize = page.topics.iter().map(|topic| topic.partitions.len()).sum();
                assert!((1..=limit as usize).contains(&count), "{count} of {limit}");
                for topic in &page.topics {
                    let name = topic.name.clone().unwrap();
                    let indexes = topic.partitions.iter().map(|p| p.partition_index);
                    seen.extend(indexes.map(|index| format!("{name}{index}")));
                }
                let Some(next) = page.next_cursor else { break };
                let (topic_name, partition_index) = (next.topic_name, next.partition_index);
                cursor = Some(Cursor { topic_name, partition_index });
            }
            assert_eq!(seen, ["a0", "a1", "a2", "b0", "c0", "c1"], "pages of {limit}");
        }
    });
}

pub fn producer_id_request(transactional_id: Option<&str>) -> InitProducerIdRequest {
    let transactional_id = transactional_id.map(str::to_owned);
    InitProducerIdRequest { transactional_id, ..Default::default() }
}

#[test]
fn log_dirs_and_producers_are_described() {
    simulate(|world| async move {
        let mut client = world.with_topic(2, &[]).await;
        let id = client.call(4, &producer_id_request(None)).await;
        assert_eq!((id.error_code, id.producer_epoch), (0, 0));
        let other = client.call(4, &producer_id_request(None)).await;
        assert_ne!(id.producer_id, other.producer_id);
        let nameless = producer_id_request(Some(""));
        let refused = client.call(4, &nameless).await;
        assert_error(refused.error_code, ErrorCode::InvalidRequest);

        let builder = BatchBuilder::new().producer(
            thalweg_types::ProducerId(id.producer_id),
            thalweg_types::ProducerEpoch(0),
            thalweg_types::Sequence(0),
        );
        produce(&mut client, build(builder, &["a", "b"])).await;
        let asked = TopicRequest { name: "t".to_owned(), partition_indexes: vec![0, 9] };
        let request = DescribeProducersRequest { topics: vec![asked] };
        let response = client.call(0, &request).await;
        let [known, unknown] = response.topics[0].partitions.as_slice() else {
            panic!("{response:?}")
        };
        assert_eq!(known.active_producers[0].producer_id, id.producer_id);
        assert_eq!(known.active_producers[0].last_sequence, 1);
        assert_error(unknown.error_code, ErrorCode::UnknownTopicOrPartition);

        for version in 1..=5 {
            let response = client.call(version, &DescribeLogDirsRequest { topics: None }).await;
            let sizes: Vec<_> = response.results[0].topics[0]
                .partitions
                .iter()
                .map(|partition| partition.partition_size > 0)
                .collect();
            assert_eq!(sizes, [true, false], "{version}");
        }
    });
}
