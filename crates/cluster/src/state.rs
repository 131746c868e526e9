//! The cluster as the chain tells it.

use std::collections::BTreeMap;
use std::sync::Arc;

use thalweg_types::{BrokerId, PARTITIONS_PER_TOPIC_MAX, ProducerId, TopicId, TopicName};

use crate::acl::Acls;
use crate::config::{Layers, Lookup, Overrides};
use crate::{ClusterError, ClusterId, Entry, FORMAT, Record, Resource};

/// Topics in which the brokers keep their own state; clients are told so.
pub const INTERNAL_TOPICS: [&str; 3] =
    ["__consumer_offsets", "__share_group_state", "__transaction_state"];

/// True for a topic in which the brokers keep their own state.
pub fn is_internal(name: &str) -> bool {
    INTERNAL_TOPICS.contains(&name)
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Names this incarnation of the topic.
    pub id: TopicId,
    /// Its name.
    pub name: TopicName,
    /// How many partitions it has.
    pub partitions: i32,
    /// How many copies its creator asked for.
    pub replication_factor: i16,
}

/// A broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broker {
    /// How often it has started.
    pub incarnation: u64,
}

static NONE: Overrides = Overrides::new();

/// The cluster after some number of entries. Topics and ACLs are shared, so that
/// a copy is cheap.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClusterState {
    id: Option<ClusterId>,
    format: u16,
    brokers: BTreeMap<BrokerId, Broker>,
    topics: BTreeMap<TopicId, Arc<Topic>>,
    names: BTreeMap<TopicName, TopicId>,
    /// Names with `_` for `.`, in which no two topics may agree: metrics could not tell them apart.
    folded_names: BTreeMap<String, TopicName>,
    partitions: i64,
    configs: BTreeMap<Resource, Overrides>,
    next_producer_id: ProducerId,
    acls: Arc<Acls>,
}

/// Questions.
impl ClusterState {
    /// The cluster's id; none before its first entry.
    pub fn id(&self) -> Option<&ClusterId> {
        self.id.as_ref()
    }

    /// The format of the chain; 0 before its first entry.
    pub fn format(&self) -> u16 {
        self.format
    }

    /// A broker that started at least once.
    pub fn broker(&self, id: BrokerId) -> Option<Broker> {
        self.brokers.get(&id).copied()
    }

    /// All brokers that ever started, by number.
    pub fn brokers(&self) -> impl Iterator<Item = (BrokerId, Broker)> {
        self.brokers.iter().map(|(id, broker)| (*id, *broker))
    }

    /// A topic by name.
    pub fn topic(&self, name: &str) -> Option<&Arc<Topic>> {
        self.topic_by_id(*self.names.get(name)?)
    }

    /// A topic by id.
    pub fn topic_by_id(&self, id: TopicId) -> Option<&Arc<Topic>> {
        self.topics.get(&id)
    }

    /// All topics, sorted by name.
    pub fn topics(&self) -> impl Iterator<Item = &Arc<Topic>> {
        self.names.values().filter_map(|id| self.topics.get(id))
    }

    /// The partitions of all topics together.
    pub fn partitions(&self) -> i64 {
        self.partitions
    }

    /// The first producer id that no broker has reserved.
    pub fn next_producer_id(&self) -> ProducerId {
        self.next_producer_id
    }

    /// Who may do what.
    pub fn acls(&self) -> &Arc<Acls> {
        &self.acls
    }

    /// The topic whose name differs from `name` in `.` and `_` at most.
    pub fn colliding_topic(&self, name: &str) -> Option<&TopicName> {
        self.folded_names.get(&folded(name))
    }

    /// What is set for a resource itself.
    pub fn overrides(&self, resource: &Resource) -> &Overrides {
        self.configs.get(resource).unwrap_or(&NONE)
    }

    /// The resources of which something is set, sorted.
    pub fn configured(&self) -> impl Iterator<Item = &Resource> {
        self.configs.keys()
    }

