//! The decision.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use super::{AclOperation, AclTarget, Acls, ResourceType, Verdict};
use crate::config::Layers;

/// Who asks, and from where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requester<'a> {
    /// As `Type:name`.
    pub principal: &'a str,
    /// The address of the connection.
    pub host: IpAddr,
}

/// Decides who may do what: by the ACLs, and by what the broker is set to do where there are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorizer {
    acls: Arc<Acls>,
    /// They may do everything.
    super_users: BTreeSet<String>,
    /// Whether everybody may do everything with a resource that no ACL is about.
    allows_unspoken: bool,
}

impl Authorizer {
    /// Decides by `acls` and by `super.users` and `allow.everyone.if.no.acl.found` of a broker.
    pub fn resolve(acls: Arc<Acls>, layers: &Layers<'_>) -> Self {
        let super_users = layers.broker_value("super.users").unwrap_or_default();
        Self {
            acls,
            super_users: principals(&super_users).map(str::to_owned).collect(),
            allows_unspoken: layers.broker_bool("allow.everyone.if.no.acl.found"),
        }
    }

    /// True if the operation is allowed.
    pub fn allows(
        &self,
        who: Requester<'_>,
        operation: AclOperation,
        target: AclTarget<'_>,
    ) -> bool {
        if self.acls.is_empty() && self.allows_unspoken {
            return true;
        }
        self.is_super(who)
            || match self.acls.verdict(who, operation, target) {
                Verdict::Allowed => true,
                Verdict::Denied => false,
                Verdict::Unspoken => self.allows_unspoken,
            }
    }

    /// True if the operation is allowed explicitly, not for want of ACLs. What is granted on the
    /// cluster can stand for rights on each of its resources; a default must not override the ACLs
    /// that a resource has.
    pub fn grants(
        &self,
        who: Requester<'_>,
        operation: AclOperation,
        target: AclTarget<'_>,
    ) -> bool {
        self.is_super(who) || self.acls.verdict(who, operation, target) == Verdict::Allowed
    }

    /// True if the operation is allowed with at least one resource of the type, existing or not.
    pub fn allows_any(
        &self,
        who: Requester<'_>,
        operation: AclOperation,
        resource_type: ResourceType,
    ) -> bool {
        // No resource has an empty name: only what is said of all of them counts for this one.
        let any_other = AclTarget { resource_type, name: "" };
        self.allows(who, operation, any_other) || self.acls.allow_any(who, operation, resource_type)
    }

    fn is_super(&self, who: Requester<'_>) -> bool {
        self.super_users.contains(who.principal)
    }
}

/// The principals in the value of `super.users`. Semicolons part them, for names may have commas.
pub(crate) fn principals(value: &str) -> impl Iterator<Item = &str> {
    value.split(';').map(str::trim).filter(|principal| !principal.is_empty())
}
