//! Each request of the script: how it is built for a broker, and what in its answer may not differ.

pub mod fetch;
pub mod groups;
pub mod inspect;
pub mod offsets;
pub mod produce;
pub mod topics;
pub mod transactions;

use crate::names::Pid;

/// A partition of a topic.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
}

impl Place {
    /// A partition of a topic.
    pub fn new(topic: impl Into<String>, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// Who asks, with what claim to be who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The transactional id.
    pub id: String,
    /// The producer id.
    pub producer: Pid,
    /// Its epoch.
    pub epoch: i16,
}

/// Items of partitions, gathered by topic in the order in which topics come first.
fn by_topic<T>(items: &[T], place: impl Fn(&T) -> &Place) -> Vec<(String, Vec<&T>)> {
    let mut topics: Vec<(String, Vec<&T>)> = Vec::new();
    for item in items {
        let topic = &place(item).topic;
        match topics.iter_mut().find(|(known, _)| known == topic) {
            Some((_, items)) => items.push(item),
            None => topics.push((topic.clone(), vec![item])),
        }
    }
    topics
}