    /// The layers of values for a resource, as the broker `of` sees them, whose file and flags
    /// gave it `statics`.
    pub fn layers<'a>(
        &'a self,
        resource: &Resource,
        of: BrokerId,
        statics: &'a Overrides,
    ) -> Layers<'a> {
        let own = match resource {
            Resource::Topic(_) | Resource::Group(_) => self.overrides(resource),
            Resource::Broker(_) | Resource::AllBrokers => &NONE,
        };
        Layers {
            own,
            broker: self.overrides(&Resource::Broker(of)),
            all_brokers: self.overrides(&Resource::AllBrokers),
            statics,
        }
    }
}

/// Descriptions.
impl ClusterState {
    /// Every setting of a resource with its value, as the broker `of` sees it. For all brokers,
    /// those that are set for all of them.
    pub fn describe(&self, resource: &Resource, of: BrokerId, statics: &Overrides) -> Vec<Lookup> {
        let scope = resource.scope();
        if *resource != Resource::AllBrokers {
            return self.layers(resource, of, statics).describe(scope);
        }
        let all_brokers = self.overrides(resource);
        let layers = Layers { own: &NONE, broker: &NONE, all_brokers, statics: &NONE };
        all_brokers.keys().filter_map(|name| layers.find(scope, name)).collect()
    }
}

/// Changes.
impl ClusterState {
    /// Takes an entry's records into account: the only way in which the state changes.
    ///
    /// After an error the state is neither before nor after the entry and must be dropped.
    pub fn replay(&mut self, entry: &Entry) -> Result<(), ClusterError> {
        entry.records.iter().try_for_each(|record| self.apply(record))
    }

    fn apply(&mut self, record: &Record) -> Result<(), ClusterError> {
        match record {
            Record::ClusterCreated { id } if self.id.is_none() => self.id = Some(id.clone()),
            Record::ClusterCreated { .. } => return inconsistent("the cluster exists"),
            Record::FormatRaised { format } if *format > FORMAT => {
                return Err(ClusterError::NewerFormat { found: *format, known: FORMAT });
            }
            Record::FormatRaised { format } => self.format = *format,
            Record::BrokerStarted { broker, incarnation } => {
                self.brokers.insert(*broker, Broker { incarnation: *incarnation });
            }
            Record::TopicCreated { id, name, partitions, replication_factor, configs } => {
                let topic = Topic {
                    id: *id,
                    name: name.clone(),
                    partitions: *partitions,
                    replication_factor: *replication_factor,
                };
                return self.add_topic(topic, configs);
            }
            Record::TopicDeleted { id } => return self.remove_topic(*id),
            Record::PartitionsAdded { id, partitions } => return self.grow(*id, *partitions),
            Record::ConfigChanged { resource, name, value } => {
                return self.configure(resource, name, value.as_deref());
            }
            Record::ProducerIdsReserved { next } if *next > self.next_producer_id => {
                self.next_producer_id = *next;
            }
            Record::ProducerIdsReserved { .. } => return inconsistent("producer ids go back"),
            Record::AclCreated(acl) => {
                if !Arc::make_mut(&mut self.acls).insert(acl) {
                    return inconsistent("the ACL exists");
                }
            }
            Record::AclDeleted(acl) => {
                if !Arc::make_mut(&mut self.acls).remove(acl) {
                    return inconsistent("the ACL to delete does not exist");
                }
            }
        }
        Ok(())
    }

