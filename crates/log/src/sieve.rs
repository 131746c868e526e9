//! What a pass of compaction leaves of each batch.
//!
//! Of a key the newest record stays, of an aborted transaction none. Besides, these stay:
//!
//! - a tombstone, until `delete.retention.ms` after the first pass that had read everything before it.
//!   That pass stamps the horizon into the batch (KIP-534), a later one goes by it;
//! - a marker, until a pass has met no batch of its transaction any more, and then as long as a
//!   tombstone. What is remembered of an aborted transaction goes with its marker, not before;
//! - records without a key, and batches whose records cannot be decoded;
//! - the last batch and the last marker of each producer that is still known, and the batch before the
//!   last stable offset, without records if need be: what they say about sequences, epochs and offsets
//!   must survive (rules 14 and 49).
//!
//! A horizon promises that nothing older comes back once what bears it is gone. So none is stamped in a
//! pass that could not read something.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use thalweg_records::{Batch, Record, RecordsError, Retained};
use thalweg_types::{BATCH_LENGTH_MAX, Offset, ProducerId, Timestamp};

use crate::format::entry::BatchEntry;
use crate::key_map::KeyMap;
use crate::partition::PartitionState;
use crate::planted::{self, Bug};
use crate::scan::entry_in;
use crate::transactions::AbortedIndex;

/// Decides what stays. Batches come in the order of offsets, each once.
pub(crate) struct Sieve {
    keys: KeyMap,
    /// Batches before this were noted by earlier passes, …
    from: Offset,
    /// … those before this are noted in `keys`, and those after it stay as they are.
    end: Offset,
    now: Timestamp,
    delete_retention: Duration,
    log_start: Offset,
    /// The last offsets of batches that stay, with records or without.
    kept: BTreeSet<Offset>,
    aborted: AbortedIndex,
    /// Producers of whose transaction a batch came, and not its marker yet.
    unended: BTreeSet<ProducerId>,
    /// True if something could not be read.
    blind: bool,
    dropped: Dropped,
}

/// What a pass left out.
#[derive(Debug, Default)]
pub(crate) struct Dropped {
    pub records: u64,
    pub markers: BTreeSet<Offset>,
}

impl Sieve {
    /// A sieve for a pass that notes what lies after earlier ones.
    pub(crate) fn new(state: &PartitionState, now: Timestamp, seed: u64) -> Self {
        let producers = || state.producers.durable().map(|(_, producer)| producer);
        let batches = producers().filter_map(|producer| producer.batches.back());
        let mut kept: BTreeSet<Offset> = batches.map(|batch| batch.last_offset).collect();
        kept.extend(producers().map(|producer| producer.last_marker));
        kept.insert(state.last_stable().plus(-1));
        Self {
            keys: KeyMap::new(seed),
            from: state.cleaned_to,
            end: state.cleaned_to,
            now,
            delete_retention: state.config.delete_retention,
            log_start: state.log_start,
            kept,
            aborted: state.aborted.by_producer(),
            unended: BTreeSet::new(),
            blind: false,
            dropped: Dropped::default(),
        }
    }

    /// Where what this pass compacts ends.
    pub(crate) fn end(&self) -> Offset {
        self.end
    }

    /// What was left out so far.
    pub(crate) fn dropped(&self) -> &Dropped {
        &self.dropped
    }

    /// Something could not be read: what it may hold is not vouched for.
    pub(crate) fn go_blind(&mut self) {
        self.blind = true;
    }

    /// Everything before `end` was noted, or cannot be.
    pub(crate) fn pass_by(&mut self, end: Offset) {
        self.end = end;
    }

    /// Notes the keys of a batch; false if there is no memory for more than `keys_max`. An error says that
    /// the batch does not decode: it stays as it is, and so replaces nothing.
    pub(crate) fn note(
        &mut self,
        entry: &BatchEntry,
        bytes: Bytes,
        keys_max: usize,
    ) -> Result<bool, RecordsError> {
        if entry.end_offset() <= self.from {
            return Ok(true);
        }
        let keys = if self.replaces(entry) { keys_of(bytes) } else { Ok(Vec::new()) };
        let count = keys.as_ref().map_or(0, Vec::len);
        let known = self.keys.len();
        if known > 0 && known + count > keys_max {
            return Ok(false);
        }
        self.end = entry.end_offset();
        for (key, offset) in keys? {
            self.keys.note(&key, offset);
        }
        Ok(true)
    }

    /// True if the records of a batch take the place of older ones.
    fn replaces(&self, entry: &BatchEntry) -> bool {
        let is_aborted = self.aborted.has(entry) && !planted::is(Bug::CompactByAborted);
        !entry.is_control() && !is_aborted
    }

