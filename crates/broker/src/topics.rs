//! Creating, growing and deleting topics.

use std::collections::BTreeMap;
use std::sync::Arc;

use thalweg_cluster::config::{Layers, Lookup, Scope};
use thalweg_cluster::{
    ClusterError, ClusterState, Entry, NewTopic, Record, Resource, TopicDefaults, is_internal,
};
use thalweg_types::{BrokerId, TopicId, TopicName};

use crate::metadata::TableBuilder;
use crate::{Broker, BrokerError, Topic, TopicKey};

/// The topic in which groups and their offsets are kept.
pub(crate) const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// Smallest `segment.bytes` of a topic.
const SEGMENT_BYTES_MIN: i64 = 1 << 20;

/// A topic as it was, or would be, created.
#[derive(Clone, Debug, PartialEq)]
pub struct CreatedTopic {
    /// Its name.
    pub name: TopicName,
    /// Its id; zero if it was only validated.
    pub id: TopicId,
    /// How many partitions it has.
    pub partitions: i32,
    /// How many copies it reports.
    pub replication_factor: i16,
    /// Its configuration.
    pub configs: Vec<Lookup>,
}

/// A topic that is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedTopic {
    /// Its name.
    pub name: TopicName,
    /// Its id.
    pub id: TopicId,
}

/// What became of each item of a request.
type Outcomes<T> = Vec<Result<T, BrokerError>>;

/// Decides on several items at once.
trait Decide<T>:
    Fn(&ClusterState) -> Result<(Outcomes<T>, Vec<Record>), BrokerError> + Send + 'static
{
}

impl<T, F> Decide<T> for F where
    F: Fn(&ClusterState) -> Result<(Outcomes<T>, Vec<Record>), BrokerError> + Send + 'static
{
}

/// Who creates a topic. The topics in which brokers keep their own state need settings that clients
/// do not know.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Creator {
    Client,
    Broker,
}

impl Broker {
    /// Creates topics, or only says what would come of it. They are there, durably, for everybody
    /// when this returns. The outer error means that none of them is known to be.
    pub async fn create_topics(
        &self,
        topics: Vec<NewTopic>,
        validate_only: bool,
    ) -> Result<Vec<Result<CreatedTopic, BrokerError>>, BrokerError> {
        let decide = self.creation(topics, Creator::Client);
        if !validate_only {
            return Ok(self.shared.metadata.propose(decide).await?.0);
        }
        let (mut outcomes, _) = decide(&self.table().state)?;
        outcomes.iter_mut().flatten().for_each(|topic| topic.id = TopicId::ZERO);
        Ok(outcomes)
    }

    /// The decision that creates topics.
    fn creation(&self, topics: Vec<NewTopic>, creator: Creator) -> impl Decide<CreatedTopic> {
        let env = &self.shared.env;
        let items: Vec<_> = topics
            .into_iter()
            .map(|topic| (topic, TopicId::from_random(env.random_bytes())))
            .collect();
        let builder = self.shared.builder.clone();
        move |state: &ClusterState| {
            each(state, &items, |state, (new, id)| create(state, &builder, new, *id, creator))
        }
    }

    /// The topic `name`; if there is none, creates it as the broker's configuration has it, or
    /// refuses if that forbids it. Of several callers one creates it and all get it.
    pub async fn auto_create_topic(&self, name: &str) -> Result<Arc<Topic>, BrokerError> {
        if let Ok(topic) = self.table().topic(TopicKey::Name(name)) {
            return Ok(topic.clone());
        }
        let is_wanted = match name {
            OFFSETS_TOPIC => true,
            _ => !is_internal(name) && self.setting_bool("auto.create.topics.enable"),
        };
        if !is_wanted {
            return Err(BrokerError::UnknownTopicOrPartition);
        }
        let decide = self.creation(vec![self.default_topic(name)], Creator::Broker);
        let (mut outcomes, table) = self.shared.metadata.propose(decide).await?;
        match outcomes.pop() {
            // Another caller was faster.
            Some(Err(BrokerError::Cluster(ClusterError::TopicExists(_))) | Ok(_)) | None => {}
            Some(Err(error)) => return Err(error),
        }
        table.topic(TopicKey::Name(name)).cloned()
    }

