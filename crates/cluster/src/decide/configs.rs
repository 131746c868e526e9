//! Changing settings.

use std::collections::BTreeMap;

use crate::config::{self, Alteration, Overrides};
use crate::{ClusterError, ClusterState, Record, Resource};

impl ClusterState {
    /// Changes settings one by one (`IncrementalAlterConfigs`). Without records nothing changes.
    pub fn alter_configs(
        &self,
        resource: &Resource,
        changes: &[Alteration],
    ) -> Result<Vec<Record>, ClusterError> {
        self.check_resource(resource)?;
        let altered = config::alter(resource, self.overrides(resource), changes)?;
        Ok(self.differences(resource, &altered))
    }

    /// Sets these values and no others (`AlterConfigs`).
    pub fn replace_configs(
        &self,
        resource: &Resource,
        values: &BTreeMap<String, Option<String>>,
    ) -> Result<Vec<Record>, ClusterError> {
        self.check_resource(resource)?;
        let replaced = config::replace(resource, values)?;
        Ok(self.differences(resource, &replaced))
    }

    fn check_resource(&self, resource: &Resource) -> Result<(), ClusterError> {
        match resource {
            Resource::Topic(name) if self.topic(name.as_str()).is_none() => {
                Err(ClusterError::UnknownTopic(name.to_string()))
            }
            Resource::Broker(id) if self.broker(*id).is_none() => {
                Err(ClusterError::UnknownBroker(*id))
            }
            Resource::Group(name) if name.is_empty() => Err(ClusterError::UnnamedGroup),
            _ => Ok(()),
        }
    }

    /// The records that lead from a resource's settings to `target`.
    fn differences(&self, resource: &Resource, target: &Overrides) -> Vec<Record> {
        let current = self.overrides(resource);
        let record = |name: &String, value: Option<&String>| Record::ConfigChanged {
            resource: resource.clone(),
            name: name.clone(),
            value: value.cloned(),
        };
        let gone = current.keys().filter(|name| !target.contains_key(*name));
        let set = target.iter().filter(|(name, value)| current.get(*name) != Some(value));
        let gone = gone.map(|name| record(name, None));
        gone.chain(set.map(|(name, value)| record(name, Some(value)))).collect()
    }
}
