//! The differences that are known and argued: `known.toml`.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::answer::Difference;
use crate::failure::Failure;

/// The apis that may differ at all: the rest is what every client stands on.
const MAY_DIFFER: [&str; 4] =
    ["DescribeProducers", "DescribeTransactions", "ListTransactions", "WriteTxnMarkers"];

/// One known difference.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The api.
    pub api: String,
    /// The kind of field: the last part of its path.
    pub field: String,
    /// What Kafka says.
    pub kafka: String,
    /// What Thalweg says.
    pub thalweg: String,
    /// Why that is right.
    pub why: String,
}

/// All known differences, and how often each was met.
#[derive(Debug)]
pub struct Known {
    entries: Vec<Entry>,
    met: BTreeMap<usize, u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    difference: Vec<Entry>,
}

impl Known {
    /// Those of this crate.
    pub fn load() -> Result<Self, Failure> {
        Self::parse(include_str!("../known.toml"))
    }

    fn parse(text: &str) -> Result<Self, Failure> {
        let file: File = toml::from_str(text).map_err(|error| Failure::Known(error.to_string()))?;
        for Entry { api, why, .. } in &file.difference {
            if !MAY_DIFFER.contains(&api.as_str()) {
                return Err(Failure::Known(format!("{api} must not differ from Kafka")));
            }
            if why.is_empty() {
                return Err(Failure::Known(format!("a difference of {api} is not argued")));
            }
        }
        Ok(Self { entries: file.difference, met: BTreeMap::new() })
    }

    /// True if the difference is known; it counts as met.
    pub fn covers(&mut self, api: &str, found: &Difference) -> bool {
        let same = |entry: &Entry| {
            entry.api == api
                && entry.field == found.field()
                && entry.kafka == found.kafka
                && entry.thalweg == found.thalweg
        };
        let Some(at) = self.entries.iter().position(same) else { return false };
        *self.met.entry(at).or_default() += 1;
        true
    }

    /// Each entry, and how often it was met.
    pub fn entries(&self) -> impl Iterator<Item = (&Entry, u64)> {
        let met = |at| self.met.get(&at).copied().unwrap_or_default();
        self.entries.iter().enumerate().map(move |(at, entry)| (entry, met(at)))
    }
}

#[cfg(test)]
mod tests {
    use super::Known;

    #[test]
    fn the_list_is_argued_and_names_no_api_that_must_agree() {
        Known::load().unwrap();
        let of = |api: &str, why: &str| {
            let text = format!(
                "[[difference]]\napi = '{api}'\nfield = 'f'\nkafka = '1'\nthalweg = '2'\nwhy = '{why}'"
            );
            Known::parse(&text)
        };
        assert!(of("WriteTxnMarkers", "because").is_ok());
        assert!(of("WriteTxnMarkers", "").is_err());
        assert!(of("Produce", "because").is_err());
    }
}
