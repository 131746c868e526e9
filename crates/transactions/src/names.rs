//! Who writes, and where to.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use thalweg_types::TopicName;

/// The partitions of a transaction, by topic. Kafka's records name topics, so a topic that is deleted
/// and created again is the same topic here.
pub type Partitions = BTreeMap<TopicName, BTreeSet<i32>>;

/// `transactional.id`: the name that a producer keeps across restarts. Cheap to clone.
///
/// Not empty, and short enough for the 16-bit length of Kafka's records.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionalId(Arc<str>);

/// Why a string is no transactional id. Kafka answers `INVALID_REQUEST`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a transactional id has 1 to 32767 bytes")]
pub struct InvalidTransactionalId;

impl TransactionalId {
    /// Checks `name`.
    pub fn new(name: &str) -> Result<Self, InvalidTransactionalId> {
        let legal = 1..=i16::MAX as usize;
        if legal.contains(&name.len()) {
            Ok(Self(name.into()))
        } else {
            Err(InvalidTransactionalId)
        }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for TransactionalId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TransactionalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Adds `more` to `partitions`.
pub(crate) fn add_all(partitions: &mut Partitions, more: &Partitions) {
    for (topic, numbers) in more {
        partitions.entry(topic.clone()).or_default().extend(numbers);
    }
}

/// Takes `fewer` out of `partitions`; topics without partitions go with them.
pub(crate) fn remove_all(partitions: &mut Partitions, fewer: &Partitions) {
    for (topic, numbers) in fewer {
        let Some(remaining) = partitions.get_mut(topic) else { continue };
        remaining.retain(|number| !numbers.contains(number));
        if remaining.is_empty() {
            partitions.remove(topic);
        }
    }
}

/// What of `fewer` is in `partitions`.
pub(crate) fn common(partitions: &Partitions, fewer: &Partitions) -> Partitions {
    let mut both = Partitions::new();
    for (topic, numbers) in fewer {
        let Some(known) = partitions.get(topic) else { continue };
        let shared: BTreeSet<_> = known.intersection(numbers).copied().collect();
        if !shared.is_empty() {
            both.insert(topic.clone(), shared);
        }
    }
    both
}

/// True if `partitions` has the partition `number` of `topic`.
pub(crate) fn contains(partitions: &Partitions, topic: &TopicName, number: i32) -> bool {
    partitions.get(topic).is_some_and(|numbers| numbers.contains(&number))
}

/// True if `partitions` has all of `fewer`.
pub(crate) fn contains_all(partitions: &Partitions, fewer: &Partitions) -> bool {
    fewer
        .iter()
        .all(|(topic, numbers)| numbers.iter().all(|number| contains(partitions, topic, *number)))
}
