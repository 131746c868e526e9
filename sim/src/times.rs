//! Offsets by time: what a look-up has to find, from what a reader has seen of every record.

use std::collections::BTreeMap;

use thalweg_types::{Offset, Timestamp};

/// Offset and timestamp of every record of a topic, as read from its start to its end.
#[derive(Default)]
pub(crate) struct Times(BTreeMap<i32, Vec<(i64, Timestamp)>>);

impl Times {
    /// A record was read.
    pub fn note(&mut self, partition: i32, offset: i64, timestamp: Timestamp) {
        self.0.entry(partition).or_default().push((offset, timestamp));
    }

    /// The timestamp of one of the records, or one close to it.
    pub fn any(&self, partition: i32, random: &mut fastrand::Rng) -> Timestamp {
        let records = self.records(partition);
        let chosen = random.choice(records).map_or(0, |(_, timestamp)| timestamp.0);
        Timestamp(chosen + random.i64(-1..=1))
    }

    /// The first record at or after `timestamp`.
    pub fn at_or_after(&self, partition: i32, timestamp: Timestamp) -> i64 {
        self.first(partition, |found| found >= timestamp)
    }

    /// The first record with the largest timestamp.
    pub fn largest(&self, partition: i32) -> i64 {
        let largest = self.records(partition).iter().map(|(_, timestamp)| *timestamp).max();
        self.first(partition, |found| Some(found) == largest)
    }

    fn first(&self, partition: i32, fits: impl Fn(Timestamp) -> bool) -> i64 {
        let found = self.records(partition).iter().find(|(_, timestamp)| fits(*timestamp));
        found.map_or(Offset::NONE.0, |(offset, _)| *offset)
    }

    fn records(&self, partition: i32) -> &[(i64, Timestamp)] {
        self.0.get(&partition).map_or(&[], Vec::as_slice)
    }
}
