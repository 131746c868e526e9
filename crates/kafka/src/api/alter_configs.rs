//! `AlterConfigs`: gives resources these settings and no others. Deprecated since KIP-339, and still
//! spoken.
//!
//! | version | |
//! |---|---|
//! | 0–1 | |
//! | 2 | flexible |

use thalweg_kafka_wire::messages::alter_configs_request::AlterConfigsResource;
use thalweg_kafka_wire::messages::alter_configs_response::AlterConfigsResourceResponse;
use thalweg_kafka_wire::messages::{AlterConfigsRequest, AlterConfigsResponse};
use thalweg_kafka_wire::ErrorCode;

use super::config_values::resource;
use super::duplicates::named_twice;
use crate::call::Call;
use crate::error_code::AsErrorCode;

pub(super) async fn handle(call: Call, request: AlterConfigsRequest) -> AlterConfigsResponse {
    let named = |asked: &AlterConfigsResource| (asked.resource_type, asked.resource_name.clone());
    let twice = named_twice(request.resources.iter().map(named));
    let mut responses = Vec::with_capacity(request.resources.len());
    for asked in request.resources {
        let outcome = if twice.contains(&named(&asked)) {
            Err((ErrorCode::InvalidRequest, "the request names the resource twice".to_owned()))
        } else {
            replace(&call, &asked, request.validate_only).await
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
    AlterConfigsResponse { throttle_time_ms: 0, responses }
}

async fn replace(
    call: &Call,
    asked: &AlterConfigsResource,
    validate_only: bool,
) -> Result<(), (ErrorCode, String)> {
    let resource = resource(asked.resource_type, &asked.resource_name)?;
    let values = asked.configs.iter().map(|config| (config.name.clone(), config.value.clone()));
    let values = values.collect();
    let replaced =
        call.broker().replace_configs(&call.session, resource, values, validate_only).await;
    replaced.map_err(|error| (error.error_code(), error.to_string()))
}
