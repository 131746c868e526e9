//! `FindCoordinator`: which broker coordinates a group or a transactional id.
//!
//! | version | |
//! |---|---|
//! | 0 | groups only |
//! | 1 | the type of the key: 0 group, 1 transactional id; a text beside the error |
//! | 3 | flexible |
//! | 4 | several keys at once (KIP-699) |
//! | 5 | errors of transactions (KIP-890) |
//! | 6 | type 2: share groups (KIP-932) |
//!
//! - Coordinators of share groups come later; a key of that type is `INVALID_REQUEST`, which stops
//!   clients instead of letting them try again.

use thalweg_broker::BrokerError;
use thalweg_kafka_wire::ErrorCode;
use thalweg_kafka_wire::messages::find_coordinator_response::Coordinator;
use thalweg_kafka_wire::messages::{FindCoordinatorRequest, FindCoordinatorResponse};

use crate::call::{Call, Node};
use crate::error_code::AsErrorCode;

/// The type of a group's key.
const GROUP: i8 = 0;
/// The type of a transactional id.
const TRANSACTIONAL_ID: i8 = 1;
/// The first version with several keys.
const SEVERAL_KEYS: i16 = 4;
/// The first version with a text beside the error.
const ERROR_TEXT: i16 = 1;

pub(super) async fn handle(call: Call, request: FindCoordinatorRequest) -> FindCoordinatorResponse {
    if call.version >= SEVERAL_KEYS {
        let mut coordinators = Vec::with_capacity(request.coordinator_keys.len());
        for key in request.coordinator_keys {
            let outcome = find(&call, request.key_type, &key).await;
            coordinators.push(coordinator(key, outcome));
        }
        return FindCoordinatorResponse { coordinators, ..Default::default() };
    }
    let outcome = find(&call, request.key_type, &request.key).await;
    let Coordinator { node_id, host, port, error_code, error_message, .. } =
        coordinator(request.key, outcome);
    FindCoordinatorResponse {
        error_code,
        error_message: error_message.filter(|_| call.version >= ERROR_TEXT),
        node_id,
        host,
        port,
        ..Default::default()
    }
}

type Outcome = Result<Node, (ErrorCode, String)>;

async fn find(call: &Call, key_type: i8, key: &str) -> Outcome {
    let (broker, session) = (call.broker(), &call.session);
    let found = match key_type {
        GROUP => broker.find_coordinator(session, key).await,
        TRANSACTIONAL_ID => broker.find_transaction_coordinator(session, key).await,
        _ => {
            let text = "only groups and transactional ids have coordinators here";
            return Err((ErrorCode::InvalidRequest, text.to_owned()));
        }
    };
    match found {
        Ok(()) => Ok(call.node()),
        Err(error @ BrokerError::Unauthorized(_)) => Err((error.error_code(), error.to_string())),
        Err(error) => {
            tracing::warn!(%error, "no coordinator");
            let code = match error.error_code() {
                // Whatever keeps the coordinator away may pass: clients ask again.
                code if code.retriable() => code,
                _ => ErrorCode::CoordinatorNotAvailable,
            };
            Err((code, error.to_string()))
        }
    }
}

fn coordinator(key: String, outcome: Outcome) -> Coordinator {
    match outcome {
        Ok(node) => Coordinator {
            key,
            node_id: node.id,
            host: node.host,
            port: node.port,
            error_code: ErrorCode::None.code(),
            error_message: None,
        },
        Err((error, text)) => Coordinator {
            key,
            node_id: -1,
            host: String::new(),
            port: -1,
            error_code: error.code(),
            error_message: Some(text),
        },
    }
}
