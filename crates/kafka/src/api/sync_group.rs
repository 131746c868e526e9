//! `SyncGroup`: members fetch their assignment, the leader brings it.
//!
//! | version | |
//! |---|---|
//! | 0–2 | 1: throttle time |
//! | 3 | static members (KIP-345) |
//! | 4 | flexible |
//! | 5 | type and name of the protocol, checked and returned (KIP-559) |

use bytes::Bytes;
use thalweg_broker::SyncGroup;
use thalweg_kafka_wire::messages::{SyncGroupRequest, SyncGroupResponse};

use crate::call::Call;
use crate::error_code::AsErrorCode;

pub(super) async fn handle(call: Call, request: SyncGroupRequest) -> SyncGroupResponse {
    let assignments = request
        .assignments
        .into_iter()
        .map(|assignment| (assignment.member_id.into(), assignment.assignment));
    let sync = SyncGroup {
        group_id: request.group_id.into(),
        generation: request.generation_id,
        member_id: request.member_id.into(),
        instance_id: request.group_instance_id.map(Into::into),
        protocol_type: request.protocol_type.map(Into::into),
        protocol: request.protocol_name.map(Into::into),
        assignments: assignments.collect(),
    };
    match call.broker().sync_group(&call.session, sync).await {
        Ok(synced) => SyncGroupResponse {
            protocol_type: synced.protocol_type.map(|name| name.to_string()),
            protocol_name: synced.protocol.map(|name| name.to_string()),
            assignment: synced.assignment,
            ..Default::default()
        },
        Err(error) => SyncGroupResponse {
            error_code: error.error_code().code(),
            assignment: Bytes::new(),
            ..Default::default()
        },
    }
}
