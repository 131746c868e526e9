use std::collections::BTreeMap;

use thalweg_types::{BrokerId, ErrorKind, TopicId, TopicName};

use super::{DEFAULTS, append, create, new_topic, started, topic_id};
use crate::config::{Alteration, Operation, Overrides, Source};
use crate::{
    Assignment, ClusterId, ClusterState, NewTopic, Record, Resource, TopicDefaults, is_internal,
};

/// Partitions and their brokers.
type Assigned = &'static [(i32, &'static [i32])];

fn assigned(partitions: Assigned) -> NewTopic {
    let assignment = |(partition, brokers): &(i32, &[i32])| Assignment {
        partition: *partition,
        brokers: brokers.iter().map(|id| BrokerId(*id)).collect(),
    };
    NewTopic { assignments: partitions.iter().map(assignment).collect(), ..new_topic("assigned") }
}

fn refusal(state: &ClusterState, topic: &NewTopic) -> (ErrorKind, String) {
    let error = state.create_topic(topic_id(99), topic, DEFAULTS).unwrap_err();
    (error.kind(), error.to_string())
}

fn assert_refused(state: &ClusterState, topic: &NewTopic, text: &str) {
    let (_, found) = refusal(state, topic);
    assert!(found.contains(text), "'{found}' does not say '{text}'");
}

#[test]
fn a_cluster_is_created_once_and_brokers_count_their_starts() {
    let mut state = started();
    assert!(state.create_cluster(ClusterId::from_random([1; 16])).is_empty());
    let id = state.id().unwrap().as_str();
    assert_eq!(id.len(), 22);
    assert!(id.starts_with(|c: char| c.is_ascii_alphabetic()), "{id} looks like an option");
    append(&mut state, |state| state.start_broker(BrokerId(1)));
    assert_eq!(state.broker(BrokerId(1)).unwrap().incarnation, 2);
    assert_eq!(state.broker(BrokerId(2)).unwrap().incarnation, 1);
    assert_eq!(state.broker(BrokerId(3)), None);
}

