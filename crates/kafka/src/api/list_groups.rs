//! `ListGroups`.
//!
//! | version | |
//! |---|---|
//! | 0–2 | 1: throttle time |
//! | 3 | flexible |
//! | 4 | states, and only groups in some of them (KIP-518) |
//! | 5 | types, and only groups of some of them (KIP-848) |

use thalweg_broker::{ListGroups, ListedGroup as Listed};
use thalweg_kafka_wire::messages::list_groups_response::ListedGroup;
use thalweg_kafka_wire::messages::{ListGroupsRequest, ListGroupsResponse};

use crate::call::Call;
use crate::error_code::AsErrorCode;

pub(super) async fn handle(call: Call, request: ListGroupsRequest) -> ListGroupsResponse {
    let question = ListGroups { states: request.states_filter, types: request.types_filter };
    let listing = call.broker().list_groups(&call.session, question).await;
    ListGroupsResponse {
        throttle_time_ms: 0,
        error_code: listing.error.map_or(0, |error| error.error_code().code()),
        groups: listing.groups.iter().map(listed).collect(),
    }
}

fn listed(group: &Listed) -> ListedGroup {
    ListedGroup {
        group_id: group.group_id.to_string(),
        protocol_type: group.protocol_type.to_string(),
        group_state: group.state.as_str().to_owned(),
        group_type: group.group_type.as_str().to_owned(),
    }
}
