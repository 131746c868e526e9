//! Retention: the log start moves up over what is too old or too much.
//!
//! A step is a segment in Kafka's sense: an extent, or as much of the tail as will become one. The
//! newest is no exception: once everything in it has expired, the partition is empty. A segment is as
//! old as its largest timestamp; while the clock is in doubt, no older than its last append. The log
//! start moves in memory; the files go after a durable checkpoint has the new start, so that a crash in
//! between brings old data back rather than losing the start.

use std::time::Duration;

use thalweg_types::{Offset, Timestamp};

use crate::indexer::takes;
use crate::metrics::LogMetrics;
use crate::partition::{Partition, PartitionState, TailBatch};
use crate::shared::Shared;

/// Timestamps that are this far ahead of the clock are worth a warning: they pin data.
const FUTURE: Duration = Duration::from_hours(24);

/// What goes or stays as a whole.
#[derive(Clone, Copy, Debug)]
struct Segment {
    end: Offset,
    bytes: u64,
    /// When it began to be old.
    from: Timestamp,
}

/// What the clock said when the round began.
#[derive(Clone, Copy)]
struct Reading {
    now: Timestamp,
    in_doubt: bool,
}

impl Reading {
    /// The time that counts for records with this largest timestamp, the last of them appended at
    /// `appended` or before.
    fn age_from(self, largest: Timestamp, appended: Timestamp) -> Timestamp {
        match largest {
            _ if self.in_doubt => largest.max(appended),
            Timestamp(..0) => appended,
            _ => largest,
        }
    }
}

/// Applies the retention of every partition; true if a log start moved.
pub(crate) fn enforce(shared: &Shared) -> bool {
    let clock = Reading { now: shared.clock.now(), in_doubt: shared.clock.in_doubt() };
    let mut moved = false;
    for partition in shared.all_partitions() {
        let freed = partition.enforce_retention(clock);
        LogMetrics::add(&shared.metrics.expired_bytes, freed);
        moved |= freed > 0;
    }
    moved
}

impl Partition {
    /// Drops what has expired; returns its bytes.
    fn enforce_retention(&self, clock: Reading) -> u64 {
        let (freed, waiters) = {
            let mut state = self.state();
            if state.deleted || !state.config.cleanup.delete {
                return 0;
            }
            self.warn_of_future(&mut state, clock.now);
            let to = too_old(&state, clock).max(too_much(&state, clock));
            if to <= state.log_start {
                return 0;
            }
            let before = state.bytes;
            state.trim_to(to);
            (before - state.bytes, state.waiters.all())
        };
        for notify in waiters {
            notify.notify_one();
        }
        freed
    }

    /// Says once that the oldest segment has a timestamp in the future, which keeps it.
    fn warn_of_future(&self, state: &mut PartitionState, now: Timestamp) {
        if state.warned_of_future || state.config.retention.is_none() {
            return;
        }
        let tail = state.tail.front().map(|batch| batch.entry.max_timestamp);
        let oldest = state.extents.first().map(|extent| extent.max_timestamp).or(tail);
        if let Some(largest) = oldest.filter(|largest| *largest > now.plus(FUTURE)) {
            state.warned_of_future = true;
            let partition = self.id();
            tracing::warn!(%partition, %largest, "a timestamp in the future keeps old data");
        }
    }
}

/// Where the first segment begins that is young enough.
fn too_old(state: &PartitionState, clock: Reading) -> Offset {
    let Some(retention) = state.config.retention else { return state.log_start };
    let old = |from: Timestamp| from.plus(retention) < clock.now;
    let expired = segments(state, clock, old).take_while(|segment| old(segment.from));
    expired.last().map_or(state.log_start, |segment| segment.end)
}

/// Where the log would begin if whole segments went as long as there is too much by at least one.
fn too_much(state: &PartitionState, clock: Reading) -> Offset {
    let Some(limit) = state.config.retention_bytes else { return state.log_start };
    let mut excess = state.bytes.saturating_sub(limit);
    let mut to = state.log_start;
    if excess == 0 {
        return to;
    }
    for segment in segments(state, clock, |_| true) {
        let Some(left) = excess.checked_sub(segment.bytes) else { break };
        excess = left;
        to = segment.end;
    }
    to
}

/// The segments, oldest first. Of a segment in the tail, no more is looked at than up to the first
/// batch that is not `old`.
fn segments(
    state: &PartitionState,
    clock: Reading,
    old: impl Fn(Timestamp) -> bool,
) -> impl Iterator<Item = Segment> {
    let age = state.config.segment_age;
    let extents = state.extents.iter().map(move |extent| Segment {
        end: extent.end,
        bytes: extent.bytes,
        from: clock.age_from(extent.max_timestamp, extent.first_append.plus(age)),
    });
    extents.chain(tail_segments(state, clock, old))
}

/// The segments that the tail will become, cut where the indexer will cut.
fn tail_segments(
    state: &PartitionState,
    clock: Reading,
    old: impl Fn(Timestamp) -> bool,
) -> impl Iterator<Item = Segment> {
    let mut batches = state.tail.iter().peekable();
    let from =
        move |batch: &TailBatch| clock.age_from(batch.entry.max_timestamp, batch.appended_at);
    std::iter::from_fn(move || {
        let first = batches.next()?;
        let mut segment = Segment {
            end: first.entry.end_offset(),
            bytes: u64::from(first.entry.len),
            from: from(first),
        };
        while old(segment.from)
            && let Some(batch) = batches.next_if(|batch| {
                let age = batch.appended_at.millis_since(first.appended_at);
                takes(&state.config, segment.bytes + u64::from(batch.entry.len), age)
            })
        {
            segment.end = batch.entry.end_offset();
            segment.bytes += u64::from(batch.entry.len);
            segment.from = segment.from.max(from(batch));
        }
        Some(segment)
    })
}
