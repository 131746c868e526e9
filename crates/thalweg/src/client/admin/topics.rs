//! Creating, growing and deleting topics.

use thalweg_kafka_wire::messages::create_partitions_request::CreatePartitionsTopic;
use thalweg_kafka_wire::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use thalweg_kafka_wire::messages::{
    CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest,
};

use super::CHANGE_TIMEOUT;
use crate::client::{Client, ClientError};

/// A topic to be created.
#[derive(Clone, Debug)]
pub struct NewTopic {
    /// The name.
    pub name: String,
    /// Partitions; the broker's default if `None`.
    pub partitions: Option<i32>,
    /// Copies; the broker's default if `None`.
    pub replication_factor: Option<i16>,
    /// Settings that differ from the broker's defaults.
    pub configs: Vec<(String, String)>,
}

impl Client {
    /// Creates a topic.
    pub async fn create_topic(&self, topic: &NewTopic) -> Result<(), ClientError> {
        self.retry(async || {
            let configs = topic.configs.iter().map(|(name, value)| CreatableTopicConfig {
                name: name.clone(),
                value: Some(value.clone()),
            });
            let request = CreateTopicsRequest {
                topics: vec![CreatableTopic {
                    name: topic.name.clone(),
                    num_partitions: topic.partitions.unwrap_or(-1),
                    replication_factor: topic.replication_factor.unwrap_or(-1),
                    configs: configs.collect(),
                    ..Default::default()
                }],
                timeout_ms: CHANGE_TIMEOUT.as_millis() as i32,
                ..Default::default()
            };
            let response = self.controller().await?.call(&request).await?;
            response.topics.into_iter().try_for_each(|result| {
                ClientError::check(result.error_code, result.error_message, || {
                    format!("cannot create topic '{}'", topic.name)
                })
            })
        })
        .await
    }

    /// Gives a topic more partitions.
    pub async fn create_partitions(&self, topic: &str, count: i32) -> Result<(), ClientError> {
        self.retry(async || {
            let request = CreatePartitionsRequest {
                topics: vec![CreatePartitionsTopic {
                    name: topic.to_owned(),
                    count,
                    assignments: None,
                }],
                timeout_ms: CHANGE_TIMEOUT.as_millis() as i32,
                ..Default::default()
            };
            let response = self.controller().await?.call(&request).await?;
            response.results.into_iter().try_for_each(|result| {
                ClientError::check(result.error_code, result.error_message, || {
                    format!("cannot give topic '{topic}' {count} partitions")
                })
            })
        })
        .await
    }

    /// Deletes a topic with its records.
    pub async fn delete_topic(&self, topic: &str) -> Result<(), ClientError> {
        let request = DeleteTopicsRequest {
            topic_names: vec![topic.to_owned()],
            timeout_ms: CHANGE_TIMEOUT.as_millis() as i32,
            ..Default::default()
        };
        // Not repeated: that the topic is unknown is an answer here, not a state that passes.
        let response = self.controller().await?.call(&request).await?;
        response.responses.into_iter().try_for_each(|result| {
            ClientError::check(result.error_code, result.error_message, || {
                format!("cannot delete topic '{topic}'")
            })
        })
    }
}
