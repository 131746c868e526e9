//! Creating and deleting ACLs.

use std::collections::BTreeSet;

use crate::acl::{Acl, AclFilter, CLUSTER_NAME, ResourceType, parse_network};
use crate::{ClusterError, ClusterState, Record};

/// How many ACLs there may be.
pub const ACLS_MAX: usize = 10_000;

/// Most bytes of the name, the principal and the host of an ACL, each.
pub const ACL_TEXT_BYTES_MAX: usize = 1024;

impl ClusterState {
    /// Creates an ACL. Without a record it is there.
    pub fn create_acl(&self, acl: &Acl) -> Result<Vec<Record>, ClusterError> {
        check(acl)?;
        if self.acls().contains(acl) {
            return Ok(Vec::new());
        }
        if self.acls().len() >= ACLS_MAX {
            return Err(ClusterError::TooManyAcls);
        }
        Ok(vec![Record::AclCreated(acl.clone())])
    }

    /// Deletes the ACLs that each filter picks: those, and the records. One that several filters pick
    /// is deleted for each.
    pub fn delete_acls(&self, filters: &[AclFilter]) -> (Vec<Vec<Acl>>, Vec<Record>) {
        let picked: Vec<Vec<Acl>> = filters
            .iter()
            .map(|filter| self.acls().iter().filter(|acl| filter.matches(acl)).collect())
            .collect();
        let deleted: BTreeSet<&Acl> = picked.iter().flatten().collect();
        let records = deleted.into_iter().cloned().map(Record::AclDeleted).collect();
        (picked, records)
    }
}

fn check(acl: &Acl) -> Result<(), ClusterError> {
    let refuse = |why: String| Err(ClusterError::InvalidAcl(why));
    let Acl { resource_type, resource_name: name, principal, host, .. } = acl;
    if [name, principal, host].iter().any(|text| text.len() > ACL_TEXT_BYTES_MAX) {
        return refuse(format!("a text of the ACL has more than {ACL_TEXT_BYTES_MAX} bytes"));
    }
    if name.is_empty() {
        return refuse("resource name should not be empty".to_owned());
    }
    if *resource_type == ResourceType::Cluster && name != CLUSTER_NAME {
        return refuse(format!("the only valid name for the CLUSTER resource is {CLUSTER_NAME}"));
    }
    if !principal.contains(':') {
        return refuse(format!("principal '{principal}' is not of the form type:name"));
    }
    if host.is_empty() {
        return refuse("host should not be empty".to_owned());
    }
    if host.contains('/') && parse_network(host).is_none() {
        return refuse(format!("host '{host}' is not a network in CIDR notation"));
    }
    Ok(())
}
