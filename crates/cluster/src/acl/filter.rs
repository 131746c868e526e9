//! Picking ACLs, to show or to delete them.

use super::{ANY_RESOURCE, Acl, AclOperation, PatternType, Permission, ResourceType};

/// Which ACLs are meant; `None` leaves a property open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AclFilter {
    /// What they protect.
    pub resource_type: Option<ResourceType>,
    /// How they name it.
    pub pattern: PatternFilter,
    /// The name in them, or that of a resource: as `pattern` says.
    pub resource_name: Option<String>,
    /// Whom they are about, letter by letter: `User:*` picks those for everybody only.
    pub principal: Option<String>,
    /// The host in them, letter by letter.
    pub host: Option<String>,
    /// The operation in them.
    pub operation: Option<AclOperation>,
    /// What they say.
    pub permission: Option<Permission>,
}

/// How a filter's name of a resource is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PatternFilter {
    /// The name in the ACL is this one, whatever the type of its pattern.
    #[default]
    Any,
    /// The ACL counts for the resource of this name.
    Match,
    /// The name in the ACL is this one, and its pattern is of this type.
    Exactly(PatternType),
}

impl AclFilter {
    /// True if `acl` is meant.
    pub fn matches(&self, acl: &Acl) -> bool {
        agrees(self.resource_type.as_ref(), &acl.resource_type)
            && self.names(acl)
            && agrees(self.principal.as_ref(), &acl.principal)
            && agrees(self.host.as_ref(), &acl.host)
            && agrees(self.operation.as_ref(), &acl.operation)
            && agrees(self.permission.as_ref(), &acl.permission)
    }

    fn names(&self, acl: &Acl) -> bool {
        let pattern_fits = match self.pattern {
            PatternFilter::Any | PatternFilter::Match => true,
            PatternFilter::Exactly(wanted) => wanted == acl.pattern_type,
        };
        let Some(name) = &self.resource_name else { return pattern_fits };
        pattern_fits
            && match (self.pattern, acl.pattern_type) {
                (PatternFilter::Match, PatternType::Prefixed) => {
                    name.starts_with(&acl.resource_name)
                }
                (PatternFilter::Match, PatternType::Literal) => {
                    acl.resource_name == *name || acl.resource_name == ANY_RESOURCE
                }
                _ => acl.resource_name == *name,
            }
    }
}

fn agrees<T: PartialEq>(wanted: Option<&T>, found: &T) -> bool {
    wanted.is_none_or(|wanted| wanted == found)
}
