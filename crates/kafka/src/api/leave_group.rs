//! `LeaveGroup`: members leave a classic group, or an administrator removes them.
//!
//! | version | |
//! |---|---|
//! | 0–2 | one member; its error is the response's (1: throttle time) |
//! | 3 | several members, named by id or instance, each with its own error (KIP-345) |
//! | 4 | flexible |
//! | 5 | the reason (KIP-800) |

use thalweg_broker::{LeaveGroup, Leaver, Left};
use thalweg_kafka_wire::messages::leave_group_response::MemberResponse;
use thalweg_kafka_wire::messages::{LeaveGroupRequest, LeaveGroupResponse};

use crate::call::Call;
use crate::error_code::{AsErrorCode, code_of};

/// The first version with several members.
const SEVERAL_MEMBERS: i16 = 3;

pub(super) async fn handle(call: Call, request: LeaveGroupRequest) -> LeaveGroupResponse {
    let several = call.version >= SEVERAL_MEMBERS;
    let leave = LeaveGroup {
        group_id: request.group_id.as_str().into(),
        members: if several { leavers(request) } else { vec![only_leaver(request)] },
    };
    match call.broker().leave_group(&call.session, leave).await {
        Ok(left) if several => LeaveGroupResponse {
            members: left.iter().map(member).collect(),
            ..Default::default()
        },
        Ok(left) => LeaveGroupResponse {
            error_code: left.first().map_or(0, |left| code_of(&left.result)),
            ..Default::default()
        },
        Err(error) => {
            LeaveGroupResponse { error_code: error.error_code().code(), ..Default::default() }
        }
    }
}

fn leavers(request: LeaveGroupRequest) -> Vec<Leaver> {
    let members = request.members.into_iter().map(|member| Leaver {
        member_id: member.member_id.into(),
        instance_id: member.group_instance_id.map(Into::into),
        reason: member.reason,
    });
    members.collect()
}

fn only_leaver(request: LeaveGroupRequest) -> Leaver {
    Leaver { member_id: request.member_id.into(), instance_id: None, reason: None }
}

fn member(left: &Left) -> MemberResponse {
    MemberResponse {
        member_id: left.member_id.to_string(),
        group_instance_id: left.instance_id.as_ref().map(ToString::to_string),
        error_code: code_of(&left.result),
    }
}
