//! `CreateTopics`.
//!
//! | version | |
//! |---|---|
//! | 2–3 | the oldest of Kafka 4 (KIP-896) |
//! | 4 | -1 for the broker's default number of partitions and copies (KIP-464) |
//! | 5 | flexible; the response describes the topic (KIP-525) |
//! | 6 | quotas may refuse (KIP-599) |
//! | 7 | topic ids in the response (KIP-516) |
//!
//! - A topic exists when the response says so: there is nothing to wait for within `timeout_ms`.
//! - Who may create a topic and not look at its settings gets neither these nor the counts.
//! - A name that is given twice is refused in one answer, and the topic is not created.

use std::collections::BTreeMap;

use thalweg_broker::config::Lookup;
use thalweg_broker::{Assignment, BrokerError, CreatedTopic, NewTopic};
use thalweg_kafka_wire::ErrorCode;
use thalweg_kafka_wire::messages::create_topics_request::CreatableTopic;
use thalweg_kafka_wire::messages::create_topics_response::{
    CreatableTopicConfigs, CreatableTopicResult,
};
use thalweg_kafka_wire::messages::{CreateTopicsRequest, CreateTopicsResponse};
use thalweg_types::BrokerId;

use super::config_values::{shown_value, source_code};
use super::duplicates::named_twice;
use crate::call::Call;
use crate::error_code::AsErrorCode;

pub(super) async fn handle(call: Call, request: CreateTopicsRequest) -> CreateTopicsResponse {
    let twice = named_twice(request.topics.iter().map(|topic| topic.name.clone()));
    let (new, names): (Vec<NewTopic>, Vec<String>) = request
        .topics
        .into_iter()
        .filter(|topic| !twice.contains(&topic.name))
        .map(|topic| (new_topic(&topic), topic.name))
        .unzip();
    let mut topics: Vec<CreatableTopicResult> = twice.into_iter().map(refused_twice).collect();
    topics.extend(match call
        .broker()
        .create_topics(&call.session, new, request.validate_only)
        .await
    {
        Ok(outcomes) => names.into_iter().zip(outcomes).map(result).collect::<Vec<_>>(),
        Err(error) => names.into_iter().map(|name| failed(name, &error)).collect(),
    });
    CreateTopicsResponse { throttle_time_ms: 0, topics }
}

fn new_topic(topic: &CreatableTopic) -> NewTopic {
    let assignments = topic.assignments.iter().map(|assignment| Assignment {
        partition: assignment.partition_index,
        brokers: assignment.broker_ids.iter().copied().map(BrokerId).collect(),
    });
    let configs = topic.configs.iter().map(|config| (config.name.clone(), config.value.clone()));
    NewTopic {
        name: topic.name.clone(),
        partitions: topic.num_partitions,
        replication_factor: topic.replication_factor,
        assignments: assignments.collect(),
        configs: configs.collect::<BTreeMap<_, _>>(),
    }
}

fn result((name, outcome): (String, Result<CreatedTopic, BrokerError>)) -> CreatableTopicResult {
    match outcome {
        Ok(CreatedTopic { id, configs: None, .. }) => CreatableTopicResult {
            name,
            topic_id: id.0,
            topic_config_error_code: ErrorCode::TopicAuthorizationFailed.code(),
            ..Default::default()
        },
        Ok(CreatedTopic { id, partitions, replication_factor, configs: Some(configs), .. }) => {
            CreatableTopicResult {
                name,
                topic_id: id.0,
                num_partitions: partitions,
                replication_factor,
                configs: Some(configs.iter().map(config).collect()),
                ..Default::default()
            }
        }
        Err(error) => failed(name, &error),
    }
}

fn config(lookup: &Lookup) -> CreatableTopicConfigs {
    CreatableTopicConfigs {
        name: lookup.setting.name.to_owned(),
        value: shown_value(lookup),
        read_only: lookup.read_only,
        config_source: source_code(lookup.source),
        is_sensitive: lookup.setting.is_sensitive(),
    }
}

fn failed(name: String, error: &BrokerError) -> CreatableTopicResult {
    let error_message = Some(error.to_string());
    CreatableTopicResult {
        name,
        error_code: error.error_code().code(),
        error_message,
        ..Default::default()
    }
}

fn refused_twice(name: String) -> CreatableTopicResult {
    CreatableTopicResult {
        name,
        error_code: ErrorCode::InvalidRequest.code(),
        error_message: Some("the request names the topic more than once".to_owned()),
        ..Default::default()
    }
}
