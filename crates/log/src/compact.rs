//! Compaction: of each key, the newest record stays.
//!
//! A pass reads the extents that were not compacted before and notes the newest offset of each key,
//! as far as memory allows; then it rewrites everything up to there, and leaves out what a newer
//! record replaces. Offsets never change, so gaps remain. Besides the newest records these stay:
//!
//! - a tombstone, until `delete.retention.ms` after the first pass that met it. That pass stamps the
//!   horizon into the batch (KIP-534), a later one goes by it;
//! - records without a key, and batches whose records cannot be decoded;
//! - batches of transactions and their markers: this log does not know how a transaction ended;
//! - the last batch of each producer that is still known, and the one at the high watermark, without
//!   records if need be: what they say about sequences and offsets must survive (rules 14 and 49).

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use thalweg_records::{Attributes, Batch, Record, RecordsError, Retained};
use thalweg_types::{BATCH_LENGTH_MAX, Offset, Timestamp};

use crate::error::LogError;
use crate::extent_reader::ExtentReader;
use crate::format::entry::BatchEntry;
use crate::key_map::KeyMap;
use crate::partition::extent::Extent;
use crate::partition::{Partition, PartitionState};
use crate::rewrite::{Rewrite, Sources};
use crate::scan::entry_of;
use crate::shared::Shared;

/// What a pass may take, and how much it is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Dirt {
    /// The extents before this place are old enough.
    extents: usize,
    /// Bytes of them.
    bytes: u64,
    /// Bytes of them that were not compacted before, in percent.
    percent: u64,
    /// True if a record has waited for longer than `max.compaction.lag.ms`.
    overdue: bool,
}

/// The partition that needs a pass most, if one does (rule 48). A pass writes at most `room` bytes.
pub(crate) fn choose(shared: &Shared, room: u64) -> Option<KeyScan> {
    let now = shared.clock.now();
    let needed = shared.all_partitions().into_iter().filter_map(|partition| {
        let dirt = dirt(&partition.state(), now).filter(|dirt| dirt.bytes <= room)?;
        Some(((dirt.overdue, dirt.percent), dirt.extents, partition))
    });
    let (_, extents, partition) = needed.max_by_key(|(need, _, _)| *need)?;
    Some(KeyScan::new(shared, partition, extents, now))
}

/// How dirty a partition is; `None` if it needs no pass.
fn dirt(state: &PartitionState, now: Timestamp) -> Option<Dirt> {
    let config = &state.config;
    if state.deleted || !config.cleanup.compact {
        return None;
    }
    let lag = config.compaction_lag_min;
    let young = |extent: &Extent| !lag.is_zero() && extent.max_timestamp.plus(lag) > now;
    let extents = state.extents.iter().take_while(|extent| !young(extent)).count();
    let (clean, dirty): (Vec<&Extent>, Vec<&Extent>) =
        state.extents[..extents].iter().partition(|extent| extent.end <= state.cleaned_to);
    let bytes = |extents: &[&Extent]| extents.iter().map(|extent| extent.bytes).sum::<u64>();
    let oldest = dirty.first()?.first_append;
    let overdue = config.compaction_lag_max.is_some_and(|lag| oldest.plus(lag) < now);
    let total = bytes(&clean) + bytes(&dirty);
    let percent = bytes(&dirty) * 100 / total.max(1);
    let needed = overdue || percent >= u64::from(config.dirty_percent_min);
    needed.then_some(Dirt { extents, bytes: total, percent, overdue })
}

/// The first half of a pass: noting the newest offset of each key.
pub(crate) struct KeyScan {
    partition: Arc<Partition>,
    waiting: VecDeque<Extent>,
    current: Option<ExtentReader>,
    /// Batches before this are known from earlier passes.
    from: Offset,
    sieve: Sieve,
}

impl KeyScan {
    fn new(shared: &Shared, partition: Arc<Partition>, extents: usize, now: Timestamp) -> Self {
        let seed = shared.env.random_u64();
        let state = partition.state();
        let from = state.cleaned_to;
        let dirty = state.extents.iter().take(extents).filter(|extent| extent.end > from);
        let waiting: VecDeque<Extent> = dirty.copied().collect();
        let newest = state.producers.durable().filter_map(|(_, producer)| producer.batches.back());
        let sieve = Sieve {
            keys: KeyMap::new(seed),
            end: from,
            now,
            delete_retention: state.config.delete_retention,
            last: newest.map(|batch| batch.last_offset).collect(),
            high_watermark: state.high_watermark,
        };
        drop(state);
        Self { partition, waiting, current: None, from, sieve }
    }

