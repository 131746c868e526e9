//! `DeleteTopics`.
//!
//! | version | |
//! |---|---|
//! | 1–3 | the oldest of Kafka 4 (KIP-896); 3: an error of its own if deletion is disabled |
//! | 4 | flexible |
//! | 5 | a text beside the error (KIP-599) |
//! | 6 | topics may be named by their ids (KIP-516) |
//!
//! - A topic that the request names twice is `INVALID_REQUEST`, and is not deleted.

use thalweg_broker::{BrokerError, DeletedTopic, TopicKey};
use thalweg_kafka_wire::ErrorCode;
use thalweg_kafka_wire::messages::delete_topics_request::DeleteTopicState;
use thalweg_kafka_wire::messages::delete_topics_response::DeletableTopicResult;
use thalweg_kafka_wire::messages::{DeleteTopicsRequest, DeleteTopicsResponse};
use thalweg_types::TopicId;

use super::duplicates::named_twice;
use crate::call::Call;
use crate::error_code::AsErrorCode;

/// The first version that says that deletion is disabled.
const DELETION_DISABLED: i16 = 3;
/// The first version with topics by name or id.
const TOPIC_STATES: i16 = 6;

/// Name or id, as the request has it.
type Named = (Option<String>, TopicId);

pub(super) async fn handle(call: Call, request: DeleteTopicsRequest) -> DeleteTopicsResponse {
    let named = named(&call, request);
    let twice = named_twice(named.iter().cloned());
    let is_legal = |(name, id): &Named| {
        name.is_some() == id.is_zero() && !twice.contains(&(name.clone(), *id))
    };
    let (legal, illegal): (Vec<Named>, Vec<Named>) = named.into_iter().partition(is_legal);
    let mut responses: Vec<DeletableTopicResult> =
        illegal.into_iter().map(|named| failed(named, ErrorCode::InvalidRequest, None)).collect();
    let keys: Vec<TopicKey<'_>> = legal.iter().map(key).collect();
    let outcome = call.broker().delete_topics(&call.session, &keys).await;
    responses.extend(match outcome {
        Ok(outcomes) => {
            let each = legal.into_iter().zip(outcomes);
            each.map(|(named, outcome)| result(&call, named, outcome)).collect::<Vec<_>>()
        }
        Err(error) => legal.into_iter().map(|named| refused(&call, named, &error)).collect(),
    });
    DeleteTopicsResponse { throttle_time_ms: 0, responses }
}

fn named(call: &Call, request: DeleteTopicsRequest) -> Vec<Named> {
    if call.version >= TOPIC_STATES {
        let state = |DeleteTopicState { name, topic_id }| (name, TopicId(topic_id));
        return request.topics.into_iter().map(state).collect();
    }
    request.topic_names.into_iter().map(|name| (Some(name), TopicId::ZERO)).collect()
}

fn key((name, id): &Named) -> TopicKey<'_> {
    name.as_deref().map_or(TopicKey::Id(*id), TopicKey::Name)
}

fn result(
    call: &Call,
    named: Named,
    outcome: Result<DeletedTopic, BrokerError>,
) -> DeletableTopicResult {
    match outcome {
        Ok(deleted) => DeletableTopicResult {
            name: Some(deleted.name.to_string()),
            topic_id: deleted.id.0,
            error_code: ErrorCode::None.code(),
            error_message: None,
        },
        Err(error) => refused(call, named, &error),
    }
}

fn refused(call: &Call, named: Named, error: &BrokerError) -> DeletableTopicResult {
    let code = match error.error_code() {
        ErrorCode::TopicDeletionDisabled if call.version < DELETION_DISABLED => {
            ErrorCode::InvalidRequest
        }
        code => code,
    };
    failed(named, code, Some(error.to_string()))
}

fn failed(
    (name, id): Named,
    error: ErrorCode,
    error_message: Option<String>,
) -> DeletableTopicResult {
    DeletableTopicResult { name, topic_id: id.0, error_code: error.code(), error_message }
}
