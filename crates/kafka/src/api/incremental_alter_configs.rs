//! `IncrementalAlterConfigs`: sets, resets, extends and shortens single settings (KIP-339).
//!
//! | version | |
//! |---|---|
//! | 0 | |
//! | 1 | flexible |
//!
//! - The changes of one resource happen together or not at all; resources do not depend on each other.
//! - A resource that is named twice is refused.

use thalweg_broker::config::{Alteration, Operation};
use thalweg_kafka_wire::ErrorCode;
use thalweg_kafka_wire::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use thalweg_kafka_wire::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
use thalweg_kafka_wire::messages::{
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};

use super::config_values::resource;
use super::duplicates::named_twice;
use crate::call::Call;
use crate::error_code::AsErrorCode;

type Outcome<T> = Result<T, (ErrorCode, String)>;

pub(super) async fn handle(
    call: Call,
    request: IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    let named = |asked: &AlterConfigsResource| (asked.resource_type, asked.resource_name.clone());
    let twice = named_twice(request.resources.iter().map(named));
    let mut responses = Vec::with_capacity(request.resources.len());
    for asked in request.resources {
        let outcome = if twice.contains(&named(&asked)) {
            Err((ErrorCode::InvalidRequest, "the request names the resource twice".to_owned()))
        } else {
            alter(&call, &asked, request.validate_only).await
        };
        let (error, error_message) = match outcome {
            Ok(()) => (ErrorCode::None, None),
            Err((error, text)) => (error, Some(text)),
        };
        responses.push(AlterConfigsResourceResponse {
            error_code: error.code(),
            error_message,
            resource_type: asked.resource_type,
            resource_name: asked.resource_name,
        });
    }
    IncrementalAlterConfigsResponse { throttle_time_ms: 0, responses }
}

async fn alter(call: &Call, asked: &AlterConfigsResource, validate_only: bool) -> Outcome<()> {
    let resource = resource(asked.resource_type, &asked.resource_name)?;
    let changes = asked.configs.iter().map(alteration).collect::<Outcome<Vec<_>>>()?;
    let altered = call.broker().alter_configs(&call.session, resource, changes, validate_only).await;
    altered.map_err(|error| (error.error_code(), error.to_string()))
}

fn alteration(config: &AlterableConfig) -> Outcome<Alteration> {
    let operation = match config.config_operation {
        0 => Operation::Set,
        1 => Operation::Delete,
        2 => Operation::Append,
        3 => Operation::Subtract,
        other => {
            let text = format!("there is no operation {other}");
            return Err((ErrorCode::InvalidRequest, text));
        }
    };
    Ok(Alteration { name: config.name.clone(), operation, value: config.value.clone() })
}
