//! Creating, growing and deleting topics.

use std::collections::BTreeMap;
use std::sync::Arc;

use thalweg_cluster::acl::{AclOperation, AclTarget, ResourceType};
use thalweg_cluster::config::{Layers, Lookup, Scope};
use thalweg_cluster::{
    ClusterError, ClusterState, NewTopic, Record, Resource, TopicDefaults, is_internal,
};
use thalweg_types::{BrokerId, TopicId, TopicName};

use crate::metadata::{Outcomes, TableBuilder, each};
use crate::{Broker, BrokerError, ClusterTable, Session, Topic, TopicKey};

/// The topic in which groups and their offsets are kept.
pub(crate) const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// The topic in which transactions are kept.
pub(crate) const TRANSACTION_TOPIC: &str = "__transaction_state";

/// The topics in which coordinators keep their state, and where the settings say what they are like.
const COORDINATOR_TOPICS: [(&str, &str); 2] =
    [(OFFSETS_TOPIC, "offsets.topic"), (TRANSACTION_TOPIC, "transaction.state.log")];

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
    /// Its configuration, if the client may look at it.
    pub configs: Option<Vec<Lookup>>,
}

/// A topic that is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedTopic {
    /// Its name.
    pub name: TopicName,
    /// Its id.
    pub id: TopicId,
}

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
    /// A client, with these rights.
    Client {
        /// To create the topic.
        create: bool,
        /// To look at its configuration.
        describe_configs: bool,
    },
    Broker,
}

impl Creator {
    fn client(table: &ClusterTable, session: &Session, name: &str) -> Self {
        let target = AclTarget::topic(name);
        Self::Client {
            create: table.authorize_creation(session, name).is_ok(),
            describe_configs: table.allows(session, AclOperation::DescribeConfigs, target),
        }
    }
}

/// A topic to be created.
struct Creation {
    topic: NewTopic,
    id: TopicId,
    creator: Creator,
}

impl Broker {
    /// Creates topics, or only says what would come of it. They are there, durably, for everybody
    /// when this returns. The outer error means that none of them is known to be.
    pub async fn create_topics(
        &self,
        session: &Session,
        topics: Vec<NewTopic>,
        validate_only: bool,
    ) -> Result<Vec<Result<CreatedTopic, BrokerError>>, BrokerError> {
        let table = self.table();
        let creation = |topic: NewTopic| {
            let creator = Creator::client(&table, session, &topic.name);
            self.creation(topic, creator)
        };
        let decide = self.decide_on(topics.into_iter().map(creation).collect());
        if !validate_only {
            return Ok(self.shared.metadata.propose(decide).await?.0);
        }
        let (mut outcomes, _) = decide(&self.table().state)?;
        outcomes.iter_mut().flatten().for_each(|topic| topic.id = TopicId::ZERO);
        Ok(outcomes)
    }

    fn creation(&self, topic: NewTopic, creator: Creator) -> Creation {
        Creation { topic, id: TopicId::from_random(self.shared.env.random_bytes()), creator }
    }

    /// The decision that creates topics.
    fn decide_on(&self, creations: Vec<Creation>) -> impl Decide<CreatedTopic> {
        let builder = self.shared.builder.clone();
        move |state: &ClusterState| {
            each(state, &creations, |state, creation| create(state, &builder, creation))
        }
    }

    /// The topic `name`; if there is none, creates it as the broker's configuration has it, or
    /// refuses if that forbids it. Of several callers one creates it and all get it.
    pub async fn auto_create_topic(
        &self,
        session: &Session,
        name: &str,
    ) -> Result<Arc<Topic>, BrokerError> {
        let table = self.table();
        match table.describe_topic(session, TopicKey::Name(name)) {
            Err(BrokerError::UnknownTopicOrPartition) => {}
            found => return found.cloned(),
        }
        let is_wanted = match name {
            OFFSETS_TOPIC | TRANSACTION_TOPIC => true,
            _ => !is_internal(name) && self.setting_bool("auto.create.topics.enable"),
        };
        if !is_wanted {
            return Err(BrokerError::UnknownTopicOrPartition);
        }
        table.authorize_creation(session, name)?;
        self.default_topic(name).await
    }

