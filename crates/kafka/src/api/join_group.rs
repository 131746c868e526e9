//! `JoinGroup`: enters a group of the classic protocol.
//!
//! | version | |
//! |---|---|
//! | 0 | the session timeout bounds a rebalance as well |
//! | 1 | a rebalance timeout of its own (KIP-62) |
//! | 2–3 | throttle time |
//! | 4 | a new member gets an id first, and joins with it (KIP-394) |
//! | 5 | static members (KIP-345) |
//! | 6 | flexible |
//! | 7 | the type of the protocol; its name may be null (KIP-559) |
//! | 8 | the reason (KIP-800) |
//! | 9 | the leader may be told to keep the assignment (KIP-814) |
//!
//! - The response comes when the group has formed its next generation. A client that hangs up before
//!   stays a member until its session ends.

use thalweg_broker::{JoinGroup, JoinRefusal, Joined, Protocol};
use thalweg_kafka_wire::messages::join_group_response::JoinGroupResponseMember;
use thalweg_kafka_wire::messages::{JoinGroupRequest, JoinGroupResponse};
use thalweg_types::TopicId;

use crate::call::Call;
use crate::error_code::AsErrorCode;

/// The first version in which a protocol may have no name.
const NULLABLE_PROTOCOL: i16 = 7;

pub(super) async fn handle(call: Call, request: JoinGroupRequest) -> JoinGroupResponse {
    let outcome = call.broker().join_group(&call.session, join(&call, request)).await;
    let mut response = match outcome {
        Ok(joined) => accepted(joined),
        Err(refusal) => refused(&refusal),
    };
    if call.version < NULLABLE_PROTOCOL {
        response.protocol_name.get_or_insert_default();
    }
    response
}

fn join(call: &Call, request: JoinGroupRequest) -> JoinGroup {
    let rebalance_timeout_ms = match call.version {
        0 => request.session_timeout_ms,
        _ => request.rebalance_timeout_ms,
    };
    let protocols = request.protocols.into_iter().map(|protocol| Protocol {
        name: protocol.name.into(),
        metadata: protocol.metadata,
    });
    JoinGroup {
        group_id: request.group_id.into(),
        member_id: request.member_id.into(),
        instance_id: request.group_instance_id.map(Into::into),
        client_id: call.session.client_id.clone(),
        client_host: call.session.client_host.clone(),
        protocol_type: request.protocol_type.into(),
        protocols: protocols.collect(),
        session_timeout_ms: request.session_timeout_ms,
        rebalance_timeout_ms,
        require_known_member_id: call.version >= 4,
        supports_skip_assignment: call.version >= 9,
        reason: request.reason,
        fresh_uuid: fresh_uuid(call).into(),
    }
}

fn fresh_uuid(call: &Call) -> String {
    TopicId::from_random(call.door.env.random_bytes()).0.to_string()
}

fn accepted(joined: Joined) -> JoinGroupResponse {
    let members = joined.members.into_iter().map(|member| JoinGroupResponseMember {
        member_id: member.member_id.to_string(),
        group_instance_id: member.instance_id.map(|id| id.to_string()),
        metadata: member.metadata,
    });
    JoinGroupResponse {
        generation_id: joined.generation,
        protocol_type: joined.protocol_type.map(|name| name.to_string()),
        protocol_name: joined.protocol.map(|name| name.to_string()),
        leader: joined.leader.to_string(),
        skip_assignment: joined.skip_assignment,
        member_id: joined.member_id.to_string(),
        members: members.collect(),
        ..Default::default()
    }
}

fn refused(refusal: &JoinRefusal) -> JoinGroupResponse {
    JoinGroupResponse {
        error_code: refusal.error_code().code(),
        generation_id: -1,
        protocol_name: None,
        member_id: refusal.member_id.to_string(),
        ..Default::default()
    }
}