    /// Reads on; returns the bytes read, or `None` when everything is noted or memory is full.
    pub(crate) fn step(&mut self, shared: &Shared) -> Option<u64> {
        if self.current.is_none() {
            let extent = self.waiting.pop_front()?;
            match ExtentReader::open(shared, extent) {
                Ok(reader) => self.current = Some(reader),
                Err(error) => self.end_extent(extent.end, Some(&error)),
            }
        }
        let Some(reader) = self.current.as_mut() else { return Some(0) };
        let end = reader.extent().end;
        let piece = match reader.read(shared) {
            Ok(piece) => piece,
            Err(error) => {
                self.end_extent(end, Some(&error));
                return Some(0);
            }
        };
        if piece.batches.is_empty() && piece.damage.is_none() {
            self.end_extent(end, None);
            return Some(0);
        }
        let mut read = 0;
        for (entry, bytes) in piece.batches {
            read += u64::from(entry.len);
            if entry.end_offset() > self.from && !self.sieve.note(shared, &entry, bytes) {
                return None;
            }
        }
        if let Some(error) = &piece.damage {
            self.step_around(error);
        }
        Some(read)
    }

    /// Goes on with the next extent; what cannot be read counts as dealt with.
    fn end_extent(&mut self, end: Offset, error: Option<&LogError>) {
        if let Some(error) = error {
            self.step_around(error);
        }
        self.current = None;
        self.sieve.end = end;
    }

    fn step_around(&self, error: &LogError) {
        let partition = self.partition.id();
        tracing::error!(%partition, %error, "unreadable: compaction goes around it");
    }

    /// The second half of the pass.
    pub(crate) fn into_rewrite(self) -> Rewrite {
        let sources = Sources::Before(self.sieve.end);
        Rewrite::new(sources, [self.partition.id()], Some(self.sieve))
    }
}

/// Decides what stays.
pub(crate) struct Sieve {
    keys: KeyMap,
    /// Records before this are noted in `keys`, unless an earlier pass has dealt with them.
    end: Offset,
    now: Timestamp,
    delete_retention: Duration,
    /// The last offsets of the newest batches of producers.
    last: BTreeSet<Offset>,
    high_watermark: Offset,
}

impl Sieve {
    /// Where what this pass compacts ends.
    pub(crate) fn end(&self) -> Offset {
        self.end
    }

    /// Notes the keys of a batch; false if memory is full.
    fn note(&mut self, shared: &Shared, entry: &BatchEntry, bytes: Bytes) -> bool {
        if let Some(batch) = plain(entry, bytes) {
            let count = batch.header().count as usize;
            let known = self.keys.len();
            if known > 0 && known + count > shared.options.compaction_keys_max {
                return false;
            }
            // A batch that does not decode stays as it is, and so replaces nothing.
            let keys: Result<Vec<_>, RecordsError> = batch
                .records(BATCH_LENGTH_MAX)
                .and_then(|records| records.map(|r| r.map(|r| (r.key, r.offset))).collect());
            for (key, offset) in keys.unwrap_or_default() {
                if let Some(key) = key {
                    self.keys.note(&key, offset);
                }
            }
        }
        self.end = entry.end_offset();
        true
    }

    /// What stays of a batch; `None` if nothing does.
    pub(crate) fn sift(&mut self, entry: BatchEntry, bytes: Bytes) -> Option<(BatchEntry, Bytes)> {
        if entry.end_offset() > self.end {
            return Some((entry, bytes));
        }
        let Some(batch) = plain(&entry, bytes.clone()) else { return Some((entry, bytes)) };
        match self.retain(&batch) {
            Ok(Retained::Some(batch)) => Some(placed(batch)),
            Ok(Retained::None) if self.must_stay(&entry) => match batch.emptied() {
                Ok(batch) => Some(placed(batch)),
                Err(_) => Some((entry, bytes)),
            },
            Ok(Retained::None) => None,
            Ok(Retained::All) | Err(_) => Some((entry, bytes)),
        }
    }

    fn retain(&self, batch: &Batch) -> Result<Retained, RecordsError> {
        let horizon = batch.header().delete_horizon();
        let expired = horizon.is_some_and(|horizon| horizon <= self.now);
        let stays =
            |record: &Record| self.is_newest(record) && !(expired && record.value.is_none());
        let mut tombstones = false;
        let retained = batch.retain(BATCH_LENGTH_MAX, None, |record| {
            let stays = stays(record);
            tombstones |= stays && record.value.is_none();
            stays
        })?;
        if !tombstones || horizon.is_some() {
            return Ok(retained);
        }
        let horizon = self.now.plus(self.delete_retention);
        batch.retain(BATCH_LENGTH_MAX, Some(horizon), stays)
    }

    fn is_newest(&self, record: &Record) -> bool {
        let newest = record.key.as_ref().and_then(|key| self.keys.newest(key));
        newest.is_none_or(|newest| record.offset >= newest)
    }

    fn must_stay(&self, entry: &BatchEntry) -> bool {
        self.last.contains(&entry.last_offset()) || entry.end_offset() == self.high_watermark
    }
}

/// The batch, if compaction looks into batches of its kind.
fn plain(entry: &BatchEntry, bytes: Bytes) -> Option<Batch> {
    let attributes = Attributes(entry.attributes);
    if attributes.is_control() || attributes.is_transactional() {
        return None;
    }
    Batch::parse(bytes).ok()
}

fn placed(batch: Batch) -> (BatchEntry, Bytes) {
    (entry_of(batch.header(), 0), batch.into_bytes())
}
