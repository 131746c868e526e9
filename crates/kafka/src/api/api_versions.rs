//! `ApiVersions`: what the broker understands.
//!
//! | version | |
//! |---|---|
//! | 0–2 | 1: throttle time |
//! | 3 | flexible; the client names its software, which is validated (KIP-511); features (KIP-584) |
//! | 4 | features may have the minimum version 0 (KIP-1022) |
//! | 5 | the client may name the cluster and node that it expects (KIP-1242) |
//!
//! - A request of a later version is answered in version 0 with `UNSUPPORTED_VERSION` and the versions
//!   of this api, so that the client can ask again (KIP-511). Its body is not read.
//! - The header of the response is always the oldest.
//! - Produce is advertised from version 0, though the first three are refused: older librdkafka takes
//!   a broker without them for one without features (KAFKA-18659).
//! - `transaction.version` 2 is finalized: every transaction has an epoch of its own (KIP-890).
//!   `group.version` and `share.version` would make clients use protocols that come later; the others
//!   decide nothing in a client.

use thalweg_broker::MemoryPermit;
use thalweg_kafka_wire::messages::api_versions_response::{
    ApiVersion, FinalizedFeatureKey, SupportedFeatureKey,
};
use thalweg_kafka_wire::messages::{ApiVersionsRequest, ApiVersionsResponse};
use thalweg_kafka_wire::{ApiKey, ErrorCode, encode_response};

use crate::call::{Call, Software};
use crate::close::Close;
use crate::connection::{Outcome, Reply};

/// The feature that says which protocol transactions follow.
const TRANSACTION_VERSION: &str = "transaction.version";
const TRANSACTION_LEVEL: i16 = 2;
/// Clients take features with a newer epoch for newer. These never change while a broker runs, nor do
/// they differ between brokers.
const FEATURES_EPOCH: i64 = 1;
/// The first version in which a feature may have the minimum 0.
const MINIMUM_ZERO: i16 = 4;

pub(super) async fn handle(call: Call, request: ApiVersionsRequest) -> ApiVersionsResponse {
    let cluster = call.broker().table().cluster_id().to_owned();
    match check(&request, call.version, &cluster, call.broker().node().0) {
        Ok(()) => {
            if call.version >= 3 {
                call.client.set_software(Software {
                    name: request.client_software_name,
                    version: request.client_software_version,
                });
            }
            ApiVersionsResponse {
                api_keys: ApiKey::ALL.iter().copied().filter_map(advertised).collect(),
                supported_features: supported(call.version),
                finalized_features_epoch: FEATURES_EPOCH,
                finalized_features: vec![FinalizedFeatureKey {
                    name: TRANSACTION_VERSION.to_owned(),
                    max_version_level: TRANSACTION_LEVEL,
                    min_version_level: TRANSACTION_LEVEL,
                }],
                ..Default::default()
            }
        }
        Err(error) => ApiVersionsResponse { error_code: error.code(), ..Default::default() },
    }
}

/// Clients of versions that cannot read the minimum 0 are not told of features that have it.
fn supported(version: i16) -> Vec<SupportedFeatureKey> {
    if version < MINIMUM_ZERO {
        return Vec::new();
    }
    let name = TRANSACTION_VERSION.to_owned();
    vec![SupportedFeatureKey { name, min_version: 0, max_version: TRANSACTION_LEVEL }]
}

/// The answer to a version that the broker does not know (KIP-511).
pub(super) fn unknown_version(call: &Call) -> Result<Outcome, Close> {
    let response = ApiVersionsResponse {
        error_code: ErrorCode::UnsupportedVersion.code(),
        api_keys: advertised(ApiKey::ApiVersions).into_iter().collect(),
        ..Default::default()
    };
    let segments = encode_response::<ApiVersionsRequest>(0, call.correlation_id, &response)
        .map_err(Close::Response)?;
    Ok(Outcome::Reply(Some(Reply { segments, memory: MemoryPermit::default() })))
}

fn advertised(api: ApiKey) -> Option<ApiVersion> {
    let versions = super::versions(api)?;
    let min_version = if api == ApiKey::Produce { 0 } else { *versions.start() };
    Some(ApiVersion { api_key: api as i16, min_version, max_version: *versions.end() })
}

fn check(
    request: &ApiVersionsRequest,
    version: i16,
    cluster: &str,
    node: i32,
) -> Result<(), ErrorCode> {
    let names = [&request.client_software_name, &request.client_software_version];
    if version >= 3 && !names.into_iter().all(|name| is_software_name(name)) {
        return Err(ErrorCode::InvalidRequest);
    }
    match (&request.cluster_id, request.node_id) {
        (None, -1) => Ok(()),
        (None, _) | (Some(_), -1) => Err(ErrorCode::InvalidRequest),
        (Some(expected), id) if expected == cluster && id == node => Ok(()),
        _ => Err(ErrorCode::RebootstrapRequired),
    }
}

/// Letters and digits; between them dots and dashes as well.
fn is_software_name(name: &str) -> bool {
    let is_inner = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-');
    let bytes = name.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    ends.iter().all(|end| end.is_some_and(u8::is_ascii_alphanumeric))
        && bytes.iter().copied().all(is_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(name: &str, cluster_id: Option<&str>, node_id: i32) -> ApiVersionsRequest {
        ApiVersionsRequest {
            client_software_name: name.to_owned(),
            client_software_version: "1.0".to_owned(),
            cluster_id: cluster_id.map(str::to_owned),
            node_id,
        }
    }

    #[test]
    fn rule_58_names_of_software_are_validated() {
        for name in ["a", "apache-kafka-java", "librdkafka", "v1.2.3", "0"] {
            assert!(is_software_name(name), "{name}");
        }
        for name in ["", "-a", "a-", ".a", "a b", "a/b", "ä"] {
            assert!(!is_software_name(name), "{name}");
        }
        let nameless = request("", None, -1);
        assert_eq!(check(&nameless, 2, "c", 1), Ok(()), "older versions have no names");
        assert_eq!(check(&nameless, 3, "c", 1), Err(ErrorCode::InvalidRequest));
    }

    #[test]
    fn a_client_that_expects_another_broker_bootstraps_again() {
        let check = |cluster, node| check(&request("a", cluster, node), 5, "c", 1);
        assert_eq!(check(None, -1), Ok(()));
        assert_eq!(check(Some("c"), 1), Ok(()));
        assert_eq!(check(Some("c"), 2), Err(ErrorCode::RebootstrapRequired));
        assert_eq!(check(Some("d"), 1), Err(ErrorCode::RebootstrapRequired));
        assert_eq!(check(None, 1), Err(ErrorCode::InvalidRequest));
        assert_eq!(check(Some("c"), -1), Err(ErrorCode::InvalidRequest));
    }

    #[test]
    fn produce_is_advertised_from_version_0() {
        let produce = advertised(ApiKey::Produce).unwrap();
        assert_eq!((produce.min_version, produce.max_version), (0, 13));
        let producer_ids = advertised(ApiKey::InitProducerId).unwrap();
        assert_eq!(producer_ids.max_version, 5, "version 6 is not stable");
        assert_eq!(advertised(ApiKey::ShareFetch), None);
    }
}
