//! The topics of a run: one of each kind that the log treats differently.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use fastrand::Rng;
use thalweg_checker::Event;

use crate::admin;
use crate::audit::Place;
use crate::connection::Connection;
use crate::failure::Failure;
use crate::history::History;
use crate::ledger::Ledger;
use crate::producer::Lane;

/// Kept whole; read by groups.
pub const KEPT: &str = "kept";
/// Cut at its start by orders to delete records.
const CUT: &str = "cut";
/// Cut at its start by retention.
const RETAINED: &str = "retained";
/// Compacted.
const COMPACTED: &str = "compacted";
/// Names of topics that are deleted again begin so.
const DOOMED: &str = "doomed-";
/// Partitions of the topic that groups read.
pub const KEPT_PARTITIONS: i32 = 6;
const OTHER_PARTITIONS: i32 = 2;
const KEYS: u64 = 300;
/// Further than any record of a topic that is deleted.
const BEYOND_ALL: i64 = 10_000_000;

/// Orders to delete records of one partition.
#[derive(Clone, Copy, Debug, Default)]
struct Cut {
    asked: i64,
    acked: i64,
}

/// All topics of a run.
#[derive(Default)]
pub struct Topics {
    ledger: Ledger,
    cuts: Mutex<BTreeMap<i32, Cut>>,
}

impl Topics {
    /// Creates the topics that stay.
    pub async fn create(&self, connection: &mut Connection) -> Result<(), Failure> {
        for (topic, partitions, configs) in [
            (KEPT, KEPT_PARTITIONS, &[("retention.ms", "-1")][..]),
            (CUT, OTHER_PARTITIONS, &[("retention.ms", "-1")]),
            (
                RETAINED,
                OTHER_PARTITIONS,
                &[("retention.bytes", "300000"), ("segment.bytes", "1048576")],
            ),
            (
                COMPACTED,
                OTHER_PARTITIONS,
                &[
                    ("cleanup.policy", "compact"),
                    ("min.cleanable.dirty.ratio", "0.05"),
                    ("segment.bytes", "1048576"),
                    ("segment.ms", "500"),
                    ("delete.retention.ms", "1000"),
                ],
            ),
        ] {
            self.create_one(connection, topic, partitions, configs).await?;
        }
        Ok(())
    }

    async fn create_one(
        &self,
        connection: &mut Connection,
        topic: &str,
        partitions: i32,
        configs: &[(&str, &str)],
    ) -> Result<(), Failure> {
        self.ledger.create(topic);
        admin::create_topic(connection, topic, partitions, configs).await?;
        self.ledger.created(topic);
        Ok(())
    }

    /// Creates a topic that will be deleted again; returns its partitions.
    pub async fn create_doomed(
        &self,
        connection: &mut Connection,
        number: u64,
    ) -> Result<Vec<Lane>, Failure> {
        let topic = doomed(number);
        self.create_one(connection, &topic, OTHER_PARTITIONS, &[]).await?;
        Ok(lanes(&topic, OTHER_PARTITIONS, None).collect())
    }

    /// Deletes such a topic, if it is there; false if it is not.
    pub async fn delete_doomed(
        &self,
        connection: &mut Connection,
        number: u64,
        history: &History,
    ) -> Result<bool, Failure> {
        let topic = doomed(number);
        if !self.ledger.is_live(&topic) {
            return Ok(false);
        }
        self.ledger.delete(&topic);
        for partition in 0..OTHER_PARTITIONS {
            let topic = topic.as_str().into();
            history.observe(&Event::Trimmed { topic, partition, offset: BEYOND_ALL })?;
        }
        admin::delete_topic(connection, &topic).await?;
        self.ledger.deleted(&topic);
        Ok(true)
    }

    /// Has some records deleted at the start of a partition of the cut topic.
    pub async fn cut(
        &self,
        connection: &mut Connection,
        history: &History,
        random: &mut Rng,
    ) -> Result<(), Failure> {
        let partition = random.i32(0..OTHER_PARTITIONS);
        let Some((start, end)) = admin::bounds(connection, CUT, partition).await? else {
            return Err(Failure::Other(format!("{CUT}-{partition} is gone")));
        };
        let offset = start + random.i64(0..=(end - start) / 2);
        self.with_cut(partition, |cut| cut.asked = cut.asked.max(offset));
        history.observe(&Event::Trimmed { topic: CUT.into(), partition, offset })?;
        let start = admin::delete_records(connection, CUT, partition, offset).await?;
        self.with_cut(partition, |cut| cut.acked = cut.acked.max(start));
        Ok(())
    }

    fn with_cut<T>(&self, partition: i32, change: impl FnOnce(&mut Cut) -> T) -> T {
        let mut cuts = self.cuts.lock().unwrap_or_else(PoisonError::into_inner);
        change(cuts.entry(partition).or_default())
    }

    /// Compares the topics that there are with those that there should be.
    pub async fn audit(
        &self,
        connection: &mut Connection,
        history: &History,
    ) -> Result<(), Failure> {
        let found = admin::topics(connection).await?;
        self.ledger.audit(&found, history);
        Ok(())
    }

    /// What can be read and must be right.
    pub fn places(&self) -> Vec<Place> {
        let mut places = Vec::new();
        for partition in 0..KEPT_PARTITIONS {
            places.push(place(KEPT, partition, true, Some(0), 0));
        }
        for partition in 0..OTHER_PARTITIONS {
            let cut = self.with_cut(partition, |cut| *cut);
            places.push(place(CUT, partition, true, Some(cut.asked), cut.acked));
            places.push(place(RETAINED, partition, true, None, 0));
            places.push(place(COMPACTED, partition, false, Some(0), 0));
        }
        let doomed = self.ledger.live().into_iter().filter(|topic| topic.starts_with(DOOMED));
        places.extend(doomed.flat_map(|topic| {
            (0..OTHER_PARTITIONS).map(move |partition| place(&topic, partition, true, Some(0), 0))
        }));
        places
    }
}

/// The partitions that producers of the whole run write to.
pub fn all_lanes() -> Vec<Lane> {
    lanes(KEPT, KEPT_PARTITIONS, None)
        .chain(lanes(CUT, OTHER_PARTITIONS, None))
        .chain(lanes(RETAINED, OTHER_PARTITIONS, None))
        .chain(lanes(COMPACTED, OTHER_PARTITIONS, Some(KEYS)))
        .collect()
}

fn lanes(topic: &str, partitions: i32, keys: Option<u64>) -> impl Iterator<Item = Lane> + use<> {
    let topic: Arc<str> = topic.into();
    (0..partitions).map(move |partition| Lane { topic: topic.clone(), partition, keys })
}

fn place(
    topic: &str,
    partition: i32,
    dense: bool,
    starts_by: Option<i64>,
    starts_from: i64,
) -> Place {
    Place { topic: topic.into(), partition, dense, starts_by, starts_from }
}

fn doomed(number: u64) -> String {
    format!("{DOOMED}{number}")
}
