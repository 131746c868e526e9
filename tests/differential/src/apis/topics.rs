//! Topics: created, enlarged, deleted, looked for.

use std::ops::RangeInclusive;

use thalweg_kafka_wire::messages::create_partitions_request::CreatePartitionsTopic;
use thalweg_kafka_wire::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use thalweg_kafka_wire::messages::delete_topics_request::DeleteTopicState;
use thalweg_kafka_wire::messages::metadata_request::MetadataRequestTopic;
use thalweg_kafka_wire::messages::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest, CreateTopicsResponse,
    DeleteTopicsRequest, DeleteTopicsResponse, MetadataRequest, MetadataResponse,
};

use crate::answer::Answer;
use crate::failure::Failure;
use crate::names::Names;
use crate::pair::Ask;

/// Creates a topic.
#[derive(Clone, Debug)]
pub struct CreateTopic {
    /// Its name.
    pub topic: String,
    /// How many partitions.
    pub partitions: i32,
    /// How many copies.
    pub replicas: i16,
    /// Its settings.
    pub configs: Vec<(&'static str, &'static str)>,
    /// True to only see whether it could be.
    pub validate_only: bool,
}

impl Ask for CreateTopic {
    type Request = CreateTopicsRequest;

    fn request(&self, _: i16, _: &Names) -> Result<CreateTopicsRequest, Failure> {
        let configs = self.configs.iter().map(|(name, value)| CreatableTopicConfig {
            name: (*name).into(),
            value: Some((*value).into()),
        });
        let topic = CreatableTopic {
            name: self.topic.clone(),
            num_partitions: self.partitions,
            replication_factor: self.replicas,
            configs: configs.collect(),
            ..Default::default()
        };
        let validate_only = self.validate_only;
        Ok(CreateTopicsRequest { topics: vec![topic], timeout_ms: 30_000, validate_only })
    }

    fn answer(&self, version: i16, names: &mut Names, response: CreateTopicsResponse) -> Answer {
        let mut answer = Answer::default();
        for topic in response.topics {
            let at = &topic.name;
            answer.code(format!("{at}.error"), topic.error_code);
            if version >= 5 {
                answer.set(format!("{at}.partitions"), topic.num_partitions);
                answer.set(format!("{at}.replicas"), topic.replication_factor);
            }
            if !topic.topic_id.is_nil() {
                names.created(at, topic.topic_id);
            }
        }
        answer
    }
}

/// Gives a topic more partitions.
#[derive(Clone, Debug)]
pub struct CreatePartitions {
    /// The topic.
    pub topic: String,
    /// How many it is to have.
    pub count: i32,
    /// True with a list of assignments that has no entry.
    pub empty_list: bool,
    /// True to only see whether it could.
    pub validate_only: bool,
}

impl Ask for CreatePartitions {
    type Request = CreatePartitionsRequest;

    fn request(&self, _: i16, _: &Names) -> Result<CreatePartitionsRequest, Failure> {
        let topic = CreatePartitionsTopic {
            name: self.topic.clone(),
            count: self.count,
            assignments: self.empty_list.then(Vec::new),
        };
        let validate_only = self.validate_only;
        Ok(CreatePartitionsRequest { topics: vec![topic], timeout_ms: 30_000, validate_only })
    }

    fn answer(&self, _: i16, _: &mut Names, response: CreatePartitionsResponse) -> Answer {
        let mut answer = Answer::default();
        for topic in response.results {
            answer.code(format!("{}.error", topic.name), topic.error_code);
        }
        answer
    }
}

/// Deletes a topic, by name or, in the last version, by id.
#[derive(Clone, Debug)]
pub struct DeleteTopic {
    /// The topic.
    pub topic: String,
}

impl Ask for DeleteTopic {
    type Request = DeleteTopicsRequest;

    fn request(&self, version: i16, names: &Names) -> Result<DeleteTopicsRequest, Failure> {
        let timeout_ms = 30_000;
        if version < 6 {
            let topic_names = vec![self.topic.clone()];
            return Ok(DeleteTopicsRequest { topic_names, timeout_ms, ..Default::default() });
        }
        let topic_id = names.topic_id(&self.topic);
        let topics = vec![DeleteTopicState { name: None, topic_id }];
        Ok(DeleteTopicsRequest { topics, timeout_ms, ..Default::default() })
    }

    fn answer(&self, _: i16, names: &mut Names, response: DeleteTopicsResponse) -> Answer {
        let mut answer = Answer::default();
        for topic in response.responses {
            let name = names.topic(topic.name.as_deref().unwrap_or_default(), topic.topic_id);
            answer.code(format!("{name}.error"), topic.error_code);
        }
        answer
    }
}

/// Asks who leads a topic, by which the script learns that it is there, or is gone.
#[derive(Clone, Debug)]
pub struct Metadata {
    /// The topic.
    pub topic: String,
}

impl Ask for Metadata {
    type Request = MetadataRequest;

    fn versions(&self) -> RangeInclusive<i16> {
        10..=13
    }

    fn request(&self, _: i16, _: &Names) -> Result<MetadataRequest, Failure> {
        let topic = MetadataRequestTopic { name: Some(self.topic.clone()), ..Default::default() };
        Ok(MetadataRequest {
            topics: Some(vec![topic]),
            allow_auto_topic_creation: false,
            ..Default::default()
        })
    }

    fn answer(&self, _: i16, names: &mut Names, response: MetadataResponse) -> Answer {
        let mut answer = Answer::default();
        for topic in response.topics {
            let name = topic.name.unwrap_or_default();
            answer.code(format!("{name}.error"), topic.error_code);
            if !topic.topic_id.is_nil() {
                names.created(&name, topic.topic_id);
            }
            for partition in topic.partitions {
                let at = format!("{name}-{}", partition.partition_index);
                answer.code(format!("{at}.error"), partition.error_code);
                names.leads_since(partition.leader_epoch);
            }
        }
        answer
    }
}
