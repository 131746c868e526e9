//! What administrators were told, to be held against what the broker knows at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thalweg_types::{ProducerId, TopicId};

use crate::counts::Counts;

/// Facts that the broker has confirmed, or may have taken. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Ledger(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    producer_ids: BTreeSet<ProducerId>,
    topics: BTreeMap<String, Presence>,
    configs: BTreeMap<(String, String), BTreeSet<String>>,
    counts: Counts,
    /// Producer ids whose transactions each have an epoch of their own.
    bumping: BTreeSet<ProducerId>,
}

/// Whether a topic is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// Certainly, with this id and at least so many partitions.
    Here(TopicId, i32),
    /// Certainly not.
    Gone,
    /// The last change of it was never confirmed.
    Unclear,
}

impl Ledger {
    /// Notes a producer id; false if it was given out before.
    pub fn is_new_producer_id(&self, id: ProducerId) -> bool {
        self.inner().producer_ids.insert(id)
    }

    /// Notes what is known of a topic.
    pub fn topic(&self, name: &str, presence: Presence) {
        self.inner().topics.insert(name.to_owned(), presence);
    }

    /// What is known of a topic.
    pub fn presence(&self, name: &str) -> Presence {
        self.inner().topics.get(name).copied().unwrap_or(Presence::Gone)
    }

    /// All topics of which something is known.
    pub fn topics(&self) -> Vec<(String, Presence)> {
        self.inner().topics.iter().map(|(name, presence)| (name.clone(), *presence)).collect()
    }

    /// A setting, of `default` at first, is about to get a value, so that it may have it from now on.
    pub fn config_asked(&self, topic: &str, name: &str, default: &str, value: &str) {
        let key = (topic.to_owned(), name.to_owned());
        let mut inner = self.inner();
        let values = inner.configs.entry(key).or_insert_with(|| [default.to_owned()].into());
        values.insert(value.to_owned());
    }

    /// The setting has the value, and none that was asked for before.
    pub fn config_set(&self, topic: &str, name: &str, value: &str) {
        let key = (topic.to_owned(), name.to_owned());
        self.inner().configs.insert(key, BTreeSet::from([value.to_owned()]));
    }

    /// Each setting that was touched, and the values that it may have.
    pub fn configs(&self) -> Vec<(String, String, BTreeSet<String>)> {
        let inner = self.inner();
        let known = inner.configs.iter();
        known.map(|((topic, name), values)| (topic.clone(), name.clone(), values.clone())).collect()
    }

    /// Markers of this producer have a greater epoch than what they end (KIP-890).
    pub fn bumps(&self, id: ProducerId) {
        self.inner().bumping.insert(id);
    }

    /// Whether they have.
    pub fn is_bumping(&self, id: ProducerId) -> bool {
        self.inner().bumping.contains(&id)
    }

    /// Counts something that clients were told.
    pub fn count(&self, what: &'static str) {
        self.inner().counts.add(what, 1);
    }

    /// What was counted.
    pub fn counts(&self) -> Counts {
        self.inner().counts.clone()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
