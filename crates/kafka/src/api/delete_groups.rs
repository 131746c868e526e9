//! `DeleteGroups`: deletes groups that have no members, and their offsets with them.
//!
//! | version | |
//! |---|---|
//! | 0–1 | |
//! | 2 | flexible |
//! | 3 | a text beside the error |

use thalweg_broker::DeleteGroups;
use thalweg_kafka_wire::messages::delete_groups_response::DeletableGroupResult;
use thalweg_kafka_wire::messages::{DeleteGroupsRequest, DeleteGroupsResponse};

use crate::call::Call;
use crate::error_code::{code_of, message_of};

pub(super) async fn handle(call: Call, request: DeleteGroupsRequest) -> DeleteGroupsResponse {
    let group_ids = request.groups_names.into_iter().map(Into::into).collect();
    let deleted = call.broker().delete_groups(&call.session, DeleteGroups { group_ids }).await;
    let results = deleted.into_iter().map(|deleted| DeletableGroupResult {
        group_id: deleted.group_id.to_string(),
        error_code: code_of(&deleted.result),
        error_message: message_of(&deleted.result),
    });
    DeleteGroupsResponse { throttle_time_ms: 0, results: results.collect() }
}
