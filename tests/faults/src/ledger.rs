//! Topics that come and go: an acknowledged creation or deletion must stand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::{MutexGuard, PoisonError};

use crate::history::History;

/// What is known of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Creating,
    Live,
    Deleting,
    Deleted,
}

/// The topics that were ever asked for.
#[derive(Default)]
pub struct Ledger(Mutex<BTreeMap<String, State>>);

impl Ledger {
    /// A topic is about to be created.
    pub fn create(&self, topic: &str) {
        self.set(topic, State::Creating);
    }

    /// Its creation was acknowledged.
    pub fn created(&self, topic: &str) {
        self.set(topic, State::Live);
    }

    /// A topic is about to be deleted.
    pub fn delete(&self, topic: &str) {
        self.set(topic, State::Deleting);
    }

    /// Its deletion was acknowledged.
    pub fn deleted(&self, topic: &str) {
        self.set(topic, State::Deleted);
    }

    /// Compares with the topics that there are, which settles what was open.
    pub fn audit(&self, found: &BTreeSet<String>, history: &History) {
        for (topic, state) in self.lock().iter_mut() {
            let there = found.contains(topic);
            match (*state, there) {
                (State::Live, false) => history.accuse(format!("topic {topic} was lost")),
                (State::Deleted, true) => history.accuse(format!("topic {topic} came back")),
                _ => {}
            }
            *state = if there { State::Live } else { State::Deleted };
        }
        for topic in found {
            if !self.lock().contains_key(topic) {
                history.accuse(format!("topic {topic} was never created"));
            }
        }
    }

    /// The topics that are there for certain.
    pub fn live(&self) -> Vec<String> {
        let topics = self.lock();
        let live = topics.iter().filter(|(_, state)| **state == State::Live);
        live.map(|(topic, _)| topic.clone()).collect()
    }

    /// True if the topic is there for certain.
    pub fn is_live(&self, topic: &str) -> bool {
        self.lock().get(topic) == Some(&State::Live)
    }

    fn set(&self, topic: &str, state: State) {
        self.lock().insert(topic.to_owned(), state);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_acknowledged_must_stand() {
        let (ledger, history) = (Ledger::default(), History::default());
        ledger.create("a");
        ledger.create("b");
        ledger.created("b");
        ledger.audit(&BTreeSet::from(["b".to_owned()]), &history);
        assert!(history.is_clean());
        ledger.delete("b");
        ledger.audit(&BTreeSet::from(["b".to_owned()]), &history);
        assert!(history.is_clean());
        ledger.audit(&BTreeSet::new(), &history);
        assert_eq!(history.finish().found, 1);
    }

    #[test]
    fn what_was_deleted_must_not_come_back() {
        let (ledger, history) = (Ledger::default(), History::default());
        ledger.deleted("a");
        ledger.audit(&BTreeSet::from(["a".to_owned()]), &history);
        assert_eq!(history.finish().found, 1);
    }
}
