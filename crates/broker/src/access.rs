//! Who may do what, once for all doors: what a request is about is looked up through here.

use std::sync::Arc;

use thalweg_cluster::Resource;
use thalweg_cluster::acl::{AclOperation, AclTarget, ResourceType};
use thalweg_groups::GroupError;
use thalweg_log::Partition;

use crate::{Broker, BrokerError, ClusterTable, Session, Topic, TopicKey};

/// What a door may ask.
impl ClusterTable {
    /// The topic, if the client may know of it. Who may not is told so whether it exists or not.
    pub fn describe_topic(
        &self,
        session: &Session,
        key: TopicKey<'_>,
    ) -> Result<&Arc<Topic>, BrokerError> {
        self.authorized_topic(session, AclOperation::Describe, key)
    }

    /// The topics that the client may know of and whose names sort at or after `name`.
    pub fn describable_topics(
        &self,
        session: &Session,
        name: &str,
    ) -> impl Iterator<Item = &Arc<Topic>> {
        self.topics_from(name).filter(|topic| {
            let target = AclTarget::topic(topic.name().as_str());
            self.allows(session, AclOperation::Describe, target)
        })
    }

    /// The operations that the client may do with a resource (KIP-430).
    pub fn operations(
        &self,
        session: &Session,
        target: AclTarget<'_>,
    ) -> impl Iterator<Item = AclOperation> {
        let all = target.resource_type.operations().iter().copied();
        all.filter(move |operation| self.allows(session, *operation, target))
    }
}

/// What the broker asks before it does something.
impl ClusterTable {
    pub(crate) fn allows(
        &self,
        session: &Session,
        operation: AclOperation,
        target: AclTarget<'_>,
    ) -> bool {
        self.authorizer.allows(session.requester(), operation, target)
    }

    /// True if the client has a right on the cluster that stands for the same on all it holds.
    pub(crate) fn grants_cluster(&self, session: &Session, operation: AclOperation) -> bool {
        self.authorizer.grants(session.requester(), operation, AclTarget::CLUSTER)
    }

    pub(crate) fn authorize(
        &self,
        session: &Session,
        operation: AclOperation,
        target: AclTarget<'_>,
    ) -> Result<(), BrokerError> {
        if self.allows(session, operation, target) {
            return Ok(());
        }
        let AclTarget { resource_type, name } = target;
        let (principal, host) = (&session.principal, session.address);
        tracing::debug!(%principal, %host, ?operation, %resource_type, name, "not authorized");
        Err(BrokerError::Unauthorized(resource_type))
    }

    pub(crate) fn authorize_group(
        &self,
        session: &Session,
        operation: AclOperation,
        group: &str,
    ) -> Result<(), GroupError> {
        let authorized = self.authorize(session, operation, AclTarget::group(group));
        authorized.map_err(|_| GroupError::GroupAuthorizationFailed)
    }

    /// Settings belong to what they configure; those of brokers to the cluster.
    pub(crate) fn authorize_configs(
        &self,
        session: &Session,
        operation: AclOperation,
        resource: &Resource,
    ) -> Result<(), BrokerError> {
        let target = match resource {
            Resource::Topic(name) => AclTarget::topic(name.as_str()),
            Resource::Group(name) => AclTarget::group(name),
            Resource::Broker(_) | Resource::AllBrokers => AclTarget::CLUSTER,
        };
        self.authorize(session, operation, target)
    }

    /// What brokers ask of each other.
    pub(crate) fn authorize_cluster_action(&self, session: &Session) -> Result<(), BrokerError> {
        self.authorize(session, AclOperation::ClusterAction, AclTarget::CLUSTER)
    }

    /// Creating a topic takes the right to create it, or to create any.
    pub(crate) fn authorize_creation(
        &self,
        session: &Session,
        name: &str,
    ) -> Result<(), BrokerError> {
        if self.grants_cluster(session, AclOperation::Create) {
            return Ok(());
        }
        self.authorize(session, AclOperation::Create, AclTarget::topic(name))
    }

    /// The topic, if the client may do this with it. By name, it is told nothing of a topic that it
    /// may not do it with; an id it can only have from somebody who may.
    pub(crate) fn authorized_topic(
        &self,
        session: &Session,
        operation: AclOperation,
        key: TopicKey<'_>,
    ) -> Result<&Arc<Topic>, BrokerError> {
        if let TopicKey::Name(name) = key {
            self.authorize(session, operation, AclTarget::topic(name))?;
            return self.topic(key);
        }
        let topic = self.topic(key)?;
        self.authorize(session, operation, AclTarget::topic(topic.name().as_str()))?;
        Ok(topic)
    }

    pub(crate) fn authorized_partition(
        &self,
        session: &Session,
        operation: AclOperation,
        topic: TopicKey<'_>,
        partition: i32,
    ) -> Result<&Arc<Partition>, BrokerError> {
        self.authorized_topic(session, operation, topic)?.partition(partition)
    }
}

impl Broker {
    /// Whether the client may ask what brokers ask of each other.
    pub fn authorize_broker(&self, session: &Session) -> Result<(), BrokerError> {
        self.table().authorize_cluster_action(session)
    }

    /// Writing with a producer id takes the right to that, or to write to some topic (KIP-679).
    pub(crate) fn authorize_idempotent_write(&self, session: &Session) -> Result<(), BrokerError> {
        let (table, who) = (self.table(), session.requester());
        if table.authorizer.allows_any(who, AclOperation::Write, ResourceType::Topic) {
            return Ok(());
        }
        table.authorize(session, AclOperation::IdempotentWrite, AclTarget::CLUSTER)
    }
}
