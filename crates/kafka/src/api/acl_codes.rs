//! How ACLs look on the wire.

use thalweg_broker::acl::{
    Acl, AclFilter, AclOperation, PatternFilter, PatternType, Permission, ResourceType,
};
use thalweg_kafka_wire::messages::create_acls_request::AclCreation;
use thalweg_kafka_wire::messages::delete_acls_request::DeleteAclsFilter;

/// The code that leaves a property of a filter open.
const ANY: i8 = 1;
/// The code of a filter for the ACLs that count for a resource.
const MATCH: i8 = 2;

/// A word that has a code.
pub(super) trait Coded: Copy + 'static {
    /// All words of its kind.
    const ALL: &[Self];

    fn code(self) -> i8;

    /// The word of that code. The codes that only filters have are none.
    fn from_code(code: i8) -> Option<Self> {
        Self::ALL.iter().copied().find(|word| word.code() == code)
    }
}

impl Coded for ResourceType {
    const ALL: &[Self] = &[
        Self::Topic,
        Self::Group,
        Self::Cluster,
        Self::TransactionalId,
        Self::DelegationToken,
        Self::User,
    ];

    fn code(self) -> i8 {
        match self {
            Self::Topic => 2,
            Self::Group => 3,
            Self::Cluster => 4,
            Self::TransactionalId => 5,
            Self::DelegationToken => 6,
            Self::User => 7,
        }
    }
}

impl Coded for PatternType {
    const ALL: &[Self] = &[Self::Literal, Self::Prefixed];

    fn code(self) -> i8 {
        match self {
            Self::Literal => 3,
            Self::Prefixed => 4,
        }
    }
}

impl Coded for AclOperation {
    const ALL: &[Self] = &[
        Self::All,
        Self::Read,
        Self::Write,
        Self::Create,
        Self::Delete,
        Self::Alter,
        Self::Describe,
        Self::ClusterAction,
        Self::DescribeConfigs,
        Self::AlterConfigs,
        Self::IdempotentWrite,
        Self::CreateTokens,
        Self::DescribeTokens,
        Self::TwoPhaseCommit,
    ];

    fn code(self) -> i8 {
        match self {
            Self::All => 2,
            Self::Read => 3,
            Self::Write => 4,
            Self::Create => 5,
            Self::Delete => 6,
            Self::Alter => 7,
            Self::Describe => 8,
            Self::ClusterAction => 9,
            Self::DescribeConfigs => 10,
            Self::AlterConfigs => 11,
            Self::IdempotentWrite => 12,
            Self::CreateTokens => 13,
            Self::DescribeTokens => 14,
            Self::TwoPhaseCommit => 15,
        }
    }
}

impl Coded for Permission {
    const ALL: &[Self] = &[Self::Deny, Self::Allow];

    fn code(self) -> i8 {
        match self {
            Self::Deny => 2,
            Self::Allow => 3,
        }
    }
}

/// The ACL to create, or what is wrong with it: nothing may be left open.
pub(super) fn acl(asked: AclCreation) -> Result<Acl, String> {
    Ok(Acl {
        resource_type: word(asked.resource_type, "resource type")?,
        pattern_type: word(asked.resource_pattern_type, "pattern type")?,
        resource_name: asked.resource_name,
        principal: asked.principal,
        host: asked.host,
        operation: word(asked.operation, "operation")?,
        permission: word(asked.permission_type, "permission type")?,
    })
}

/// The ACLs that are meant, or what is wrong with the filter.
pub(super) fn filter(asked: DeleteAclsFilter) -> Result<AclFilter, String> {
    let pattern = match asked.pattern_type_filter {
        ANY => PatternFilter::Any,
        MATCH => PatternFilter::Match,
        code => PatternFilter::Exactly(word(code, "pattern type")?),
    };
    Ok(AclFilter {
        resource_type: open_or_word(asked.resource_type_filter, "resource type")?,
        pattern,
        resource_name: asked.resource_name_filter,
        principal: asked.principal_filter,
        host: asked.host_filter,
        operation: open_or_word(asked.operation, "operation")?,
        permission: open_or_word(asked.permission_type, "permission type")?,
    })
}

fn open_or_word<T: Coded>(code: i8, what: &str) -> Result<Option<T>, String> {
    if code == ANY { Ok(None) } else { word(code, what).map(Some) }
}

fn word<T: Coded>(code: i8, what: &str) -> Result<T, String> {
    T::from_code(code).ok_or_else(|| format!("invalid {what} {code}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes<T: Coded>() -> Vec<i8> {
        T::ALL.iter().map(|word| word.code()).collect()
    }

    #[test]
    fn rule_54_codes_are_kafkas_and_each_is_read_as_it_is_written() {
        assert_eq!(codes::<ResourceType>(), [2, 3, 4, 5, 6, 7]);
        assert_eq!(codes::<PatternType>(), [3, 4]);
        assert_eq!(codes::<AclOperation>(), (2..=15).collect::<Vec<_>>());
        assert_eq!(codes::<Permission>(), [2, 3]);
        for word in AclOperation::ALL {
            assert_eq!(AclOperation::from_code(word.code()), Some(*word));
        }
        for (unknown, any) in [(0, ANY), (-1, ANY), (99, ANY)] {
            assert_eq!(AclOperation::from_code(unknown), None);
            assert_eq!(AclOperation::from_code(any), None);
        }
    }
}
