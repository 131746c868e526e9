//! `DeleteAcls`: deletes the ACLs that filters pick.
//!
//! | version | |
//! |---|---|
//! | 1 | the oldest of Kafka 4 (KIP-896); prefixed patterns (KIP-290) |
//! | 2 | flexible |
//! | 3 | users as resources (KIP-373) |
//!
//! - An ACL that several filters pick is in the answer to each of them.
//! - They count no more, durably, when the response says so.

use thalweg_broker::acl::{Acl, AclFilter};
use thalweg_kafka_wire::ErrorCode;
use thalweg_kafka_wire::messages::delete_acls_response::{
    DeleteAclsFilterResult, DeleteAclsMatchingAcl,
};
use thalweg_kafka_wire::messages::{DeleteAclsRequest, DeleteAclsResponse};

use super::acl_codes::{Coded, filter};
use crate::call::Call;
use crate::error_code::AsErrorCode;

pub(super) async fn handle(call: Call, request: DeleteAclsRequest) -> DeleteAclsResponse {
    let asked: Vec<Result<AclFilter, String>> = request.filters.into_iter().map(filter).collect();
    let legal = asked.iter().flatten().cloned().collect();
    let filter_results = match call.broker().delete_acls(&call.session, legal).await {
        Ok(deleted) => {
            let mut deleted = deleted.into_iter();
            let each = asked.into_iter().map(|asked| match asked {
                Ok(_) => done(&deleted.next().unwrap_or_default()),
                Err(text) => failed(ErrorCode::InvalidRequest, text),
            });
            each.collect()
        }
        Err(error) => {
            asked.iter().map(|_| failed(error.error_code(), error.to_string())).collect()
        }
    };
    DeleteAclsResponse { throttle_time_ms: 0, filter_results }
}

fn done(deleted: &[Acl]) -> DeleteAclsFilterResult {
    DeleteAclsFilterResult {
        error_code: ErrorCode::None.code(),
        error_message: None,
        matching_acls: deleted.iter().map(matching).collect(),
    }
}

fn matching(acl: &Acl) -> DeleteAclsMatchingAcl {
    DeleteAclsMatchingAcl {
        error_code: ErrorCode::None.code(),
        error_message: None,
        resource_type: acl.resource_type.code(),
        resource_name: acl.resource_name.clone(),
        pattern_type: acl.pattern_type.code(),
        principal: acl.principal.clone(),
        host: acl.host.clone(),
        operation: acl.operation.code(),
        permission_type: acl.permission.code(),
    }
}

fn failed(error: ErrorCode, text: String) -> DeleteAclsFilterResult {
    DeleteAclsFilterResult {
        error_code: error.code(),
        error_message: Some(text),
        matching_acls: Vec::new(),
    }
}
