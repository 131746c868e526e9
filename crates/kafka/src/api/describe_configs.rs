//! `DescribeConfigs`: the settings of topics, brokers and groups.
//!
//! | version | |
//! |---|---|
//! | 1–2 | the oldest of Kafka 4 (KIP-896): source and synonyms of a value (KIP-226) |
//! | 3 | type and documentation (KIP-569) |
//! | 4 | flexible |
//!
//! - Every setting of the resource is described, or those of the keys that exist.
//! - The broker named "" stands for the defaults of all brokers: only what is set there is described.
//! - Values of secrets are null, wherever they are set.

use thalweg_broker::config::{Lookup, Origin};
use thalweg_kafka_wire::ErrorCode;
use thalweg_kafka_wire::messages::describe_configs_request::DescribeConfigsResource;
use thalweg_kafka_wire::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use thalweg_kafka_wire::messages::{DescribeConfigsRequest, DescribeConfigsResponse};

use super::config_values::{resource, shown_value, source_code, type_code};
use crate::call::Call;
use crate::error_code::AsErrorCode;

pub(super) async fn handle(call: Call, request: DescribeConfigsRequest) -> DescribeConfigsResponse {
    let show =
        Show { synonyms: request.include_synonyms, documentation: request.include_documentation };
    let results = request.resources.into_iter().map(|asked| describe(&call, asked, show));
    DescribeConfigsResponse { throttle_time_ms: 0, results: results.collect() }
}

/// What the client wants to see beside the values.
#[derive(Clone, Copy)]
struct Show {
    synonyms: bool,
    documentation: bool,
}

fn describe(call: &Call, asked: DescribeConfigsResource, show: Show) -> DescribeConfigsResult {
    let outcome = resource(asked.resource_type, &asked.resource_name).and_then(|resource| {
        let described = call.broker().describe_configs(&call.session, &resource);
        described.map_err(|error| (error.error_code(), error.to_string()))
    });
    let (error_code, error_message, settings) = match outcome {
        Ok(settings) => (ErrorCode::None, None, settings),
        Err((error, text)) => (error, Some(text), Vec::new()),
    };
    let keys = asked.configuration_keys;
    let is_asked = |lookup: &&Lookup| {
        keys.as_ref().is_none_or(|keys| keys.iter().any(|key| key == lookup.setting.name))
    };
    DescribeConfigsResult {
        error_code: error_code.code(),
        error_message,
        resource_type: asked.resource_type,
        resource_name: asked.resource_name,
        configs: settings.iter().filter(is_asked).map(|lookup| config(lookup, show)).collect(),
    }
}

fn config(lookup: &Lookup, show: Show) -> DescribeConfigsResourceResult {
    let is_sensitive = lookup.setting.is_sensitive();
    let synonyms = lookup.synonyms.iter().filter(|_| show.synonyms);
    DescribeConfigsResourceResult {
        name: lookup.setting.name.to_owned(),
        value: shown_value(lookup),
        read_only: lookup.read_only,
        config_source: source_code(lookup.source),
        is_sensitive,
        synonyms: synonyms.map(|origin| synonym(origin, is_sensitive)).collect(),
        config_type: type_code(lookup.setting.value_type),
        documentation: show.documentation.then(|| lookup.setting.documentation()),
    }
}

fn synonym(origin: &Origin, is_sensitive: bool) -> DescribeConfigsSynonym {
    DescribeConfigsSynonym {
        name: origin.name.to_owned(),
        value: (!is_sensitive).then(|| origin.value.clone()),
        source: source_code(origin.source),
    }
}
