//! The cluster as requests read it: immutable, replaced as a whole, never waited for.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use thalweg_cluster::acl::Authorizer;
use thalweg_cluster::config::{Overrides, TopicConfig};
use thalweg_cluster::{ClusterState, Resource};
use thalweg_log::{Log, Partition};
use thalweg_types::{BrokerId, TopicId, TopicName, TopicPartition};

use crate::topic::partition_config;
use crate::{BrokerError, Topic, TopicKey};

/// The cluster after some entry of the metadata chain.
#[derive(Debug)]
pub struct ClusterTable {
    pub(crate) state: ClusterState,
    /// How many entries led here.
    pub(crate) entries: u64,
    /// What file, environment and flags set when it was made.
    pub(crate) statics: Arc<Overrides>,
    /// Who may do what.
    pub(crate) authorizer: Authorizer,
    by_name: BTreeMap<TopicName, Arc<Topic>>,
    by_id: BTreeMap<TopicId, Arc<Topic>>,
}

impl ClusterTable {
    /// The cluster's id.
    pub fn cluster_id(&self) -> &str {
        self.state.id().map_or("", |id| id.as_str())
    }

    /// All topics, sorted by name.
    pub fn topics(&self) -> impl ExactSizeIterator<Item = &Arc<Topic>> {
        self.by_name.values()
    }

    /// Topics whose names sort at or after `name`.
    pub fn topics_from(&self, name: &str) -> impl Iterator<Item = &Arc<Topic>> {
        use std::ops::Bound;
        let from: (Bound<&str>, Bound<&str>) = (Bound::Included(name), Bound::Unbounded);
        self.by_name.range::<str, _>(from).map(|(_, topic)| topic)
    }

    /// The topic, or the error for its absence.
    pub fn topic(&self, key: TopicKey<'_>) -> Result<&Arc<Topic>, BrokerError> {
        let found = match key {
            TopicKey::Name(name) => self.by_name.get(name),
            TopicKey::Id(id) => self.by_id.get(&id),
        };
        found.ok_or_else(|| key.unknown())
    }

    /// Partitions of all topics.
    pub fn partition_count(&self) -> i64 {
        self.state.partitions()
    }

    /// The topics that are not in `after` any more.
    pub(crate) fn topics_gone_in(&self, after: &Self) -> Vec<Arc<Topic>> {
        let gone = self.by_id.values().filter(|topic| !after.by_id.contains_key(&topic.id()));
        gone.cloned().collect()
    }

    pub(crate) fn partition(
        &self,
        topic: TopicKey<'_>,
        partition: i32,
    ) -> Result<&Arc<Partition>, BrokerError> {
        self.topic(topic)?.partition(partition)
    }
}

/// The newest table. One writer, the metadata task; any number of readers.
pub(crate) struct TableCell(RwLock<Arc<ClusterTable>>);

impl TableCell {
    pub fn new(table: ClusterTable) -> Self {
        Self(RwLock::new(Arc::new(table)))
    }

    pub fn get(&self) -> Arc<ClusterTable> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn set(&self, table: Arc<ClusterTable>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = table;
    }
}

/// Makes tables, and the log's partitions along with them.
pub(crate) struct TableBuilder {
    pub log: Arc<Log>,
    pub node: BrokerId,
    /// From file, environment and flags; they may be read again.
    statics: RwLock<Arc<Overrides>>,
}

impl TableBuilder {
    pub fn new(log: Arc<Log>, node: BrokerId, statics: Overrides) -> Self {
        Self { log, node, statics: RwLock::new(Arc::new(statics)) }
    }

    /// What file, environment and flags set now.
    pub fn statics(&self) -> Arc<Overrides> {
        self.statics.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tables made from here on show these.
    pub fn set_statics(&self, statics: Overrides) {
        *self.statics.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(statics);
    }

    /// True if `table` shows what is so after `entries` entries.
    pub fn is_newest(&self, table: &ClusterTable, entries: u64) -> bool {
        table.entries == entries && Arc::ptr_eq(&table.statics, &self.statics())
    }

    /// The table of `state`, which `entries` entries led to and which follows that of `before`. Partitions come and go in the log as
    /// they do in the state, and get their configurations.
    pub fn build(
        &self,
        state: ClusterState,
        entries: u64,
        before: Option<&ClusterTable>,
    ) -> ClusterTable {
        let statics = self.statics();
        let mut by_name = BTreeMap::new();
        let mut by_id = BTreeMap::new();
        let unchanged = before.filter(|before| {
            *before.statics == *statics && self.same_defaults(&before.state, &state)
        });
        for facts in state.topics() {
            let known = before.and_then(|before| before.by_id.get(&facts.id));
            let topic = match known {
                Some(known)
                    if known.facts == *facts
                        && unchanged.is_some_and(|b| same_overrides(&b.state, &state, known)) =>
                {
                    known.clone()
                }
                known => Arc::new(self.topic(&state, &statics, facts, known)),
            };
            by_name.insert(facts.name.clone(), topic.clone());
            by_id.insert(facts.id, topic);
        }
        let own = state.layers(&Resource::Broker(self.node), self.node, &statics);
        let authorizer = Authorizer::resolve(state.acls().clone(), &own);
        let table = ClusterTable { state, entries, statics, authorizer, by_name, by_id };
        for topic in before.into_iter().flat_map(|before| before.topics_gone_in(&table)) {
            topic.partitions.iter().for_each(|partition| self.log.delete(partition.id()));
        }
        table
    }

    fn topic(
        &self,
        state: &ClusterState,
        statics: &Overrides,
        facts: &Arc<thalweg_cluster::Topic>,
        known: Option<&Arc<Topic>>,
    ) -> Topic {
        let config = TopicConfig::resolve(&state.layers(
            &Resource::Topic(facts.name.clone()),
            self.node,
            statics,
        ));
        let wanted = partition_config(&config);
        let partitions = (0..facts.partitions)
            .map(|number| {
                let id = TopicPartition::new(facts.id, number);
                let partition = self.log.create(id, wanted.clone());
                if partition.config() != wanted {
                    partition.set_config(wanted.clone());
                }
                partition
            })
            .collect();
        let traffic = known.map(|known| known.traffic.clone()).unwrap_or_default();
        Topic { facts: facts.clone(), config, partitions, traffic }
    }

    /// True if no topic's configuration can differ by what is set for brokers.
    fn same_defaults(&self, before: &ClusterState, after: &ClusterState) -> bool {
        [Resource::Broker(self.node), Resource::AllBrokers]
            .iter()
            .all(|resource| before.overrides(resource) == after.overrides(resource))
    }
}

fn same_overrides(before: &ClusterState, after: &ClusterState, topic: &Topic) -> bool {
    let resource = Resource::Topic(topic.name().clone());
    before.overrides(&resource) == after.overrides(&resource)
}
