//! `DescribeAcls`: the ACLs that a filter picks.
//!
//! | version | |
//! |---|---|
//! | 1 | the oldest of Kafka 4 (KIP-896); prefixed patterns (KIP-290) |
//! | 2 | flexible |
//! | 3 | users as resources (KIP-373) |
//!
//! - ACLs for the same resources share an entry.

use thalweg_broker::acl::Acl;
use thalweg_kafka_wire::ErrorCode;
use thalweg_kafka_wire::messages::delete_acls_request::DeleteAclsFilter;
use thalweg_kafka_wire::messages::describe_acls_response::{AclDescription, DescribeAclsResource};
use thalweg_kafka_wire::messages::{DescribeAclsRequest, DescribeAclsResponse};

use super::acl_codes::{Coded, filter};
use crate::call::Call;
use crate::error_code::AsErrorCode;

pub(super) async fn handle(call: Call, request: DescribeAclsRequest) -> DescribeAclsResponse {
    match describe(&call, request) {
        Ok(acls) => DescribeAclsResponse { resources: by_resource(&acls), ..Default::default() },
        Err((error, text)) => DescribeAclsResponse {
            error_code: error.code(),
            error_message: Some(text),
            ..Default::default()
        },
    }
}

fn describe(call: &Call, asked: DescribeAclsRequest) -> Result<Vec<Acl>, (ErrorCode, String)> {
    let asked = DeleteAclsFilter {
        resource_type_filter: asked.resource_type_filter,
        resource_name_filter: asked.resource_name_filter,
        pattern_type_filter: asked.pattern_type_filter,
        principal_filter: asked.principal_filter,
        host_filter: asked.host_filter,
        operation: asked.operation,
        permission_type: asked.permission_type,
    };
    let filter = filter(asked).map_err(|text| (ErrorCode::InvalidRequest, text))?;
    let described = call.broker().describe_acls(&call.session, &filter);
    described.map_err(|error| (error.error_code(), error.to_string()))
}

/// The ACLs, which are sorted by resource.
fn by_resource(acls: &[Acl]) -> Vec<DescribeAclsResource> {
    let is_about_the_same = |a: &Acl, b: &Acl| {
        (a.resource_type, a.pattern_type, &a.resource_name)
            == (b.resource_type, b.pattern_type, &b.resource_name)
    };
    let resources = acls.chunk_by(is_about_the_same).map(|acls| DescribeAclsResource {
        resource_type: acls[0].resource_type.code(),
        resource_name: acls[0].resource_name.clone(),
        pattern_type: acls[0].pattern_type.code(),
        acls: acls.iter().map(description).collect(),
    });
    resources.collect()
}

fn description(acl: &Acl) -> AclDescription {
    AclDescription {
        principal: acl.principal.clone(),
        host: acl.host.clone(),
        operation: acl.operation.code(),
        permission_type: acl.permission.code(),
    }
}
