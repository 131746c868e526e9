//! What compaction may have taken from a partition: records with a key that a later one has too.

use std::collections::BTreeMap;

use crate::Value;

#[derive(Default)]
pub(crate) struct Compaction {
    keyed: BTreeMap<Value, Keyed>,
    /// The last offset known of each key.
    latest: BTreeMap<u64, i64>,
    /// Tombstones of each key of which nobody has heard. They take what is before them, and then go.
    open_tombstones: BTreeMap<u64, u32>,
    /// Records that each consumer missed, until it has seen what is behind them.
    doubts: BTreeMap<u32, Vec<(i64, Value)>>,
}

#[derive(Clone, Copy)]
struct Keyed {
    key: u64,
    tombstone: bool,
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
    pub(crate) fn sent(&mut self, value: Value, key: u64, tombstone: bool) {
        self.keyed.insert(value, Keyed { key, tombstone });
        if tombstone {
            *self.open_tombstones.entry(key).or_default() += 1;
        }
    }

    /// The record was refused, or its offset is known.
    pub(crate) fn settled(&mut self, value: Value) {
        let Some(Keyed { key, tombstone: true }) = self.keyed.get(&value) else { return };
        if let Some(open) = self.open_tombstones.get_mut(key) {
            *open = open.saturating_sub(1);
        }
    }

    pub(crate) fn stands_at(&mut self, value: Value, offset: i64) {
        if let Some(keyed) = self.keyed.get(&value) {
            let latest = self.latest.entry(keyed.key).or_insert(offset);
            *latest = offset.max(*latest);
        }
    }

    pub(crate) fn excuse(&self, value: Value, offset: i64) -> Excuse {
        let Some(keyed) = self.keyed.get(&value) else { return Excuse::None };
        let followed = self.latest.get(&keyed.key).is_some_and(|latest| *latest > offset);
        let deleted = self.open_tombstones.get(&keyed.key).is_some_and(|open| *open > 0);
        if followed || deleted || keyed.tombstone { Excuse::Taken } else { Excuse::Perhaps }
    }

    pub(crate) fn doubt(&mut self, consumer: u32, offset: i64, value: Value) {
        self.doubts.entry(consumer).or_default().push((offset, value));
    }

    /// What `consumer` missed so far: it goes elsewhere, or has come to the end.
    pub(crate) fn take_doubts(&mut self, consumer: u32) -> Vec<(i64, Value)> {
        self.doubts.remove(&consumer).unwrap_or_default()
    }
}