    /// True if no reader comes there any more. What is known of transactions does not reach back so far.
    fn is_trimmed(&self, entry: &BatchEntry) -> bool {
        entry.end_offset() <= self.log_start
    }

    /// What stays of a batch; `None` if nothing does.
    pub(crate) fn sift(&mut self, entry: BatchEntry, bytes: Bytes) -> Option<(BatchEntry, Bytes)> {
        if entry.end_offset() > self.end {
            return Some((entry, bytes));
        }
        if self.is_trimmed(&entry) {
            return None;
        }
        let retained = match Batch::parse(bytes.clone()) {
            Ok(batch) => {
                self.retain(&entry, &batch).map(|retained| (batch.header().count, retained))
            }
            Err(error) => Err(error),
        };
        let Ok((count, retained)) = retained else {
            self.go_blind();
            return Some((entry, bytes));
        };
        let left = match retained {
            Retained::All => return Some((entry, bytes)),
            Retained::Some(batch) => Some(batch),
            Retained::None => None,
        };
        let stays = left.as_ref().map_or(0, |batch| batch.header().count);
        self.dropped.records += u64::from(count.abs_diff(stays));
        left.map(placed)
    }

    fn retain(&mut self, entry: &BatchEntry, batch: &Batch) -> Result<Retained, RecordsError> {
        if entry.is_control() {
            return self.retain_marker(entry, batch);
        }
        if entry.is_transactional() {
            self.unended.insert(entry.producer_id);
        }
        let retained = if self.aborted.has(entry) {
            Retained::None
        } else {
            self.retain_newest(entry, batch)?
        };
        match retained {
            Retained::None if self.kept.contains(&entry.last_offset()) => {
                batch.emptied().map(Retained::Some)
            }
            retained => Ok(retained),
        }
    }

    /// Looks only for batches of the transaction, not for what becomes of them: what this pass leaves
    /// out is gone for certain when the next one does not meet it.
    fn retain_marker(
        &mut self,
        entry: &BatchEntry,
        batch: &Batch,
    ) -> Result<Retained, RecordsError> {
        let has_records = self.unended.remove(&entry.producer_id);
        let horizon = batch.header().delete_horizon();
        if self.has_passed(horizon) && !self.kept.contains(&entry.last_offset()) {
            self.dropped.markers.insert(entry.last_offset());
            return Ok(Retained::None);
        }
        if has_records || self.blind {
            return Ok(Retained::All);
        }
        batch.retain(BATCH_LENGTH_MAX, Some(self.horizon()), |_| true)
    }

    fn retain_newest(&self, entry: &BatchEntry, batch: &Batch) -> Result<Retained, RecordsError> {
        let horizon = batch.header().delete_horizon();
        let expired = self.has_passed(horizon);
        let stays =
            |record: &Record| self.is_newest(record) && !(expired && record.value.is_none());
        let mut tombstones = false;
        let retained = batch.retain(BATCH_LENGTH_MAX, None, |record| {
            let stays = stays(record);
            tombstones |= stays && record.value.is_none();
            stays
        })?;
        // A tombstone that an earlier pass noted and did not stamp has something unread before it.
        let vouched = !self.blind && entry.end_offset() > self.from;
        if !tombstones || horizon.is_some() || !vouched {
            return Ok(retained);
        }
        batch.retain(BATCH_LENGTH_MAX, Some(self.horizon()), stays)
    }

    fn horizon(&self) -> Timestamp {
        self.now.plus(self.delete_retention)
    }

    fn has_passed(&self, horizon: Option<Timestamp>) -> bool {
        horizon.is_some_and(|horizon| horizon <= self.now) || planted::is(Bug::TombstoneTooEarly)
    }

    fn is_newest(&self, record: &Record) -> bool {
        let newest = record.key.as_ref().and_then(|key| self.keys.newest(key));
        newest.is_none_or(|newest| record.offset >= newest)
    }
}

fn placed(batch: Batch) -> (BatchEntry, Bytes) {
    let header = *batch.header();
    let bytes = batch.into_bytes();
    (entry_in(&header, &bytes, 0), bytes)
}

/// The keys of a batch, with the offsets of their records.
fn keys_of(bytes: Bytes) -> Result<Vec<(Bytes, Offset)>, RecordsError> {
    let records = Batch::parse(bytes)?.records(BATCH_LENGTH_MAX)?;
    let keys = records.map(|record| record.map(|record| (record.key, record.offset)));
    keys.filter_map(|key| key.map(|(key, offset)| Some((key?, offset))).transpose()).collect()
}
