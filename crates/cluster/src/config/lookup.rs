//! Which of several values counts, and where it comes from.

use std::collections::BTreeMap;

use super::catalogue::{Scope, find, settings};
use super::check;
use super::setting::{Setting, Update};

/// Values by the names of their settings.
pub type Overrides = BTreeMap<String, String>;

/// Where a value comes from (`DescribeConfigsResponse.ConfigSource`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Set for the topic.
    Topic,
    /// Set for the group.
    Group,
    /// Set for this broker while it runs.
    Broker,
    /// Set for all brokers while they run.
    AllBrokers,
    /// From the broker's file, environment or flags.
    Static,
    /// The catalogue's default.
    Default,
}

/// A value that is set somewhere, or a default, under the name that gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The setting, which may be another one that stands in for the one asked for.
    pub name: &'static str,
    /// Its value as it was written.
    pub value: String,
    /// Where it is set.
    pub source: Source,
    /// What the value has to be multiplied by in the terms of the setting asked for.
    factor: i64,
}

/// The values that can reach a topic, a broker or a group.
#[derive(Clone, Copy, Debug)]
pub struct Layers<'a> {
    /// Set for the topic or group itself; empty for a broker.
    pub own: &'a Overrides,
    /// Set for this broker while it runs.
    pub broker: &'a Overrides,
    /// Set for all brokers while they run.
    pub all_brokers: &'a Overrides,
    /// From this broker's file, environment and flags.
    pub statics: &'a Overrides,
}

/// What is known of one setting, with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Lookup {
    /// The catalogue's entry.
    pub setting: &'static Setting,
    /// The value that counts; `None` is Kafka's null.
    pub value: Option<String>,
    /// Where it comes from.
    pub source: Source,
    /// True if it cannot change while the broker runs.
    pub read_only: bool,
    /// Every value for it, the one that counts first.
    pub synonyms: Vec<Origin>,
}

impl Origin {
    /// The value in the terms of the setting asked for: hours as milliseconds, say.
    pub fn converted(&self) -> String {
        match check::integer(&self.value) {
            // Negative values mean "no limit", whatever the unit.
            Some(count) if self.factor != 1 && count < 0 => "-1".to_owned(),
            Some(count) if self.factor != 1 => count.saturating_mul(self.factor).to_string(),
            _ => self.value.clone(),
        }
    }
}

impl Layers<'_> {
    /// All settings of the scope, sorted by name.
    pub fn describe(&self, scope: Scope) -> Vec<Lookup> {
        settings(scope).map(|setting| self.look_up(scope, setting)).collect()
    }

    /// One setting of the scope; `None` if there is no such name.
    pub fn find(&self, scope: Scope, name: &str) -> Option<Lookup> {
        find(scope, name).map(|setting| self.look_up(scope, setting))
    }

    /// The value that counts for a broker's setting, stand-ins considered; `None` is Kafka's null.
    pub fn broker_value(&self, name: &str) -> Option<String> {
        let setting = find(Scope::Broker, name);
        debug_assert!(setting.is_some(), "{name} is not in the catalogue");
        let synonyms = self.broker_synonyms(setting?);
        synonyms.first().map(Origin::converted)
    }

    fn look_up(&self, scope: Scope, setting: &'static Setting) -> Lookup {
        let synonyms = self.synonyms(scope, setting);
        // A broker's setting shows its own value only, as in Kafka: that another one stands in
        // for it is seen in the synonyms.
        let counts = |origin: &&Origin| scope != Scope::Broker || origin.name == setting.name;
        let value = synonyms.first().filter(counts);
        Lookup {
            setting,
            value: value.map(Origin::converted),
            source: value.map_or(Source::Default, |origin| origin.source),
            read_only: scope == Scope::Broker && setting.update == Update::ReadOnly,
            synonyms,
        }
    }

    /// Every value for a setting, the one that counts first.
    pub(super) fn synonyms(&self, scope: Scope, setting: &'static Setting) -> Vec<Origin> {
        let own = match scope {
            Scope::Broker => return self.broker_synonyms(setting),
            Scope::Topic => Source::Topic,
            Scope::Group => Source::Group,
        };
        let mut origins = Vec::new();
        origins.extend(origin(setting.name, self.own, own));
        match setting.inherits.and_then(|name| find(Scope::Broker, name)) {
            Some(broker) => origins.extend(self.broker_synonyms(broker)),
            None => origins.extend(default(setting)),
        }
        origins
    }

    fn broker_synonyms(&self, setting: &'static Setting) -> Vec<Origin> {
        let mut origins = self.broker_origins(setting);
        for fallback in setting.fallbacks {
            let Some(other) = find(Scope::Broker, fallback.name) else { continue };
            let stand_ins = self.broker_origins(other).into_iter();
            origins.extend(stand_ins.map(|origin| Origin { factor: fallback.factor, ..origin }));
        }
        origins
    }

    fn broker_origins(&self, setting: &'static Setting) -> Vec<Origin> {
        let layers = [
            (self.broker, Source::Broker),
            (self.all_brokers, Source::AllBrokers),
            (self.statics, Source::Static),
        ];
        let set =
            layers.into_iter().filter_map(|(layer, source)| origin(setting.name, layer, source));
        set.chain(default(setting)).collect()
    }
}

fn origin(name: &'static str, layer: &Overrides, source: Source) -> Option<Origin> {
    let value = layer.get(name)?.clone();
    Some(Origin { name, value, source, factor: 1 })
}

fn default(setting: &'static Setting) -> Option<Origin> {
    let value = setting.default?.to_owned();
    Some(Origin { name: setting.name, value, source: Source::Default, factor: 1 })
}