    /// The topic `name`, created with the defaults if there is none.
    async fn default_topic(&self, name: &str) -> Result<Arc<Topic>, BrokerError> {
        if let Ok(topic) = self.table().topic(TopicKey::Name(name)) {
            return Ok(topic.clone());
        }
        let creation = self.creation(self.defaults_of(name), Creator::Broker);
        let decide = self.decide_on(vec![creation]);
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
        session: &Session,
        topics: &[TopicKey<'_>],
    ) -> Result<Vec<Result<DeletedTopic, BrokerError>>, BrokerError> {
        if !self.setting_bool("delete.topic.enable") {
            return Ok(topics.iter().map(|_| Err(BrokerError::TopicDeletionDisabled)).collect());
        }
        let table = self.table();
        let deletions: Vec<Deletion> =
            topics.iter().map(|key| Deletion::new(&table, session, *key)).collect();
        let decide = move |state: &ClusterState| each(state, &deletions, delete);
        Ok(self.shared.metadata.propose(decide).await?.0)
    }

    /// Gives a topic more partitions, `count` in all. `assignments`, if there are any, say where the
    /// copies of each new one shall be.
    pub async fn add_partitions(
        &self,
        session: &Session,
        name: &str,
        count: i32,
        assignments: Option<Vec<Vec<BrokerId>>>,
        validate_only: bool,
    ) -> Result<(), BrokerError> {
        self.table().authorize(session, AclOperation::Alter, AclTarget::topic(name))?;
        if is_internal(name) {
            let name = TopicName::new(name)?;
            return Err(BrokerError::InternalTopic(name));
        }
        let (name, builder) = (name.to_owned(), self.shared.builder.clone());
        let decide = move |state: &ClusterState| {
            let defaults = defaults(&builder, state);
            Ok(((), state.add_partitions(&name, count, assignments.as_deref(), defaults)?))
        };
        if validate_only {
            return decide(&self.table().state).map(|_| ());
        }
        self.shared.metadata.propose(decide).await.map(|_| ())
    }

    /// What a topic is that nobody has said anything about.
    fn defaults_of(&self, name: &str) -> NewTopic {
        let mut new = NewTopic {
            name: name.to_owned(),
            partitions: -1,
            replication_factor: -1,
            assignments: Vec::new(),
            configs: BTreeMap::new(),
        };
        if let Some((_, settings)) = COORDINATOR_TOPICS.iter().find(|(topic, _)| *topic == name) {
            let setting = |what: &str| self.setting_int(&format!("{settings}.{what}"));
            new.partitions = setting("num.partitions") as i32;
            new.replication_factor = setting("replication.factor") as i16;
            let segment_bytes = setting("segment.bytes");
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
        self.default_topic(OFFSETS_TOPIC).await
    }

    /// The transaction topic, created if need be.
    pub(crate) async fn transaction_topic(&self) -> Result<Arc<Topic>, BrokerError> {
        self.default_topic(TRANSACTION_TOPIC).await
    }
}

/// A topic to be deleted, with the rights of who asks.
struct Deletion {
    key: OwnedKey,
    delete: bool,
    describe: bool,
}

impl Deletion {
    fn new(table: &ClusterTable, session: &Session, key: TopicKey<'_>) -> Self {
        let may = |operation| {
            let topic = table.authorized_topic(session, operation, key);
            !matches!(topic, Err(BrokerError::Unauthorized(_)))
        };
        let any = table.grants_cluster(session, AclOperation::Delete);
        Self {
            key: key.into(),
            delete: any || may(AclOperation::Delete),
            describe: any || may(AclOperation::Describe),
        }
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

fn create(
    state: &ClusterState,
    builder: &TableBuilder,
    creation: &Creation,
) -> Result<(CreatedTopic, Vec<Record>), BrokerError> {
    let Creation { topic, id, creator } = creation;
    match creator {
        Creator::Client { create: false, .. } => {
            return Err(BrokerError::Unauthorized(ResourceType::Topic));
        }
        Creator::Client { .. }
            if is_internal(&topic.name) && state.topic(&topic.name).is_none() =>
        {
            return Err(BrokerError::InternalTopic(TopicName::new(&topic.name)?));
        }
        Creator::Client { .. } | Creator::Broker => {}
    }
    let records = state.create_topic(*id, topic, defaults(builder, state))?;
    let Some(Record::TopicCreated { name, partitions, replication_factor, configs, .. }) =
        records.first()
    else {
        return Err(BrokerError::UnknownTopicId);
    };
    let statics = builder.statics();
    let layers = state.layers(&Resource::Topic(name.clone()), builder.node, &statics);
    let shows_configs = matches!(creator, Creator::Client { describe_configs: true, .. });
    let created = CreatedTopic {
        name: name.clone(),
        id: *id,
        partitions: *partitions,
        replication_factor: *replication_factor,
        configs: shows_configs.then(|| Layers { own: configs, ..layers }.describe(Scope::Topic)),
    };
    Ok((created, records))
}

fn delete(
    state: &ClusterState,
    deletion: &Deletion,
) -> Result<(DeletedTopic, Vec<Record>), BrokerError> {
    let unauthorized = BrokerError::Unauthorized(ResourceType::Topic);
    if !deletion.describe {
        return Err(unauthorized);
    }
    let facts = match &deletion.key {
        OwnedKey::Name(name) => state.topic(name).ok_or(BrokerError::UnknownTopicOrPartition)?,
        OwnedKey::Id(id) => state.topic_by_id(*id).ok_or(BrokerError::UnknownTopicId)?,
    };
    if !deletion.delete {
        return Err(unauthorized);
    }
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