#[test]
fn a_topic_is_found_by_name_and_id_until_it_is_deleted() {
    let mut state = started();
    create(&mut state, 2, "b");
    create(&mut state, 1, "a");
    let names: Vec<_> = state.topics().map(|topic| topic.name.to_string()).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(state.partitions(), 8);
    let topic = state.topic("a").unwrap();
    assert_eq!((topic.partitions, topic.replication_factor), (4, 2), "defaults");
    assert_eq!(state.topic_by_id(topic_id(1)), Some(topic));

    append(&mut state, |state| state.delete_topic(topic_id(1)).unwrap());
    assert_eq!(state.topic("a"), None);
    assert_eq!(state.topic_by_id(topic_id(1)), None);
    assert_eq!(state.partitions(), 4);
    let error = state.delete_topic(topic_id(1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn a_deleted_topics_settings_do_not_wait_for_its_successor() {
    let mut state = started();
    let configs = BTreeMap::from([("retention.ms".to_owned(), Some("1".to_owned()))]);
    let topic = NewTopic { configs, ..new_topic("again") };
    append(&mut state, |state| state.create_topic(topic_id(1), &topic, DEFAULTS).unwrap());
    let resource = Resource::Topic(TopicName::new("again").unwrap());
    assert_eq!(state.overrides(&resource)["retention.ms"], "1");
    append(&mut state, |state| state.delete_topic(topic_id(1)).unwrap());
    create(&mut state, 2, "again");
    assert_eq!(*state.overrides(&resource), Overrides::new());
}

#[test]
fn topic_names_are_checked_as_kafka_does() {
    let mut state = started();
    create(&mut state, 1, "a.b");
    assert_refused(&state, &new_topic("x y"), "topic name is invalid");
    assert_refused(&state, &new_topic("a_b"), "topic 'a_b' collides with existing topic: a.b");
    assert_eq!(refusal(&state, &new_topic("a.b")).0, ErrorKind::Exists);
    create(&mut state, 2, "ab");
    assert!(is_internal("__consumer_offsets") && !is_internal("a.b"));
}

#[test]
fn counts_outside_their_limits_are_refused() {
    let state = started();
    for partitions in [0, -2, i32::MAX] {
        let topic = NewTopic { partitions, ..new_topic("t") };
        assert_refused(&state, &topic, "the number of partitions must be between 1 and 100000");
    }
    for replication_factor in [0, -2, 4] {
        let topic = NewTopic { replication_factor, ..new_topic("t") };
        assert_refused(&state, &topic, "the replication factor must be between 1 and 3");
    }
    let topic = NewTopic { partitions: 1001, ..new_topic("t") };
    assert_eq!(refusal(&state, &topic).0, ErrorKind::Limit);
    let topic = NewTopic { partitions: 1000, replication_factor: 3, ..new_topic("t") };
    let records = state.create_topic(topic_id(1), &topic, DEFAULTS).unwrap();
    assert!(matches!(
        records[..],
        [Record::TopicCreated { partitions: 1000, replication_factor: 3, .. }]
    ));
}

#[test]
fn assignments_must_agree_with_themselves_and_the_cluster() {
    let state = started();
    let records =
        state.create_topic(topic_id(1), &assigned(&[(1, &[1, 2]), (0, &[2, 1])]), DEFAULTS);
    assert!(matches!(
        records.unwrap()[..],
        [Record::TopicCreated { partitions: 2, replication_factor: 2, .. }]
    ));
    let cases: [(Assigned, &str); 6] = [
        (&[(1, &[1])], "consecutive 0-based"),
        (&[(0, &[1]), (0, &[1])], "consecutive 0-based"),
        (&[(0, &[])], "names no broker"),
        (&[(0, &[1, 1])], "names broker 1 more than once"),
        (&[(0, &[7])], "names broker 7, which is unknown"),
        (&[(0, &[1]), (1, &[1, 2])], "names 2 broker(s) where the replication factor is 1"),
    ];
    for (assignments, text) in cases {
        assert_refused(&state, &assigned(assignments), text);
    }
    let both = NewTopic { partitions: 1, ..assigned(&[(0, &[1])]) };
    assert_refused(&state, &both, "must be -1");
}

#[test]
fn topics_only_grow() {
    let mut state = started();
    create(&mut state, 1, "t");
    let add = |state: &ClusterState, count, assignments: Option<&[Vec<BrokerId>]>| {
        state.add_partitions("t", count, assignments, DEFAULTS)
    };
    for count in [-1, 0, 3, 4] {
        assert!(add(&state, count, None).unwrap_err().to_string().contains("not be an increase"));
    }
    assert_eq!(add(&state, 1001, None).unwrap_err().kind(), ErrorKind::Limit);
    let pair = vec![BrokerId(1), BrokerId(2)];
    for assignments in [&[][..], std::slice::from_ref(&pair)] {
        let error = add(&state, 6, Some(assignments)).unwrap_err().to_string();
        let given = assignments.len();
        assert_eq!(
            error,
            format!("2 partition(s) would be added, but {given} assignment(s) are given")
        );
    }
    append(&mut state, |state| add(state, 6, Some(&[pair.clone(), pair])).unwrap());
    assert_eq!(state.topic("t").unwrap().partitions, 6);
    assert_eq!(state.partitions(), 6);
    let unknown = state.add_partitions("nosuch", 9, None, DEFAULTS).unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::NotFound);
}

#[test]
fn a_new_topics_settings_are_validated() {
    let state = started();
    let with = |name: &str, value: Option<&str>| NewTopic {
        configs: [(name.to_owned(), value.map(str::to_owned))].into(),
        ..new_topic("t")
    };
    assert_refused(
        &state,
        &with("retention.m", Some("1")),
        "unknown topic config name: retention.m; did you mean retention.ms?",
    );
    assert_refused(
        &state,
        &with("retention.ms", Some("x")),
        "invalid value x for configuration retention.ms: not a number of type LONG",
    );
    assert_refused(&state, &with("retention.ms", None), "null value");
    assert_refused(&state, &with("num.partitions", Some("1")), "unknown topic config name");
}

#[test]
fn producer_ids_are_reserved_once() {
    let mut state = started();
    let (first, records) = state.reserve_producer_ids().unwrap();
    append(&mut state, |_| records);
    let (second, _) = state.reserve_producer_ids().unwrap();
    assert_eq!((first, second), (0..1000, 1000..2000));
}

#[test]
fn only_what_differs_is_recorded() {
    let mut state = started();
    create(&mut state, 1, "t");
    let resource = Resource::Topic(TopicName::new("t").unwrap());
    let set = |name: &str, value: &str| Alteration {
        name: name.to_owned(),
        operation: Operation::Set,
        value: Some(value.to_owned()),
    };
    let changes = [set("retention.ms", "5"), set("segment.ms", "7")];
    let records = state.alter_configs(&resource, &changes).unwrap();
    assert_eq!(records.len(), 2);
    append(&mut state, |_| records);
    assert!(state.alter_configs(&resource, &changes).unwrap().is_empty());

    let only = BTreeMap::from([("segment.ms".to_owned(), Some("8".to_owned()))]);
    append(&mut state, |state| state.replace_configs(&resource, &only).unwrap());
    let expected = Overrides::from([("segment.ms".to_owned(), "8".to_owned())]);
    assert_eq!(*state.overrides(&resource), expected);
    append(&mut state, |state| state.replace_configs(&resource, &BTreeMap::new()).unwrap());
    assert_eq!(state.configured().count(), 0);
}

#[test]
fn what_is_not_there_has_no_settings() {
    let state = started();
    let kind = |resource| state.alter_configs(&resource, &[]).map_err(|error| error.kind());
    let nosuch = TopicName::new("nosuch").unwrap();
    assert_eq!(kind(Resource::Topic(nosuch)), Err(ErrorKind::NotFound));
    assert_eq!(kind(Resource::Broker(BrokerId(9))), Err(ErrorKind::Invalid));
    assert_eq!(kind(Resource::Group(String::new())), Err(ErrorKind::Invalid));
    assert_eq!(kind(Resource::Group("any".to_owned())), Ok(Vec::new()));
    assert_eq!(kind(Resource::AllBrokers), Ok(Vec::new()));
}

#[test]
fn a_description_of_all_brokers_has_what_is_set_for_all_of_them() {
    let mut state = started();
    let set = |value: &str| Alteration {
        name: "log.retention.ms".to_owned(),
        operation: Operation::Set,
        value: Some(value.to_owned()),
    };
    let one = Resource::Broker(BrokerId(1));
    append(&mut state, |state| state.alter_configs(&Resource::AllBrokers, &[set("2")]).unwrap());
    append(&mut state, |state| state.alter_configs(&one, &[set("1")]).unwrap());
    let statics = Overrides::from([("log.retention.ms".to_owned(), "3".to_owned())]);
    let described = |resource| {
        let all = state.describe(resource, BrokerId(1), &statics);
        let found = all.iter().find(|found| found.setting.name == "log.retention.ms").unwrap();
        (all.len(), found.value.clone().unwrap(), found.source)
    };
    assert_eq!(described(&Resource::AllBrokers), (1, "2".to_owned(), Source::AllBrokers));
    let (count, value, source) = described(&one);
    assert!(count > 200);
    assert_eq!((value.as_str(), source), ("1", Source::Broker));
    let other = state.layers(&Resource::Broker(BrokerId(2)), BrokerId(2), &statics);
    assert_eq!(other.broker_int("log.retention.ms"), 2);
}

#[test]
fn defaults_come_from_the_broker() {
    let state = started();
    let statics = Overrides::from([("num.partitions".to_owned(), "7".to_owned())]);
    let layers = state.layers(&Resource::Broker(BrokerId(1)), BrokerId(1), &statics);
    let defaults = TopicDefaults::resolve(&layers);
    let expected = TopicDefaults { partitions: 7, replication_factor: 1, partitions_max: 20_000 };
    assert_eq!(defaults, expected);
    let records = state.create_topic(TopicId::from_random([5; 16]), &new_topic("t"), defaults);
    assert!(matches!(records.unwrap()[..], [Record::TopicCreated { partitions: 7, .. }]));
}
