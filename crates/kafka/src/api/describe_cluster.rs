//! `DescribeCluster`: the brokers and who is the controller (KIP-700).
//!
//! | version | |
//! |---|---|
//! | 0 | flexible |
//! | 1 | the client says whether it wants brokers or controllers (KIP-919) |
//! | 2 | fenced brokers, if asked for; there are none (KIP-1073) |

use thalweg_kafka_wire::ErrorCode;
use thalweg_kafka_wire::messages::describe_cluster_response::DescribeClusterBroker;
use thalweg_kafka_wire::messages::{DescribeClusterRequest, DescribeClusterResponse};

use super::authorized_operations::of_cluster;
use crate::call::Call;

/// Kinds of endpoints.
const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

pub(super) async fn handle(call: Call, request: DescribeClusterRequest) -> DescribeClusterResponse {
    if let Some((error, text)) = refusal(request.endpoint_type) {
        return DescribeClusterResponse {
            error_code: error.code(),
            error_message: Some(text.to_owned()),
            ..Default::default()
        };
    }
    let node = call.node();
    DescribeClusterResponse {
        cluster_id: call.broker().table().cluster_id().to_owned(),
        controller_id: node.id,
        brokers: vec![DescribeClusterBroker {
            broker_id: node.id,
            host: node.host,
            port: node.port,
            rack: node.rack,
            is_fenced: false,
        }],
        cluster_authorized_operations: of_cluster(
            &call,
            request.include_cluster_authorized_operations,
        ),
        ..Default::default()
    }
}

fn refusal(endpoint_type: i8) -> Option<(ErrorCode, &'static str)> {
    match endpoint_type {
        BROKERS => None,
        CONTROLLERS => Some((ErrorCode::MismatchedEndpointType, "this is a broker")),
        _ => Some((ErrorCode::UnsupportedEndpointType, "unknown type of endpoint")),
    }
}
