//! Changing configurations: all of them, or one by one (KIP-339).

use std::collections::{BTreeMap, BTreeSet};

use super::catalogue::{Scope, check_value, known, refusal};
use super::check::{boolean, elements, integer};
use super::lookup::Overrides;
use super::setting::{Setting, Type, Update};
use crate::{ClusterError, Resource};

/// What to do to one setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Give it the value.
    Set,
    /// Take its value away, so that the default counts.
    Delete,
    /// Add the value's elements to a list.
    Append,
    /// Remove the value's elements from a list.
    Subtract,
}

impl Operation {
    const fn name(self) -> &'static str {
        match self {
            Self::Set => "SET",
            Self::Delete => "DELETE",
            Self::Append => "APPEND",
            Self::Subtract => "SUBTRACT",
        }
    }
}

/// One change of `IncrementalAlterConfigs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alteration {
    /// The setting's name.
    pub name: String,
    /// What to do.
    pub operation: Operation,
    /// With what; ignored by [`Operation::Delete`].
    pub value: Option<String>,
}

/// What `current` becomes by `changes`; nothing is changed if one of them is illegal.
pub(crate) fn alter(
    resource: &Resource,
    current: &Overrides,
    changes: &[Alteration],
) -> Result<Overrides, ClusterError> {
    let mut names = BTreeSet::new();
    let mut altered = current.clone();
    for change in changes {
        if !names.insert(change.name.as_str()) {
            return Err(ClusterError::DuplicateConfig(change.name.clone()));
        }
        if change.operation == Operation::Delete {
            altered.remove(&change.name);
            continue;
        }
        let setting = changeable(resource, &change.name)?;
        let value = new_value(setting, current, change)?;
        check_value(setting, &value)?;
        altered.insert(change.name.clone(), value);
    }
    validate_together(resource, &altered)?;
    Ok(altered)
}

/// The overrides after a replacement of all of them (`AlterConfigs`).
pub(crate) fn replace(
    resource: &Resource,
    values: &BTreeMap<String, Option<String>>,
) -> Result<Overrides, ClusterError> {
    let mut replaced = Overrides::new();
    for (name, value) in values {
        let setting = changeable(resource, name)?;
        let value = value.as_deref().ok_or_else(|| ClusterError::NullConfig(name.clone()))?;
        check_value(setting, value)?;
        replaced.insert(name.clone(), value.to_owned());
    }
    validate_together(resource, &replaced)?;
    Ok(replaced)
}

/// Checks what a new topic is to be configured with.
pub(crate) fn validate_topic(values: &Overrides) -> Result<(), ClusterError> {
    for (name, value) in values {
        check_value(known(Scope::Topic, name)?, value)?;
    }
    validate_topic_together(values)
}

/// The setting, if it can change for that resource.
fn changeable(resource: &Resource, name: &str) -> Result<&'static Setting, ClusterError> {
    let scope = resource.scope();
    if let (Scope::Broker, Some(refusal)) = (scope, refusal(name)) {
        return Err(ClusterError::RefusedConfig {
            name: name.to_owned(),
            because: refusal.because,
        });
    }
    let setting = known(scope, name)?;
    match (resource, setting.update) {
        (Resource::Broker(_) | Resource::AllBrokers, Update::ReadOnly) => {
            Err(ClusterError::ReadOnlyConfig(setting.name))
        }
        (Resource::AllBrokers, Update::PerBroker) => {
            Err(ClusterError::PerBrokerConfig(setting.name))
        }
        _ => Ok(setting),
    }
}

fn new_value(
    setting: &Setting,
    current: &Overrides,
    change: &Alteration,
) -> Result<String, ClusterError> {
    let value =
        change.value.as_deref().ok_or_else(|| ClusterError::NullConfig(change.name.clone()))?;
    if change.operation == Operation::Set {
        return Ok(value.to_owned());
    }
    if setting.value_type != Type::List {
        return Err(ClusterError::NotAList {
            operation: change.operation.name(),
            name: setting.name,
        });
    }
    // Without a value of its own a list starts from the catalogue's default, as in Kafka.
    let base = current.get(setting.name).map(String::as_str).or(setting.default).unwrap_or("");
    let mut list: Vec<&str> = elements(base).collect();
    for element in elements(value) {
        list.retain(|other| change.operation == Operation::Append || *other != element);
        if change.operation == Operation::Append && !list.contains(&element) {
            list.push(element);
        }
    }
    Ok(list.join(","))
}

fn validate_together(resource: &Resource, values: &Overrides) -> Result<(), ClusterError> {
    match resource {
        Resource::Topic(_) => validate_topic_together(values),
        _ => Ok(()),
    }
}

/// What no single value shows.
fn validate_topic_together(values: &Overrides) -> Result<(), ClusterError> {
    let number =
        |name: &str, default| values.get(name).and_then(|value| integer(value)).unwrap_or(default);
    let least = number("min.compaction.lag.ms", 0);
    let most = number("max.compaction.lag.ms", i64::MAX);
    if least > most {
        return Err(ClusterError::ConfigConflict(format!(
            "conflict between topic config setting min.compaction.lag.ms ({least}) and \
             max.compaction.lag.ms ({most})"
        )));
    }
    if values.get("remote.storage.enable").and_then(|value| boolean(value)) == Some(true) {
        return Err(ClusterError::ConfigConflict(
            "remote.storage.enable cannot be true: records are not copied to a remote store yet"
                .to_owned(),
        ));
    }
    Ok(())
}
