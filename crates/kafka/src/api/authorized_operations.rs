//! The operations that a client is told that it may do, if it asks (KIP-430).

use thalweg_broker::ClusterTable;
use thalweg_broker::acl::{AclOperation, AclTarget};

use super::acl_codes::Coded;
use crate::call::Call;

/// The answer to those who have not asked.
pub(super) const NOT_ASKED: i32 = i32::MIN;

/// A bit for each operation on a resource.
pub(super) fn of(call: &Call, table: &ClusterTable, target: AclTarget<'_>) -> i32 {
    let operations = table.operations(&call.session, target);
    operations.fold(0, |bits, operation| bits | 1 << operation.code())
}

/// A bit for each operation on the cluster; none for those who may not know it.
pub(super) fn of_cluster(call: &Call, asked: bool) -> i32 {
    if !asked {
        return NOT_ASKED;
    }
    let bits = of(call, &call.broker().table(), AclTarget::CLUSTER);
    if bits & 1 << AclOperation::Describe.code() == 0 { 0 } else { bits }
}
