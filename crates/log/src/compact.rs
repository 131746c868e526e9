//! Compaction: of each key, the newest record stays.
//!
//! A pass reads the extents that were not compacted before and notes the newest offset of each key,
//! as far as memory allows; then it rewrites everything up to there, and leaves out what a newer
//! record replaces. Offsets never change, so gaps remain. No pass goes beyond the last stable offset:
//! up to there it is known how every transaction ended. What stays of a batch, [`Sieve`] knows.

use std::collections::VecDeque;
use std::sync::Arc;

use thalweg_types::{Offset, Timestamp};

use crate::error::LogError;
use crate::extent_reader::ExtentReader;
use crate::metrics::LogMetrics;
use crate::partition::extent::Extent;
use crate::partition::{Partition, PartitionState};
use crate::planted::{self, Bug};
use crate::rewrite::{Rewrite, Sources};
use crate::shared::Shared;
use crate::sieve::Sieve;

/// What a pass may take, and how much it is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Dirt {
    /// The extents up to here are old enough, and stable.
    end: Offset,
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
        Some(((dirt.overdue, dirt.percent), dirt.end, partition))
    });
    let (_, end, partition) = needed.max_by_key(|(need, _, _)| *need)?;
    Some(KeyScan::new(shared, partition, end, now))
}

/// How dirty a partition is; `None` if it needs no pass.
fn dirt(state: &PartitionState, now: Timestamp) -> Option<Dirt> {
    let config = &state.config;
    if state.deleted || !config.cleanup.compact {
        return None;
    }
    let to_the_end = planted::is(Bug::CompactOpenTransaction);
    let stable = if to_the_end { state.high_watermark } else { state.last_stable() };
    let lag = config.compaction_lag_min;
    let young = |extent: &Extent| !lag.is_zero() && extent.max_timestamp.plus(lag) > now;
    let ripe = |extent: &&Extent| extent.end <= stable && !young(extent);
    let ripe: Vec<&Extent> = state.extents.iter().take_while(ripe).collect();
    let dirty = &ripe[ripe.partition_point(|extent| extent.end <= state.cleaned_to)..];
    let bytes = |extents: &[&Extent]| extents.iter().map(|extent| extent.bytes).sum::<u64>();
    let (oldest, newest) = (dirty.first()?, dirty.last()?);
    let overdue = config.compaction_lag_max.is_some_and(|lag| oldest.first_append.plus(lag) < now);
    let total = bytes(&ripe);
    let percent = bytes(dirty) * 100 / total.max(1);
    let needed = overdue || percent >= u64::from(config.dirty_percent_min);
    needed.then_some(Dirt { end: newest.end, bytes: total, percent, overdue })
}

/// The first half of a pass: noting the newest offset of each key.
pub(crate) struct KeyScan {
    partition: Arc<Partition>,
    waiting: VecDeque<Extent>,
    current: Option<ExtentReader>,
    sieve: Sieve,
}

impl KeyScan {
    fn new(shared: &Shared, partition: Arc<Partition>, end: Offset, now: Timestamp) -> Self {
        let seed = shared.env.random_u64();
        let state = partition.state();
        let dirty = |extent: &&Extent| extent.end > state.cleaned_to && extent.end <= end;
        let waiting = state.extents.iter().filter(dirty).copied().collect();
        let sieve = Sieve::new(&state, now, seed);
        drop(state);
        Self { partition, waiting, current: None, sieve }
    }

    /// Reads on; returns the bytes read, or `None` when everything is noted or memory is full.
    pub(crate) fn step(&mut self, shared: &Shared) -> Option<u64> {
        if self.current.is_none() {
            let extent = self.waiting.pop_front()?;
            match ExtentReader::open(shared, extent) {
                Ok(reader) => self.current = Some(reader),
                Err(error) => self.end_extent(shared, extent.end, Some(&error)),
            }
        }
        let Some(reader) = self.current.as_mut() else { return Some(0) };
        let end = reader.extent().end;
        let piece = match reader.read(shared) {
            Ok(piece) => piece,
            Err(error) => {
                self.end_extent(shared, end, Some(&error));
                return Some(0);
            }
        };
        if piece.batches.is_empty() && piece.damage.is_none() {
            self.end_extent(shared, end, None);
            return Some(0);
        }
        let mut read = 0;
        for (entry, bytes) in piece.batches {
            read += u64::from(entry.len);
            match self.sieve.note(&entry, bytes, shared.options.compaction_keys_max) {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => self.step_around(shared, &error),
            }
        }
        if let Some(error) = &piece.damage {
            self.step_around(shared, error);
        }
        Some(read)
    }

    /// Goes on with the next extent; what cannot be read counts as dealt with.
    fn end_extent(&mut self, shared: &Shared, end: Offset, error: Option<&LogError>) {
        if let Some(error) = error {
            self.step_around(shared, error);
        }
        self.current = None;
        self.sieve.pass_by(end);
    }

    fn step_around(&mut self, shared: &Shared, error: &dyn std::error::Error) {
        let partition = self.partition.id();
        tracing::error!(%partition, %error, "unreadable: compaction goes around it");
        LogMetrics::add(&shared.metrics.compaction_unreadable, 1);
        self.sieve.go_blind();
    }

    /// The second half of the pass.
    pub(crate) fn into_rewrite(self) -> Rewrite {
        let sources = Sources::Before(self.sieve.end());
        Rewrite::new(sources, [self.partition.id()], Some(self.sieve))
    }
}
