//! `CreateAcls`.
//!
//! | version | |
//! |---|---|
//! | 1 | the oldest of Kafka 4 (KIP-896); prefixed patterns (KIP-290) |
//! | 2 | flexible |
//! | 3 | users as resources (KIP-373) |
//!
//! - Each ACL is created or refused for itself; one that is there already is created.
//! - They count, durably, when the response says so.

use thalweg_broker::acl::Acl;
use thalweg_kafka_wire::ErrorCode;
use thalweg_kafka_wire::messages::create_acls_response::AclCreationResult;
use thalweg_kafka_wire::messages::{CreateAclsRequest, CreateAclsResponse};

use super::acl_codes::acl;
use crate::call::Call;
use crate::error_code::AsErrorCode;

type Outcome = Result<(), (ErrorCode, String)>;

pub(super) async fn handle(call: Call, request: CreateAclsRequest) -> CreateAclsResponse {
    let asked: Vec<Result<Acl, String>> = request.creations.into_iter().map(acl).collect();
    let legal = asked.iter().flatten().cloned().collect();
    let results = match call.broker().create_acls(&call.session, legal).await {
        Ok(created) => {
            let mut created = created.into_iter().map(|outcome| {
                outcome.map_err(|error| (error.error_code(), error.to_string()))
            });
            let each = asked.into_iter().map(|asked| match asked {
                Ok(_) => created.next().unwrap_or(Ok(())),
                Err(text) => Err((ErrorCode::InvalidRequest, text)),
            });
            each.map(result).collect()
        }
        Err(error) => {
            let failed = || Err((error.error_code(), error.to_string()));
            asked.iter().map(|_| result(failed())).collect()
        }
    };
    CreateAclsResponse { throttle_time_ms: 0, results }
}

fn result(outcome: Outcome) -> AclCreationResult {
    let (error, error_message) = match outcome {
        Ok(()) => (ErrorCode::None, None),
        Err((error, text)) => (error, Some(text)),
    };
    AclCreationResult { error_code: error.code(), error_message }
}
