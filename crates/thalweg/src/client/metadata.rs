//! What brokers say about topics.

use std::time::Duration;

use thalweg_kafka_wire::ErrorCode;
use thalweg_kafka_wire::messages::metadata_request::MetadataRequestTopic;
use thalweg_kafka_wire::messages::metadata_response::{
    MetadataResponsePartition, MetadataResponseTopic,
};
use thalweg_kafka_wire::messages::{MetadataRequest, MetadataResponse};
use thalweg_types::TopicId;

use super::{Client, ClientError};

/// How long a topic that is just being created may take to get its leaders.
const CREATION_WAIT: Duration = Duration::from_secs(10);
const CREATION_POLL: Duration = Duration::from_millis(50);

/// A topic and who serves it.
#[derive(Clone, Debug)]
pub struct Topic {
    /// The name.
    pub name: String,
    /// The id; zero where the broker has none.
    pub id: TopicId,
    /// True for topics that brokers keep for themselves.
    pub internal: bool,
    /// The partitions, by number.
    pub partitions: Vec<Partition>,
}

/// A partition and who serves it.
#[derive(Clone, Debug)]
pub struct Partition {
    /// The number.
    pub index: i32,
    /// The broker that serves it, if there is one.
    pub leader: Option<i32>,
    /// Brokers with a copy.
    pub replicas: Vec<i32>,
    /// Those of them that are up to date.
    pub in_sync: Vec<i32>,
}

impl Topic {
    fn from_wire(topic: MetadataResponseTopic) -> Self {
        let mut partitions: Vec<_> =
            topic.partitions.into_iter().map(Partition::from_wire).collect();
        partitions.sort_by_key(|partition| partition.index);
        Self {
            name: topic.name.unwrap_or_default(),
            id: TopicId(topic.topic_id),
            internal: topic.is_internal,
            partitions,
        }
    }

    /// The broker that serves a partition.
    pub fn leader(&self, partition: i32) -> Result<i32, ClientError> {
        let found = self.partitions.iter().find(|candidate| candidate.index == partition);
        let Some(found) = found else {
            let last = self.partitions.len() as i32 - 1;
            return Err(ClientError::NoPartition { topic: self.name.clone(), partition, last });
        };
        found.leader.ok_or_else(|| ClientError::NoLeader { topic: self.name.clone(), partition })
    }
}

impl Partition {
    fn from_wire(partition: MetadataResponsePartition) -> Self {
        Self {
            index: partition.partition_index,
            leader: (partition.leader_id >= 0).then_some(partition.leader_id),
            replicas: partition.replica_nodes,
            in_sync: partition.isr_nodes,
        }
    }
}

impl Client {
    /// All topics, sorted by name.
    pub async fn topics(&self) -> Result<Vec<Topic>, ClientError> {
        let response = self.ask_metadata(None, false).await?;
        let mut topics: Vec<_> = response.topics.into_iter().map(Topic::from_wire).collect();
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(topics)
    }

    /// A topic that must exist.
    pub async fn topic(&self, name: &str) -> Result<Topic, ClientError> {
        self.find_topic(name, false).await
    }

    /// A topic that the broker may create, if it is configured to do so; waits for its leaders.
    pub async fn topic_or_create(&self, name: &str) -> Result<Topic, ClientError> {
        let deadline = self.env().now() + CREATION_WAIT;
        loop {
            let found = self.find_topic(name, true).await;
            let ready = match &found {
                Ok(topic) => topic.partitions.iter().all(|partition| partition.leader.is_some()),
                Err(ClientError::NoTopic(_)) => false,
                Err(error) => !error.retriable(),
            };
            if ready || self.env().now() >= deadline {
                return found;
            }
            self.env().sleep(CREATION_POLL).await;
        }
    }

    async fn find_topic(&self, name: &str, create: bool) -> Result<Topic, ClientError> {
        let response = self.ask_metadata(Some(&[name]), create).await?;
        let topic = response.topics.into_iter().find(|topic| topic.name.as_deref() == Some(name));
        let topic = topic.ok_or_else(|| ClientError::NoTopic(name.to_owned()))?;
        if topic.error_code == ErrorCode::UnknownTopicOrPartition.code() {
            return Err(ClientError::NoTopic(name.to_owned()));
        }
        ClientError::check(topic.error_code, None, || format!("cannot use topic '{name}'"))?;
        Ok(Topic::from_wire(topic))
    }

    /// Asks any broker, and remembers the brokers in the answer. `None` asks for all topics.
    pub(super) async fn ask_metadata(
        &self,
        topics: Option<&[&str]>,
        create: bool,
    ) -> Result<MetadataResponse, ClientError> {
        let named = |name: &&str| MetadataRequestTopic {
            name: Some((*name).to_owned()),
            ..Default::default()
        };
        let request = MetadataRequest {
            topics: topics.map(|names| names.iter().map(named).collect()),
            allow_auto_topic_creation: create,
            ..Default::default()
        };
        let response = self.any_broker().await?.call(&request).await?;
        self.remember(&response);
        Ok(response)
    }
}
