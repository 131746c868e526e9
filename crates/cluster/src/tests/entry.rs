use std::fs;
use std::path::Path;

use thalweg_types::{BrokerId, ErrorKind, ProducerId, TopicName};

use super::{create, started, topic_id};
use crate::acl::{Acl, AclOperation, PatternType, Permission, ResourceType};
use crate::{ClusterError, ClusterId, ClusterState, Entry, FORMAT, Record, Resource};

/// One record of each type, with the name of its fixture.
fn one_of_each() -> Vec<(&'static str, Record)> {
    let changed = |resource, value: Option<&str>| Record::ConfigChanged {
        resource,
        name: "retention.ms".to_owned(),
        value: value.map(str::to_owned),
    };
    let id = topic_id(7);
    let name = TopicName::new("orders").unwrap();
    let configs = [("cleanup.policy".to_owned(), "compact".to_owned())].into();
    let topic = Resource::Topic(name.clone());
    vec![
        ("cluster_created", Record::ClusterCreated { id: ClusterId::from_random([9; 16]) }),
        ("format_raised", Record::FormatRaised { format: 1 }),
        ("broker_started", Record::BrokerStarted { broker: BrokerId(1), incarnation: 2 }),
        (
            "topic_created",
            Record::TopicCreated { id, name, partitions: 3, replication_factor: 1, configs },
        ),
        ("topic_deleted", Record::TopicDeleted { id }),
        ("partitions_added", Record::PartitionsAdded { id, partitions: 6 }),
        ("config_changed_topic", changed(topic, Some("1000"))),
        ("config_changed_broker", changed(Resource::Broker(BrokerId(1)), Some("1000"))),
        ("config_changed_all_brokers", changed(Resource::AllBrokers, None)),
        ("config_changed_group", changed(Resource::Group("g".to_owned()), Some("1000"))),
        ("producer_ids_reserved", Record::ProducerIdsReserved { next: ProducerId(1000) }),
        ("acl_created", Record::AclCreated(an_acl())),
        ("acl_deleted", Record::AclDeleted(an_acl())),
    ]
}

fn an_acl() -> Acl {
    Acl {
        resource_type: ResourceType::TransactionalId,
        pattern_type: PatternType::Prefixed,
        resource_name: "orders-".to_owned(),
        principal: "User:ann".to_owned(),
        host: "10.0.0.0/8".to_owned(),
        operation: AclOperation::TwoPhaseCommit,
        permission: Permission::Deny,
    }
}

/// The fixtures are what version 1 wrote. They are never written anew: a change that breaks this
/// test breaks data directories.
#[test]
fn every_record_of_format_1_is_still_read_and_written_alike() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/format-1");
    for (name, record) in one_of_each() {
        let fixture = fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        let entry = Entry { records: vec![record] };
        assert_eq!(Entry::decode(fixture.as_bytes()).unwrap(), entry, "{name}");
        assert_eq!(String::from_utf8(entry.encode().unwrap()).unwrap(), fixture.trim(), "{name}");
    }
}

#[test]
fn unknown_fields_are_ignored_and_unknown_records_are_not() {
    let entry = r#"{"records":[{"format_raised":{"format":1,"why":"x"}}],"writer":3}"#;
    assert_eq!(
        Entry::decode(entry.as_bytes()).unwrap().records,
        [Record::FormatRaised { format: 1 }]
    );
    for newer in [
        r#"{"records":[{"quota_changed":{"user":"a"}}]}"#,
        r#"{"records":[{"config_changed":{"resource":{"moon":1},"name":"a","value":null}}]}"#,
    ] {
        let error = Entry::decode(newer.as_bytes()).unwrap_err();
        assert!(matches!(error, ClusterError::Newer(_)));
        assert!(error.to_string().contains("newer version"), "{error}");
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
    let error = Entry::decode(b"{\"records\":").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let newer = Entry { records: vec![Record::FormatRaised { format: FORMAT + 1 }] };
    let error = ClusterState::default().replay(&newer).unwrap_err();
    assert!(error.to_string().contains("newer version"), "{error}");
}

#[test]
fn a_chain_that_contradicts_itself_is_not_followed() {
    let mut state = started();
    create(&mut state, 1, "a.b");
    let created = |number, name: &str, partitions| Record::TopicCreated {
        id: topic_id(number),
        name: TopicName::new(name).unwrap(),
        partitions,
        replication_factor: 1,
        configs: [].into(),
    };
    let contradictions = [
        Record::ClusterCreated { id: ClusterId::from_random([1; 16]) },
        created(1, "other", 1),
        created(2, "a.b", 1),
        created(2, "a_b", 1),
        created(2, "none", 0),
        created(2, "many", i32::MAX),
        Record::TopicDeleted { id: topic_id(2) },
        Record::PartitionsAdded { id: topic_id(2), partitions: 9 },
        Record::PartitionsAdded { id: topic_id(1), partitions: 4 },
        Record::ConfigChanged {
            resource: Resource::Topic(TopicName::new("other").unwrap()),
            name: "retention.ms".to_owned(),
            value: None,
        },
        Record::ProducerIdsReserved { next: ProducerId(0) },
        Record::AclDeleted(an_acl()),
    ];
    for record in contradictions {
        let text = format!("{record:?}");
        let error = state.clone().replay(&Entry { records: vec![record] }).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{text}");
    }
}
