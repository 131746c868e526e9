mod acls;
mod decide;
mod entry;
mod model;

use thalweg_types::{BrokerId, TopicId};

use crate::{ClusterId, ClusterState, Entry, NewTopic, Record, TopicDefaults};

const DEFAULTS: TopicDefaults =
    TopicDefaults { partitions: 4, replication_factor: 2, partitions_max: 1000 };

fn topic_id(number: u8) -> TopicId {
    TopicId::from_random([number; 16])
}

fn new_topic(name: &str) -> NewTopic {
    NewTopic {
        name: name.to_owned(),
        partitions: -1,
        replication_factor: -1,
        assignments: Vec::new(),
        configs: [].into(),
    }
}

/// A cluster with the brokers 1 and 2.
fn started() -> ClusterState {
    let mut state = ClusterState::default();
    append(&mut state, |state| state.create_cluster(ClusterId::from_random([0xff; 16])));
    append(&mut state, |state| state.start_broker(BrokerId(1)));
    append(&mut state, |state| state.start_broker(BrokerId(2)));
    state
}

/// What the driver does with a decision that won its number.
fn append(state: &mut ClusterState, decide: impl FnOnce(&ClusterState) -> Vec<Record>) {
    let records = decide(state);
    state.replay(&Entry { records }).unwrap();
}

fn create(state: &mut ClusterState, number: u8, name: &str) {
    append(state, |state| {
        state.create_topic(topic_id(number), &new_topic(name), DEFAULTS).unwrap()
    });
}
