//! What the broker is configured with: Kafka's names, from a file, the environment and flags.
//!
//! Later sources win: the file, variables, `--set`, the flags that have a name of their own. Every
//! value remembers where it comes from, so that an error can name the place to change.

mod error;
mod file;
mod process;
mod source;
#[cfg(test)]
mod tests;
mod variables;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use thalweg_cluster::config::{Overrides, Scope, Update, check_static, find};
use thalweg_env::Env;

pub use error::SettingsError;
pub use process::{LOG_FORMAT, LOG_LEVEL};
pub use source::Source;

/// Where settings come from, apart from the defaults.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// The TOML file.
    pub file: Option<PathBuf>,
    /// The environment.
    pub variables: Vec<(String, String)>,
    /// `--set name=value`.
    pub sets: Vec<(String, String)>,
    /// Flags of their own: flag, setting, value.
    pub flags: Vec<(&'static str, &'static str, String)>,
}

/// A name and a value, not checked yet, and where they were written.
struct Entry {
    name: String,
    value: String,
    source: Source,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Assigned {
    value: String,
    source: Source,
}

/// Settings by name, all of them legal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings(BTreeMap<String, Assigned>);

/// A setting that has another value than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The setting's name.
    pub name: String,
    /// The new value; `None` if it is back at its default.
    pub value: Option<String>,
    /// True if it can change while the broker runs.
    pub dynamic: bool,
}

impl Settings {
    /// Reads all inputs.
    pub fn load(env: &Env, inputs: &Inputs) -> Result<Self, SettingsError> {
        let mut entries = match &inputs.file {
            Some(path) => file::read(env, path)?,
            None => Vec::new(),
        };
        entries.extend(variables::read(&inputs.variables));
        entries.extend(inputs.sets.iter().map(|(name, value)| Entry {
            name: name.clone(),
            value: value.clone(),
            source: Source::Flag("--set"),
        }));
        entries.extend(inputs.flags.iter().map(|(flag, name, value)| Entry {
            name: (*name).to_owned(),
            value: value.clone(),
            source: Source::Flag(flag),
        }));
        let mut settings = Self::default();
        for entry in entries {
            settings.assign(entry)?;
        }
        Ok(settings)
    }

    fn assign(&mut self, Entry { name, value, source }: Entry) -> Result<(), SettingsError> {
        if let Err(reason) = check(&name, &value) {
            return Err(SettingsError::Setting { origin: source, reason });
        }
        self.0.insert(name, Assigned { value, source });
        Ok(())
    }

    /// The value, or the default; empty for a setting that has neither.
    pub fn get(&self, name: &str) -> &str {
        self.given(name).or_else(|| default(name)).unwrap_or_default()
    }

    /// The value, if one was given.
    pub fn given(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|assigned| assigned.value.as_str())
    }

    /// What is given to the broker: everything but the settings of the process.
    pub fn overrides(&self) -> Overrides {
        let broker = self.0.iter().filter(|(name, _)| process::find(name).is_none());
        broker.map(|(name, assigned)| (name.clone(), assigned.value.clone())).collect()
    }

    /// Takes over one setting from `newer`.
    pub fn keep(&mut self, name: &str, newer: &Self) {
        match newer.0.get(name) {
            Some(assigned) => self.0.insert(name.to_owned(), assigned.clone()),
            None => self.0.remove(name),
        };
    }

    /// What is different in `newer`.
    pub fn changes(&self, newer: &Self) -> Vec<Change> {
        let names: BTreeSet<&String> = self.0.keys().chain(newer.0.keys()).collect();
        let changed = names.into_iter().filter(|name| self.given(name) != newer.given(name));
        changed
            .map(|name| Change {
                name: name.clone(),
                value: newer.given(name).map(str::to_owned),
                dynamic: is_dynamic(name),
            })
            .collect()
    }
}

fn check(name: &str, value: &str) -> Result<(), String> {
    match process::find(name) {
        Some(setting) => setting.check(value),
        None => check_static(name, value).map(|_| ()).map_err(|error| error.to_string()),
    }
}

fn default(name: &str) -> Option<&'static str> {
    match process::find(name) {
        Some(setting) => Some(setting.default),
        None => find(Scope::Broker, name)?.default,
    }
}

fn is_dynamic(name: &str) -> bool {
    match process::find(name) {
        Some(setting) => setting.dynamic,
        None => find(Scope::Broker, name).is_some_and(|s| s.update != Update::ReadOnly),
    }
}
