//! Decisions at random, against the chain of their records.

use proptest::prelude::*;
use proptest::sample::select;
use thalweg_types::{BrokerId, TopicId, TopicName};

use super::{DEFAULTS, new_topic};
use crate::acl::{Acl, AclFilter, any_acl};
use crate::config::{Alteration, Operation};
use crate::{ClusterId, ClusterState, Entry, NewTopic, Record, Resource, fuzz};

/// A request that some client makes.
#[derive(Clone, Debug)]
enum Request {
    CreateCluster(u8),
    StartBroker(i32),
    CreateTopic { id: u8, name: &'static str, partitions: i32 },
    DeleteTopic(u8),
    AddPartitions { name: &'static str, count: i32 },
    Alter { resource: Resource, change: Alteration },
    ReserveProducerIds,
    CreateAcl(Acl),
    DeleteAcls(AclFilter),
}

fn names() -> impl Strategy<Value = &'static str> {
    select(vec!["a", "b", "a.b", "a_b", "__consumer_offsets"])
}

fn resources() -> impl Strategy<Value = Resource> {
    prop_oneof![
        names().prop_map(|name| Resource::Topic(TopicName::new(name).unwrap())),
        (1..3).prop_map(|id| Resource::Broker(BrokerId(id))),
        Just(Resource::AllBrokers),
        Just(Resource::Group("g".to_owned())),
    ]
}

fn alterations() -> impl Strategy<Value = Alteration> {
    let names = ["cleanup.policy", "log.retention.ms", "share.delivery.count.limit", "nosuch"];
    let values = [None, Some("compact"), Some("7"), Some("")];
    let operations = [Operation::Set, Operation::Delete, Operation::Append, Operation::Subtract];
    (select(names.to_vec()), select(operations.to_vec()), select(values.to_vec())).prop_map(
        |(name, operation, value)| Alteration {
            name: name.to_owned(),
            operation,
            value: value.map(str::to_owned),
        },
    )
}

fn requests() -> impl Strategy<Value = Request> {
    prop_oneof![
        any::<u8>().prop_map(Request::CreateCluster),
        (1..3).prop_map(Request::StartBroker),
        (0..4u8, names(), -1..6).prop_map(|(id, name, partitions)| Request::CreateTopic {
            id,
            name,
            partitions
        }),
        (0..4u8).prop_map(Request::DeleteTopic),
        (names(), 0..9).prop_map(|(name, count)| Request::AddPartitions { name, count }),
        (resources(), alterations())
            .prop_map(|(resource, change)| Request::Alter { resource, change }),
        Just(Request::ReserveProducerIds),
        any_acl().prop_map(Request::CreateAcl),
        any_acl().prop_map(|acl| {
            Request::DeleteAcls(AclFilter {
                principal: Some(acl.principal),
                ..AclFilter::default()
            })
        }),
    ]
}

fn decide(state: &ClusterState, request: Request) -> Vec<Record> {
    let id = |number| TopicId::from_random([number; 16]);
    let decided = match request {
        Request::CreateCluster(seed) => {
            Ok(state.create_cluster(ClusterId::from_random([seed; 16])))
        }
        Request::StartBroker(broker) => Ok(state.start_broker(BrokerId(broker))),
        Request::CreateTopic { id: number, name, partitions } => {
            // Ids come from chance and do not meet; names do.
            if state.topic_by_id(id(number)).is_some() {
                return Vec::new();
            }
            let topic = NewTopic { partitions, ..new_topic(name) };
            state.create_topic(id(number), &topic, DEFAULTS)
        }
        Request::DeleteTopic(number) => state.delete_topic(id(number)),
        Request::AddPartitions { name, count } => state.add_partitions(name, count, None, DEFAULTS),
        Request::Alter { resource, change } => state.alter_configs(&resource, &[change]),
        Request::ReserveProducerIds => state.reserve_producer_ids().map(|(_, records)| records),
        Request::CreateAcl(acl) => state.create_acl(&acl),
        Request::DeleteAcls(filter) => Ok(state.delete_acls(&[filter.clone(), filter]).1),
    };
    decided.unwrap_or_default()
}

proptest! {
    /// A broker that follows the chain, one that reads it later, and one that starts from a
    /// snapshot on the way all come to the same state.
    #[test]
    fn every_way_along_the_chain_leads_to_the_same_state(
        requests in prop::collection::vec(requests(), 0..60),
        at in any::<prop::sample::Index>(),
    ) {
        let mut state = ClusterState::default();
        let mut chain = Vec::new();
        for request in requests {
            let entry = Entry { records: decide(&state, request) };
            state.replay(&entry).unwrap();
            chain.push(entry.encode().unwrap());
        }

        let mut late = ClusterState::default();
        let at = at.index(chain.len() + 1);
        for bytes in &chain[..at] {
            late.replay(&Entry::decode(bytes).unwrap()).unwrap();
        }
        let snapshot = late.snapshot().encode().unwrap();
        let mut restored = ClusterState::from_snapshot(&Entry::decode(&snapshot).unwrap()).unwrap();
        prop_assert_eq!(&restored, &late);
        for bytes in &chain[at..] {
            let entry = Entry::decode(bytes).unwrap();
            late.replay(&entry).unwrap();
            restored.replay(&entry).unwrap();
        }
        prop_assert_eq!(&late, &state);
        prop_assert_eq!(&restored, &state);
        let counted: i64 = state.topics().map(|topic| i64::from(topic.partitions)).sum();
        prop_assert_eq!(state.partitions(), counted);
    }

    #[test]
    fn any_entry_is_survived(
        bytes: Vec<u8>,
        requests in prop::collection::vec(requests(), 0..20),
        at: prop::sample::Index,
        byte: u8,
    ) {
        fuzz::decode_entry(&bytes);
        let mut state = ClusterState::default();
        let mut records = Vec::new();
        for request in requests {
            let decided = decide(&state, request);
            records.extend(decided.clone());
            state.replay(&Entry { records: decided }).unwrap();
        }
        let mut near = Entry { records }.encode().unwrap();
        fuzz::decode_entry(&near);
        let at = at.index(near.len());
        near[at] = byte;
        fuzz::decode_entry(&near);
    }
}
