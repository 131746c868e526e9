//! Looking up offsets by timestamp.

use std::sync::Arc;

use thalweg_records::Batch;
use thalweg_types::{LeaderEpoch, Offset, Timestamp};

use super::extent::Extent;
use super::read::{is_gone, read_batch};
use super::{Partition, TailBatch};
use crate::error::LogError;
use crate::files::FileId;
use crate::format::entry::BatchEntry;

/// How often a look-up starts over because files were replaced under it.
const ATTEMPTS: usize = 4;

/// A record found by its timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampOffset {
    /// The record's offset.
    pub offset: Offset,
    /// Its timestamp.
    pub timestamp: Timestamp,
    /// The epoch under which it was written.
    pub leader_epoch: LeaderEpoch,
}

/// Where batches lie that may hold what is looked for.
enum Candidate {
    Extent(Extent),
    Tail(FileId, BatchEntry),
}

/// What is looked for.
#[derive(Clone, Copy)]
enum Wanted {
    /// The first record at or after this time.
    AtOrAfter(Timestamp),
    /// The first record with exactly this time, which is the largest there is.
    Largest(Timestamp),
}

impl Wanted {
    fn timestamp(self) -> Timestamp {
        match self {
            Self::AtOrAfter(timestamp) | Self::Largest(timestamp) => timestamp,
        }
    }
}

impl Partition {
    /// The first record whose timestamp is at least `timestamp`. May block on the device.
    pub fn find_timestamp(
        self: &Arc<Self>,
        timestamp: Timestamp,
    ) -> Result<Option<TimestampOffset>, LogError> {
        self.find(|_| Some(Wanted::AtOrAfter(timestamp)))
    }

    /// The first record with the largest timestamp (KIP-734). May block on the device.
    pub fn find_max_timestamp(self: &Arc<Self>) -> Result<Option<TimestampOffset>, LogError> {
        self.find(|partition| partition.max_timestamp().map(Wanted::Largest))
    }

    /// The largest timestamp of the partition's batches.
    pub fn max_timestamp(&self) -> Option<Timestamp> {
        let state = self.state();
        let extents = state.extents.iter().map(|extent| extent.max_timestamp);
        extents.chain(state.tail.iter().map(|batch| batch.entry.max_timestamp)).max()
    }

    fn find(
        self: &Arc<Self>,
        wanted: impl Fn(&Self) -> Option<Wanted>,
    ) -> Result<Option<TimestampOffset>, LogError> {
        let mut attempt = 1;
        loop {
            let Some(wanted) = wanted(self) else { return Ok(None) };
            match self.find_once(wanted) {
                Err(error) if is_gone(&error) && attempt < ATTEMPTS => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    fn find_once(&self, wanted: Wanted) -> Result<Option<TimestampOffset>, LogError> {
        let (log_start, candidates) = self.candidates(wanted.timestamp());
        let relevant = |entry: &BatchEntry| {
            entry.max_timestamp >= wanted.timestamp() && entry.end_offset() > log_start
        };
        for candidate in candidates {
            let (file, entries) = match candidate {
                Candidate::Tail(file, entry) => (file, vec![entry]),
                Candidate::Extent(extent) => {
                    let entries = self.shared.index.entries(&self.shared.files, &extent)?;
                    (extent.file, entries.iter().copied().filter(relevant).collect())
                }
            };
            for entry in entries {
                let batch = read_batch(&self.shared, file, &entry)?;
                if let Some(found) = find_in(&batch, log_start, wanted) {
                    return Ok(Some(found));
                }
            }
        }
        Ok(None)
    }

    /// What may hold a record at or after `timestamp`, in the order of offsets.
    fn candidates(&self, timestamp: Timestamp) -> (Offset, Vec<Candidate>) {
        let state = self.state();
        let extents = state.extents.iter().filter(|extent| extent.max_timestamp >= timestamp);
        let late = |batch: &&TailBatch| batch.entry.max_timestamp >= timestamp;
        let tail = state.tail.iter().filter(late);
        let candidates = extents
            .map(|extent| Candidate::Extent(*extent))
            .chain(tail.map(|batch| Candidate::Tail(batch.file, batch.entry)))
            .collect();
        (state.log_start, candidates)
    }
}

/// The record of `batch` that is wanted, from `log_start` on.
fn find_in(batch: &Batch, log_start: Offset, wanted: Wanted) -> Option<TimestampOffset> {
    let fits = |timestamp: Timestamp| match wanted {
        Wanted::AtOrAfter(least) => timestamp >= least,
        Wanted::Largest(largest) => timestamp == largest,
    };
    let records = batch.records(thalweg_types::BATCH_LENGTH_MAX).ok()?;
    let found = records
        .map_while(Result::ok)
        .find(|record| record.offset >= log_start && fits(record.timestamp))?;
    Some(TimestampOffset {
        offset: found.offset,
        timestamp: found.timestamp,
        leader_epoch: batch.header().leader_epoch,
    })
}
