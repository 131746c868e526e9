//! `DescribeGroups`: groups of the classic protocol with their members.
//!
//! | version | |
//! |---|---|
//! | 0–2 | 1: throttle time |
//! | 3 | authorized operations, if asked for (KIP-430) |
//! | 4 | static members (KIP-345) |
//! | 5 | flexible |
//! | 6 | a missing group is `GROUP_ID_NOT_FOUND`, with a text (KIP-1043); before, it is a dead one |

use thalweg_broker::acl::AclTarget;
use thalweg_broker::{DescribeGroups, DescribedGroup as Described, DescribedMember};
use thalweg_kafka_wire::messages::describe_groups_response::{
    DescribedGroup, DescribedGroupMember,
};
use thalweg_kafka_wire::messages::{DescribeGroupsRequest, DescribeGroupsResponse};

use super::authorized_operations::{self, NOT_ASKED};
use crate::call::Call;
use crate::error_code::{code_of, message_of};

/// The first version that tells a missing group from a dead one.
const MISSING_GROUP: i16 = 6;

pub(super) async fn handle(call: Call, request: DescribeGroupsRequest) -> DescribeGroupsResponse {
    let table = call.broker().table();
    let operations = |group: &Described| {
        if !request.include_authorized_operations || group.result.is_err() {
            return NOT_ASKED;
        }
        authorized_operations::of(&call, &table, AclTarget::group(group.group_id.as_str()))
    };
    let question = DescribeGroups {
        group_ids: request.groups.into_iter().map(Into::into).collect(),
        reports_missing_group: call.version >= MISSING_GROUP,
    };
    let groups = call.broker().describe_groups(&call.session, question).await;
    let groups = groups.into_iter().map(|group| {
        let operations = operations(&group);
        described(&call, group, operations)
    });
    DescribeGroupsResponse { throttle_time_ms: 0, groups: groups.collect() }
}

fn described(call: &Call, group: Described, authorized_operations: i32) -> DescribedGroup {
    DescribedGroup {
        error_code: code_of(&group.result),
        error_message: message_of(&group.result).filter(|_| call.version >= MISSING_GROUP),
        group_id: group.group_id.to_string(),
        group_state: group.state.as_str().to_owned(),
        protocol_type: group.protocol_type.to_string(),
        protocol_data: group.protocol.to_string(),
        members: group.members.into_iter().map(member).collect(),
        authorized_operations,
    }
}

fn member(member: DescribedMember) -> DescribedGroupMember {
    DescribedGroupMember {
        member_id: member.member_id.to_string(),
        group_instance_id: member.instance_id.map(|id| id.to_string()),
        client_id: member.client_id.to_string(),
        client_host: member.client_host.to_string(),
        member_metadata: member.metadata,
        member_assignment: member.assignment,
    }
}
