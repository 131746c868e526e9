//! The tables, and how to find an entry in them.

mod acls;
mod cluster;
mod groups;
mod inert;
mod log;
mod network;
mod own;
mod refused;
mod topic;
mod transactions;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::setting::Setting;
use super::suggest::suggest;
use crate::ClusterError;

pub use refused::{Refusal, refusal};

/// What a setting belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// A topic.
    Topic,
    /// A broker, or all of them.
    Broker,
    /// A consumer, share or streams group.
    Group,
}

impl Scope {
    /// The name in error texts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::Broker => "broker",
            Self::Group => "group",
        }
    }
}

pub(super) const TABLES: &[(Scope, &[Setting])] = &[
    (Scope::Topic, topic::SETTINGS),
    (Scope::Group, groups::OF_A_GROUP),
    (Scope::Broker, acls::SETTINGS),
    (Scope::Broker, cluster::SETTINGS),
    (Scope::Broker, groups::SETTINGS),
    (Scope::Broker, inert::SETTINGS),
    (Scope::Broker, log::SETTINGS),
    (Scope::Broker, network::SETTINGS),
    (Scope::Broker, own::SETTINGS),
    (Scope::Broker, transactions::SETTINGS),
];

type ByName = BTreeMap<(Scope, &'static str), &'static Setting>;

static CATALOGUE: LazyLock<ByName> = LazyLock::new(|| {
    let entries = TABLES
        .iter()
        .flat_map(|(scope, table)| table.iter().map(|setting| ((*scope, setting.name), setting)));
    entries.collect()
});

/// The setting of that name.
pub fn find(scope: Scope, name: &str) -> Option<&'static Setting> {
    CATALOGUE.get(&(scope, name)).copied()
}

/// All settings of a scope, sorted by name.
pub fn settings(scope: Scope) -> impl Iterator<Item = &'static Setting> {
    CATALOGUE.range((scope, "")..).take_while(move |((of, _), _)| *of == scope).map(|(_, s)| *s)
}

/// The setting of that name, or an error that suggests the nearest one.
pub(super) fn known(scope: Scope, name: &str) -> Result<&'static Setting, ClusterError> {
    find(scope, name).ok_or_else(|| ClusterError::UnknownConfig {
        scope: scope.name(),
        name: name.to_owned(),
        suggestion: suggest(scope, name),
    })
}

/// Checks a broker's setting from a file, a variable or a flag.
pub fn check_static(name: &str, value: &str) -> Result<&'static Setting, ClusterError> {
    if let Some(refusal) = refusal(name) {
        return Err(ClusterError::RefusedConfig {
            name: name.to_owned(),
            because: refusal.because,
        });
    }
    let setting = known(Scope::Broker, name)?;
    check_value(setting, value)?;
    Ok(setting)
}

pub(super) fn check_value(setting: &Setting, value: &str) -> Result<(), ClusterError> {
    setting.check_value(value).map_err(|reason| ClusterError::InvalidConfig {
        name: setting.name,
        value: if setting.is_sensitive() { "[hidden]".to_owned() } else { shortened(value) },
        reason,
    })
}

/// Enough of a value to recognise it; a client may send megabytes.
fn shortened(value: &str) -> String {
    const SHOWN_MAX: usize = 100;
    value.chars().take(SHOWN_MAX).collect()
}
