//! The audit between two faults: everything that can be read is read, while nobody writes.

use std::collections::BTreeMap;
use std::sync::Arc;

use thalweg_checker::Event;
use thalweg_kafka_wire::ErrorCode;

use crate::admin;
use crate::connection::Connection;
use crate::failure::Failure;
use crate::fetch::{Fetched, Isolation, fetch};
use crate::history::History;

/// A partition and what may be missing in it.
#[derive(Clone, Debug)]
pub struct Place {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// Every offset from the log start has a record; not so in compacted topics.
    pub dense: bool,
    /// The log may start at this offset at the latest; nothing if retention decides.
    pub starts_by: Option<i64>,
    /// The log starts there at least: records below were deleted, and that was acknowledged.
    pub starts_from: i64,
}

/// A reader that knows how far it has read.
pub struct Audit {
    consumer: u32,
    isolation: Isolation,
    positions: BTreeMap<(Arc<str>, i32), i64>,
    /// Records read.
    pub records: u64,
}

impl Audit {
    /// An audit known to the checker as `consumer`.
    pub fn new(consumer: u32) -> Self {
        Self { consumer, isolation: Isolation::Uncommitted, positions: BTreeMap::new(), records: 0 }
    }

    /// One that reads what is committed, and nothing else.
    pub fn of_committed(consumer: u32, history: &History) -> Result<Self, Failure> {
        history.observe(&Event::ReadCommitted { consumer })?;
        Ok(Self { isolation: Isolation::Committed, ..Self::new(consumer) })
    }

    /// Reads a partition to its end: from its start, or from where the last audit ended.
    pub async fn read(
        &mut self,
        connection: &mut Connection,
        place: &Place,
        from_start: bool,
        history: &History,
    ) -> Result<(), Failure> {
        let Place { topic, partition, .. } = place;
        let Some((start, end)) = admin::bounds(connection, topic, *partition).await? else {
            history.accuse(format!("{topic}-{partition} is gone"));
            return Ok(());
        };
        check_start(place, start, history)?;
        let known = self.positions.get(&(topic.clone(), *partition)).copied().unwrap_or(0);
        let from = if from_start { start } else { known.max(start) };
        if from > end {
            history.accuse(format!("{topic}-{partition} ends at {end}, it was read to {from}"));
        }
        let consumer = self.consumer;
        let seek =
            Event::Seek { consumer, topic: (&**topic).into(), partition: *partition, offset: from };
        history.observe(&seek)?;
        self.read_to(connection, place, from, end, history).await?;
        let reached =
            Event::End { consumer, topic: (&**topic).into(), partition: *partition, offset: end };
        history.observe(&reached)?;
        self.positions.insert((topic.clone(), *partition), end);
        Ok(())
    }

    async fn read_to(
        &mut self,
        connection: &mut Connection,
        place: &Place,
        from: i64,
        end: i64,
        history: &History,
    ) -> Result<(), Failure> {
        let mut position = from;
        while position < end {
            let from = [(place.partition, position)];
            let fetched = fetch(connection, &place.topic, &from, 0, self.isolation).await?;
            let fetched = fetched.into_iter().next().ok_or_else(|| nothing(place, position))?;
            if fetched.code != ErrorCode::None || fetched.next <= position {
                history.accuse(format!("{}: {}", nothing(place, position), fetched.code));
                return Ok(());
            }
            self.note(place, position, &fetched, history)?;
            position = fetched.next;
        }
        Ok(())
    }

    fn note(
        &mut self,
        place: &Place,
        position: i64,
        fetched: &Fetched,
        history: &History,
    ) -> Result<(), Failure> {
        let (topic, partition) = (&place.topic, place.partition);
        let mut expected = position;
        for record in &fetched.records {
            if place.dense && record.offset != expected {
                let offset = record.offset;
                history.accuse(format!("{topic}-{partition}: {offset} follows {}", expected - 1));
            }
            expected = record.offset + 1;
            let offset = record.offset;
            let Some(value) = record.value else {
                history.accuse(format!("{topic}-{partition}: foreign bytes at {offset}"));
                continue;
            };
            let (consumer, topic) = (self.consumer, (&**topic).into());
            history.observe(&Event::Read { consumer, topic, partition, offset, value })?;
        }
        self.records += fetched.records.len() as u64;
        Ok(())
    }
}

fn nothing(place: &Place, position: i64) -> Failure {
    Failure::Other(format!("no records from {}-{} at {position}", place.topic, place.partition))
}

/// Compares where a log starts with what was asked for, and excuses what retention took.
fn check_start(place: &Place, start: i64, history: &History) -> Result<(), Failure> {
    let Place { topic, partition, starts_by, starts_from, .. } = place;
    if start < *starts_from {
        history.accuse(format!("{topic}-{partition} starts at {start} again, not {starts_from}"));
    }
    match starts_by {
        Some(latest) if start > *latest => {
            history.accuse(format!("{topic}-{partition} starts at {start}, not by {latest}"));
        }
        Some(_) => {}
        None => history.observe(&Event::Trimmed {
            topic: (&**topic).into(),
            partition: *partition,
            offset: start,
        })?,
    }
    Ok(())
}

/// Compares what a group has committed with what it was told.
pub async fn committed(
    connection: &mut Connection,
    group: &str,
    topic: &str,
    partitions: &[i32],
    history: &History,
) -> Result<(), Failure> {
    admin::find_coordinator(connection, group).await?;
    let found = admin::committed(connection, group, topic, partitions).await?;
    for (partition, offset) in found {
        let (group, topic) = (group.into(), topic.into());
        history.observe(&Event::Committed { group, topic, partition, offset })?;
    }
    Ok(())
}
