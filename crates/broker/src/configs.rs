//! Looking at configurations, and changing them.

use std::collections::BTreeMap;

use thalweg_cluster::acl::AclOperation;
use thalweg_cluster::config::{Alteration, Lookup, Overrides, Source, check_static};
use thalweg_cluster::{ClusterError, ClusterState, Resource};

use crate::{Broker, BrokerError, Session, TopicKey};

impl Broker {
    /// Every setting of a resource, with its value, where that comes from, and what else is set.
    /// Of the defaults for all brokers only those that are set.
    pub fn describe_configs(
        &self,
        session: &Session,
        resource: &Resource,
    ) -> Result<Vec<Lookup>, BrokerError> {
        let table = self.table();
        table.authorize_configs(session, AclOperation::DescribeConfigs, resource)?;
        match resource {
            Resource::Topic(name) => {
                table.topic(TopicKey::Name(name.as_str()))?;
            }
            Resource::Broker(id) if *id != self.node() => {
                return Err(ClusterError::UnknownBroker(*id).into());
            }
            Resource::Group(name) if name.is_empty() => {
                return Err(ClusterError::UnnamedGroup.into());
            }
            Resource::Broker(_) | Resource::AllBrokers | Resource::Group(_) => {}
        }
        let layers = table.state.layers(resource, self.node(), &table.statics);
        let mut settings = layers.describe(resource.scope());
        if *resource == Resource::AllBrokers {
            let set = table.state.overrides(resource);
            settings.retain(|lookup| set.contains_key(lookup.setting.name));
            settings.iter_mut().for_each(only_for_all_brokers);
        }
        Ok(settings)
    }

    /// Changes settings of a resource one by one, all or none of them, or only says whether it could
    /// be done. Changes survive a restart.
    pub async fn alter_configs(
        &self,
        session: &Session,
        resource: Resource,
        changes: Vec<Alteration>,
        validate_only: bool,
    ) -> Result<(), BrokerError> {
        self.table().authorize_configs(session, AclOperation::AlterConfigs, &resource)?;
        let decide =
            move |state: &ClusterState| Ok(((), state.alter_configs(&resource, &changes)?));
        if validate_only {
            return decide(&self.table().state).map(|_| ());
        }
        self.shared.metadata.propose(decide).await.map(|_| ())
    }

    /// Gives a resource these settings and no others, or only says whether it could be done.
    pub async fn replace_configs(
        &self,
        session: &Session,
        resource: Resource,
        values: BTreeMap<String, Option<String>>,
        validate_only: bool,
    ) -> Result<(), BrokerError> {
        self.table().authorize_configs(session, AclOperation::AlterConfigs, &resource)?;
        let decide =
            move |state: &ClusterState| Ok(((), state.replace_configs(&resource, &values)?));
        if validate_only {
            return decide(&self.table().state).map(|_| ());
        }
        self.shared.metadata.propose(decide).await.map(|_| ())
    }

    /// Takes over what file, environment and flags set now. What cannot change while the broker runs
    /// has to be as it was.
    pub async fn reload(&self, statics: Overrides) -> Result<(), BrokerError> {
        check_statics(&statics)?;
        self.shared.builder.set_statics(statics);
        // A proposal that changes nothing has the newest table shown.
        self.shared.metadata.propose(|_| Ok(((), Vec::new()))).await.map(|_| ())
    }

    /// A broker's integer setting as it is in force; 0 for an unknown name or a null.
    pub fn setting_int(&self, name: &str) -> i64 {
        self.with_own_layers(|layers| layers.broker_int(name))
    }

    /// A broker's boolean setting as it is in force; false for an unknown name or a null.
    pub fn setting_bool(&self, name: &str) -> bool {
        self.with_own_layers(|layers| layers.broker_bool(name))
    }

    /// A broker's setting as it is in force; `None` for an unknown name or a null.
    pub fn setting(&self, name: &str) -> Option<String> {
        self.with_own_layers(|layers| layers.broker_value(name))
    }

    fn with_own_layers<T>(
        &self,
        question: impl FnOnce(&thalweg_cluster::config::Layers<'_>) -> T,
    ) -> T {
        let table = self.table();
        let own = Resource::Broker(self.node());
        question(&table.state.layers(&own, self.node(), &table.statics))
    }
}

/// Refuses what file, environment and flags may not set.
pub(crate) fn check_statics(statics: &Overrides) -> Result<(), BrokerError> {
    for (name, value) in statics {
        check_static(name, value)?;
    }
    Ok(())
}

/// What one broker has for itself does not show in the defaults of all.
fn only_for_all_brokers(lookup: &mut Lookup) {
    lookup.synonyms.retain(|origin| origin.source == Source::AllBrokers);
    if let Some(origin) = lookup.synonyms.first() {
        lookup.value = Some(origin.converted());
        lookup.source = Source::AllBrokers;
    }
}
