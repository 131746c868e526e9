//! The partitions of a session, and what its client has been told of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use thalweg_broker::TopicKey;
use thalweg_types::{LeaderEpoch, Offset, TopicId};

/// A topic as the client names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TopicRef {
    Name(Arc<str>),
    Id(TopicId),
}

impl TopicRef {
    /// The same for the broker.
    pub fn key(&self) -> TopicKey<'_> {
        match self {
            Self::Name(name) => TopicKey::Name(name),
            Self::Id(id) => TopicKey::Id(*id),
        }
    }
}

/// A partition as the client names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PartitionKey {
    pub topic: TopicRef,
    pub partition: i32,
}

/// What a client wants of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub key: PartitionKey,
    pub offset: Offset,
    pub bytes_max: i32,
    pub current_leader_epoch: LeaderEpoch,
    pub last_fetched_epoch: LeaderEpoch,
}

/// What a response can tell of a partition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub has_records: bool,
    /// An error, or another log than the client's: always told, and told again.
    pub is_urgent: bool,
    pub high_watermark: Offset,
    pub log_start: Offset,
}

#[derive(Debug)]
struct Entry {
    wanted: Wanted,
    /// What the last response told, or none.
    high_watermark: Offset,
    log_start: Offset,
}

/// Partitions in the order in which they are read. Those that gave records go to the end, so that
/// the limits of a response do not always hit the same ones.
#[derive(Debug, Default)]
pub(crate) struct SessionPartitions {
    places: BTreeMap<PartitionKey, u64>,
    entries: BTreeMap<u64, Entry>,
    next_place: u64,
}

impl SessionPartitions {
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What is wanted, in the order of reading, each with its place.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (u64, &Wanted)> {
        self.entries.iter().map(|(place, entry)| (*place, &entry.wanted))
    }

    /// Takes a request into account: `wanted` is changed or added, `forgotten` is not wanted any more.
    pub fn update(&mut self, wanted: Vec<Wanted>, forgotten: &[PartitionKey]) {
        for wanted in wanted {
            self.want(wanted);
        }
        for key in forgotten {
            if let Some(place) = self.places.remove(key) {
                self.entries.remove(&place);
            }
        }
    }

    fn want(&mut self, wanted: Wanted) {
        let known = self.places.get(&wanted.key).and_then(|place| self.entries.get_mut(place));
        if let Some(entry) = known {
            entry.wanted = wanted;
            return;
        }
        self.places.insert(wanted.key.clone(), self.next_place);
        let entry = Entry { wanted, high_watermark: Offset::NONE, log_start: Offset::NONE };
        self.entries.insert(self.next_place, entry);
        self.next_place += 1;
    }

    /// Remembers what is seen of the partition at `place`; true if the client does not know it yet.
    pub fn tell(&mut self, place: u64, seen: Seen) -> bool {
        let Some(entry) = self.entries.get_mut(&place) else { return false };
        let is_new = seen.has_records
            || seen.is_urgent
            || entry.high_watermark != seen.high_watermark
            || entry.log_start != seen.log_start;
        // After an error the client is told again, whatever comes.
        entry.high_watermark = if seen.is_urgent { Offset::NONE } else { seen.high_watermark };
        entry.log_start = seen.log_start;
        if seen.has_records {
            self.move_to_end(place);
        }
        is_new
    }

    fn move_to_end(&mut self, place: u64) {
        let Some(entry) = self.entries.remove(&place) else { return };
        if let Some(known) = self.places.get_mut(&entry.wanted.key) {
            *known = self.next_place;
        }
        self.entries.insert(self.next_place, entry);
        self.next_place += 1;
    }
}