    fn add_topic(&mut self, topic: Topic, configs: &Overrides) -> Result<(), ClusterError> {
        if !(1..=PARTITIONS_PER_TOPIC_MAX).contains(&topic.partitions) {
            return inconsistent("a topic has no partition, or too many");
        }
        if self.topics.contains_key(&topic.id)
            || self.colliding_topic(topic.name.as_str()).is_some()
        {
            return inconsistent("the topic exists");
        }
        self.partitions += i64::from(topic.partitions);
        self.folded_names.insert(folded(topic.name.as_str()), topic.name.clone());
        self.names.insert(topic.name.clone(), topic.id);
        if !configs.is_empty() {
            self.configs.insert(Resource::Topic(topic.name.clone()), configs.clone());
        }
        self.topics.insert(topic.id, Arc::new(topic));
        Ok(())
    }

    fn remove_topic(&mut self, id: TopicId) -> Result<(), ClusterError> {
        let Some(topic) = self.topics.remove(&id) else {
            return inconsistent("the topic to delete does not exist");
        };
        self.partitions -= i64::from(topic.partitions);
        self.folded_names.remove(&folded(topic.name.as_str()));
        self.names.remove(&topic.name);
        self.configs.remove(&Resource::Topic(topic.name.clone()));
        Ok(())
    }

    fn grow(&mut self, id: TopicId, partitions: i32) -> Result<(), ClusterError> {
        let Some(topic) = self.topics.get_mut(&id) else {
            return inconsistent("the topic to grow does not exist");
        };
        if partitions <= topic.partitions || partitions > PARTITIONS_PER_TOPIC_MAX {
            return inconsistent("a topic does not grow, or too far");
        }
        self.partitions += i64::from(partitions - topic.partitions);
        Arc::make_mut(topic).partitions = partitions;
        Ok(())
    }

    fn configure(
        &mut self,
        resource: &Resource,
        name: &str,
        value: Option<&str>,
    ) -> Result<(), ClusterError> {
        if let Resource::Topic(topic) = resource
            && !self.names.contains_key(topic)
        {
            return inconsistent("the topic to configure does not exist");
        }
        let values = self.configs.entry(resource.clone()).or_default();
        match value {
            Some(value) => values.insert(name.to_owned(), value.to_owned()),
            None => values.remove(name),
        };
        if values.is_empty() {
            self.configs.remove(resource);
        }
        Ok(())
    }
}

/// Snapshots: an entry that leads from nothing to the state, so that there is one format only.
impl ClusterState {
    /// The entry that stands for all entries so far.
    pub fn snapshot(&self) -> Entry {
        let mut records = Vec::new();
        records.extend(self.id.clone().map(|id| Record::ClusterCreated { id }));
        if self.format > 0 {
            records.push(Record::FormatRaised { format: self.format });
        }
        records.extend(
            self.brokers().map(|(broker, Broker { incarnation })| Record::BrokerStarted {
                broker,
                incarnation,
            }),
        );
        records.extend(self.topics().map(|topic| Record::TopicCreated {
            id: topic.id,
            name: topic.name.clone(),
            partitions: topic.partitions,
            replication_factor: topic.replication_factor,
            configs: self.overrides(&Resource::Topic(topic.name.clone())).clone(),
        }));
        let others = self.configs.iter().filter(|(of, _)| !matches!(of, Resource::Topic(_)));
        records.extend(others.flat_map(|(resource, values)| {
            values.iter().map(|(name, value)| Record::ConfigChanged {
                resource: resource.clone(),
                name: name.clone(),
                value: Some(value.clone()),
            })
        }));
        if self.next_producer_id > ProducerId(0) {
            records.push(Record::ProducerIdsReserved { next: self.next_producer_id });
        }
        records.extend(self.acls.iter().map(Record::AclCreated));
        Entry { records }
    }

    /// The state that a snapshot stands for.
    pub fn from_snapshot(snapshot: &Entry) -> Result<Self, ClusterError> {
        let mut state = Self::default();
        state.replay(snapshot)?;
        Ok(state)
    }
}

fn folded(name: &str) -> String {
    name.replace('.', "_")
}

const fn inconsistent(what: &'static str) -> Result<(), ClusterError> {
    Err(ClusterError::Inconsistent(what))
}
