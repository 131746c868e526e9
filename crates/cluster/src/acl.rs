//! Access control lists: who may do what, in Kafka's terms.
//!
//! An [`Acl`] allows or denies an operation on resources to a principal from a host. [`Acls`] keeps them
//! by resource, [`Authorizer`] decides with them, [`AclFilter`] picks some.

mod authorizer;
mod filter;
mod hosts;
mod index;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};

pub(crate) use authorizer::principals;
pub use authorizer::{Authorizer, Requester};
pub use filter::{AclFilter, PatternFilter};
pub(crate) use hosts::parse_network;
pub use index::{Acls, Verdict};
#[cfg(test)]
pub(crate) use tests::any_acl;

/// The name that matches every resource of a type, with [`PatternType::Literal`].
pub const ANY_RESOURCE: &str = "*";
/// The principal that stands for all of them.
pub const ANY_PRINCIPAL: &str = "User:*";
/// The host that stands for all of them.
pub const ANY_HOST: &str = "*";
/// The name of the only resource of the type [`ResourceType::Cluster`].
pub const CLUSTER_NAME: &str = "kafka-cluster";

/// What is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceType {
    /// A topic.
    Topic,
    /// A group.
    Group,
    /// The cluster as a whole.
    Cluster,
    /// A transactional id.
    TransactionalId,
    /// A delegation token.
    DelegationToken,
    /// A principal, for whom another one acts.
    User,
}

/// How an ACL names resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PatternType {
    /// The one with this name, or all of them if the name is `*`.
    Literal,
    /// All whose names begin so (KIP-290).
    Prefixed,
}

/// What is done with a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AclOperation {
    /// All of them. In ACLs only: nobody does everything at once.
    All,
    /// Reading records; taking part in a group.
    Read,
    /// Writing records.
    Write,
    /// Creating.
    Create,
    /// Deleting, records included.
    Delete,
    /// Changing what is no configuration: the number of partitions, ACLs.
    Alter,
    /// Knowing that it exists, and what it is.
    Describe,
    /// What brokers do among each other.
    ClusterAction,
    /// Looking at the configuration.
    DescribeConfigs,
    /// Changing the configuration.
    AlterConfigs,
    /// Writing with a producer id. Whoever may write to some topic may this, too.
    IdempotentWrite,
    /// Creating delegation tokens.
    CreateTokens,
    /// Looking at delegation tokens.
    DescribeTokens,
    /// Preparing transactions that another system commits (KIP-939).
    TwoPhaseCommit,
}

/// What an ACL says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// No, whatever other ACLs say.
    Deny,
    /// Yes.
    Allow,
}

/// One access control entry, with the resources that it is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Acl {
    /// What it protects.
    pub resource_type: ResourceType,
    /// How `resource_name` is meant.
    pub pattern_type: PatternType,
    /// Which resources.
    pub resource_name: String,
    /// Whom it is about, as `Type:name`; `User:*` for everybody.
    pub principal: String,
    /// Where they connect from: an address, a network in CIDR notation, or `*`.
    pub host: String,
    /// What they do.
    pub operation: AclOperation,
    /// Whether they may.
    pub permission: Permission,
}

/// One resource that something is to be done with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AclTarget<'a> {
    /// What it is.
    pub resource_type: ResourceType,
    /// Its name.
    pub name: &'a str,
}

impl<'a> AclTarget<'a> {
    /// The cluster.
    pub const CLUSTER: Self = Self { resource_type: ResourceType::Cluster, name: CLUSTER_NAME };

    /// A topic, which need not exist.
    pub const fn topic(name: &'a str) -> Self {
        Self { resource_type: ResourceType::Topic, name }
    }

    /// A transactional id, which need not exist.
    pub const fn transactional_id(name: &'a str) -> Self {
        Self { resource_type: ResourceType::TransactionalId, name }
    }

    /// A group, which need not exist.
    pub const fn group(name: &'a str) -> Self {
        Self { resource_type: ResourceType::Group, name }
    }
}

impl ResourceType {
    /// What can be done with such a resource.
    pub const fn operations(self) -> &'static [AclOperation] {
        use AclOperation::{
            Alter, AlterConfigs, ClusterAction, Create, CreateTokens, Delete, Describe,
            DescribeConfigs, DescribeTokens, IdempotentWrite, Read, TwoPhaseCommit, Write,
        };
        match self {
            Self::Topic => {
                &[Read, Write, Create, Delete, Alter, Describe, DescribeConfigs, AlterConfigs]
            }
            Self::Group => &[Read, Delete, Describe, DescribeConfigs, AlterConfigs],
            Self::Cluster => &[
                Create,
                Alter,
                Describe,
                ClusterAction,
                DescribeConfigs,
                AlterConfigs,
                IdempotentWrite,
            ],
            Self::TransactionalId => &[Write, Describe, TwoPhaseCommit],
            Self::DelegationToken => &[Describe],
            Self::User => &[CreateTokens, DescribeTokens],
        }
    }
}

impl fmt::Display for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Topic => "topic",
            Self::Group => "group",
            Self::Cluster => "cluster",
            Self::TransactionalId => "transactional id",
            Self::DelegationToken => "delegation token",
            Self::User => "user",
        })
    }
}

impl AclOperation {
    /// True if an ACL for this operation is one for `done`.
    fn includes(self, done: Self) -> bool {
        self == Self::All || self == done
    }

    /// True if whoever is allowed this operation is allowed `done`: who reads a topic may know that
    /// it exists. Denying is not passed on in this way.
    fn implies(self, done: Self) -> bool {
        match done {
            Self::Describe => {
                matches!(self, Self::Read | Self::Write | Self::Delete | Self::Alter)
            }
            Self::DescribeConfigs => self == Self::AlterConfigs,
            _ => false,
        }
    }
}
