//! What compaction may have taken from a partition: records with a key that a later one has too.

use std::collections::{BTreeMap, BTreeSet};

use crate::Value;
use crate::transactions::Fate;

#[derive(Default)]
pub(crate) struct Compaction {
    keyed: BTreeMap<Value, Keyed>,
    /// The last offset known of each key, apart from what is aborted.
    latest: BTreeMap<u64, i64>,
    /// Records of each key whose transactions may be committed.
    undecided: BTreeMap<u64, BTreeMap<Value, i64>>,
    /// Tombstones of each key of which nobody has heard. They take what is before them, and then go.
    open_tombstones: BTreeMap<u64, BTreeSet<Value>>,
    /// Records that each consumer missed, until it has seen what is behind them.
    doubts: BTreeMap<u32, Vec<(i64, Value)>>,
}

/// What a record means to compaction.
#[derive(Clone, Copy)]
pub(crate) struct Keyed {
    pub key: u64,
    pub tombstone: bool,
}

/// Whether compaction explains that a record is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Excuse {
    /// It does.
    Taken,
    /// It does if a later record of the key turns up.
    Perhaps,
    /// It does not.
    None,
}

impl Compaction {
    /// A record is about to be sent. What is part of a transaction takes nothing before it is known
    /// where it stands.
    pub(crate) fn sent(&mut self, value: Value, keyed: Keyed, in_transaction: bool) {
        self.keyed.insert(value, keyed);
        if keyed.tombstone && !in_transaction {
            self.open_tombstones.entry(keyed.key).or_default().insert(value);
        }
    }

    /// The record was refused, or its offset is known.
    pub(crate) fn settled(&mut self, value: Value) {
        let Some(Keyed { key, tombstone: true }) = self.keyed.get(&value) else { return };
        if let Some(open) = self.open_tombstones.get_mut(key) {
            open.remove(&value);
        }
    }

    /// The record stands at `offset`, and its transaction, if it has one, has come so far.
    pub(crate) fn stands_at(&mut self, value: Value, offset: i64, fate: Option<Fate>) {
        let Some(Keyed { key, .. }) = self.keyed.get(&value).copied() else { return };
        match fate {
            Some(Fate::Open) => {}
            Some(Fate::Asked) => {
                self.undecided.entry(key).or_default().insert(value, offset);
            }
            Some(Fate::Aborted) => self.decided(key, value),
            None | Some(Fate::Seen | Fate::Committed) => {
                self.decided(key, value);
                let latest = self.latest.entry(key).or_insert(offset);
                *latest = offset.max(*latest);
            }
        }
    }

    fn decided(&mut self, key: u64, value: Value) {
        if let Some(undecided) = self.undecided.get_mut(&key) {
            undecided.remove(&value);
        }
    }

    /// True for records of a compacted topic.
    pub(crate) fn knows(&self, value: Value) -> bool {
        self.keyed.contains_key(&value)
    }

    pub(crate) fn excuse(&self, value: Value, offset: i64) -> Excuse {
        let Some(keyed) = self.keyed.get(&value) else { return Excuse::None };
        let key = &keyed.key;
        let followed = self.latest.get(key).is_some_and(|latest| *latest > offset);
        let perhaps = self.undecided.get(key).into_iter().flat_map(BTreeMap::values);
        let overtaken = perhaps.into_iter().any(|other| *other > offset);
        let deleted = self.open_tombstones.get(key).is_some_and(|open| !open.is_empty());
        let taken = followed || overtaken || deleted || keyed.tombstone;
        if taken { Excuse::Taken } else { Excuse::Perhaps }
    }

    pub(crate) fn doubt(&mut self, consumer: u32, offset: i64, value: Value) {
        self.doubts.entry(consumer).or_default().push((offset, value));
    }

    /// What `consumer` missed so far: it goes elsewhere, or has come to the end.
    pub(crate) fn take_doubts(&mut self, consumer: u32) -> Vec<(i64, Value)> {
        self.doubts.remove(&consumer).unwrap_or_default()
    }
}