    /// Deletes topics with all that they hold, and the offsets that groups have committed for them.
    pub async fn delete_topics(
        &self,
        topics: &[TopicKey<'_>],
    ) -> Result<Vec<Result<DeletedTopic, BrokerError>>, BrokerError> {
        if !self.setting_bool("delete.topic.enable") {
            return Ok(topics.iter().map(|_| Err(BrokerError::TopicDeletionDisabled)).collect());
        }
        let keys: Vec<OwnedKey> = topics.iter().map(|key| (*key).into()).collect();
        let decide = move |state: &ClusterState| each(state, &keys, delete);
        Ok(self.shared.metadata.propose(decide).await?.0)
    }

    /// Gives a topic more partitions, `count` in all. `assignments` says where the copies of each
    /// new one shall be, or is empty.
    pub async fn add_partitions(
        &self,
        name: &str,
        count: i32,
        assignments: Vec<Vec<BrokerId>>,
        validate_only: bool,
    ) -> Result<(), BrokerError> {
        if is_internal(name) {
            let name = TopicName::new(name)?;
            return Err(BrokerError::InternalTopic(name));
        }
        let (name, builder) = (name.to_owned(), self.shared.builder.clone());
        let decide = move |state: &ClusterState| {
            let defaults = defaults(&builder, state);
            Ok(((), state.add_partitions(&name, count, &assignments, defaults)?))
        };
        if validate_only {
            return decide(&self.table().state).map(|_| ());
        }
        self.shared.metadata.propose(decide).await.map(|_| ())
    }

    /// What a topic is that nobody has said anything about.
    fn default_topic(&self, name: &str) -> NewTopic {
        let mut new = NewTopic {
            name: name.to_owned(),
            partitions: -1,
            replication_factor: -1,
            assignments: Vec::new(),
            configs: BTreeMap::new(),
        };
        if name == OFFSETS_TOPIC {
            new.partitions = self.setting_int("offsets.topic.num.partitions") as i32;
            new.replication_factor = self.setting_int("offsets.topic.replication.factor") as i16;
            let segment_bytes = self.setting_int("offsets.topic.segment.bytes");
            new.configs = [
                ("cleanup.policy", "compact".to_owned()),
                ("compression.type", "producer".to_owned()),
                ("segment.bytes", segment_bytes.max(SEGMENT_BYTES_MIN).to_string()),
            ]
            .into_iter()
            .map(|(name, value)| (name.to_owned(), Some(value)))
            .collect();
        }
        new
    }

    /// The offsets topic, created if need be.
    pub(crate) async fn offsets_topic(&self) -> Result<Arc<Topic>, BrokerError> {
        self.auto_create_topic(OFFSETS_TOPIC).await
    }
}

/// A [`TopicKey`] that outlives its request.
enum OwnedKey {
    Name(String),
    Id(TopicId),
}

impl From<TopicKey<'_>> for OwnedKey {
    fn from(key: TopicKey<'_>) -> Self {
        match key {
            TopicKey::Name(name) => Self::Name(name.to_owned()),
            TopicKey::Id(id) => Self::Id(id),
        }
    }
}

/// Decides on each item on what those before it lead to, and collects the records.
fn each<I, T>(
    state: &ClusterState,
    items: &[I],
    decide: impl Fn(&ClusterState, &I) -> Result<(T, Vec<Record>), BrokerError>,
) -> Result<(Outcomes<T>, Vec<Record>), BrokerError> {
    let mut state = state.clone();
    let mut all = Vec::new();
    let mut outcomes = Vec::with_capacity(items.len());
    for item in items {
        outcomes.push(match decide(&state, item) {
            Ok((outcome, records)) => {
                let entry = Entry { records };
                state.replay(&entry)?;
                all.extend(entry.records);
                Ok(outcome)
            }
            Err(refusal) => Err(refusal),
        });
    }
    Ok((outcomes, all))
}

fn create(
    state: &ClusterState,
    builder: &TableBuilder,
    new: &NewTopic,
    id: TopicId,
    creator: Creator,
) -> Result<(CreatedTopic, Vec<Record>), BrokerError> {
    if creator == Creator::Client && is_internal(&new.name) {
        return Err(BrokerError::InternalTopic(TopicName::new(&new.name)?));
    }
    let records = state.create_topic(id, new, defaults(builder, state))?;
    let Some(Record::TopicCreated { name, partitions, replication_factor, configs, .. }) =
        records.first()
    else {
        return Err(BrokerError::UnknownTopicId);
    };
    let statics = builder.statics();
    let layers = state.layers(&Resource::Topic(name.clone()), builder.node, &statics);
    let created = CreatedTopic {
        name: name.clone(),
        id,
        partitions: *partitions,
        replication_factor: *replication_factor,
        configs: Layers { own: configs, ..layers }.describe(Scope::Topic),
    };
    Ok((created, records))
}

fn delete(
    state: &ClusterState,
    key: &OwnedKey,
) -> Result<(DeletedTopic, Vec<Record>), BrokerError> {
    let facts = match key {
        OwnedKey::Name(name) => state.topic(name).ok_or(BrokerError::UnknownTopicOrPartition)?,
        OwnedKey::Id(id) => state.topic_by_id(*id).ok_or(BrokerError::UnknownTopicId)?,
    };
    if is_internal(facts.name.as_str()) {
        return Err(BrokerError::InternalTopic(facts.name.clone()));
    }
    let deleted = DeletedTopic { name: facts.name.clone(), id: facts.id };
    Ok((deleted, state.delete_topic(facts.id)?))
}

/// What counts for new topics.
fn defaults(builder: &TableBuilder, state: &ClusterState) -> TopicDefaults {
    let (own, statics) = (Resource::Broker(builder.node), builder.statics());
    TopicDefaults::resolve(&state.layers(&own, builder.node, &statics))
}
