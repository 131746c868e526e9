//! Retention: the log start moves up over what is too old or too much.
//!
//! A step is a segment in Kafka's sense: an extent, or as much of the tail as will become one. The
//! newest is no exception: once everything in it has expired, the partition is empty. The log start
//! moves in memory; the files go after a durable checkpoint has the new start, so that a crash in
//! between brings old data back rather than losing the start.

use std::time::Duration;

use thalweg_types::{Offset, Timestamp};

use crate::config::PartitionConfig;
use crate::indexer::takes;
use crate::metrics::LogMetrics;
use crate::partition::{Partition, PartitionState};
use crate::shared::Shared;

/// Timestamps that are this far ahead of the clock are worth a warning: they pin data.
const FUTURE: Duration = Duration::from_hours(24);

/// What goes or stays as a whole.
#[derive(Clone, Copy, Debug)]
struct Segment {
    end: Offset,
    bytes: u64,
    /// The largest timestamp, or a bound of the time of the last append if there is none.
    largest: Timestamp,
}

/// Applies the retention of every partition; true if a log start moved.
pub(crate) fn enforce(shared: &Shared) -> bool {
    let now = shared.clock.now();
    let mut moved = false;
    for partition in shared.all_partitions() {
        let freed = partition.enforce_retention(now);
        LogMetrics::add(&shared.metrics.expired_bytes, freed);
        moved |= freed > 0;
    }
    moved
}

impl Partition {
    /// Drops what has expired; returns its bytes.
    fn enforce_retention(&self, now: Timestamp) -> u64 {
        let (freed, waiters) = {
            let mut state = self.state();
            if state.deleted || !state.config.cleanup.delete {
                return 0;
            }
            self.warn_of_future(&mut state, now);
            let to = too_old(&state, now).max(too_much(&state));
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
        let oldest = segments(state).next().map(|segment| segment.largest);
        if let Some(largest) = oldest.filter(|largest| *largest > now.plus(FUTURE)) {
            state.warned_of_future = true;
            let partition = self.id();
            tracing::warn!(%partition, %largest, "a timestamp in the future keeps old data");
        }
    }
}

/// Where the first segment begins that is young enough.
fn too_old(state: &PartitionState, now: Timestamp) -> Offset {
    let Some(retention) = state.config.retention else { return state.log_start };
    let expired = segments(state).take_while(|segment| segment.largest.plus(retention) < now);
    expired.last().map_or(state.log_start, |segment| segment.end)
}

/// Where the log would begin if whole segments went as long as there is too much by at least one.
fn too_much(state: &PartitionState) -> Offset {
    let Some(limit) = state.config.retention_bytes else { return state.log_start };
    let mut excess = state.bytes.saturating_sub(limit);
    let mut to = state.log_start;
    if excess == 0 {
        return to;
    }
    for segment in segments(state) {
        let Some(left) = excess.checked_sub(segment.bytes) else { break };
        excess = left;
        to = segment.end;
    }
    to
}

/// The segments, oldest first.
fn segments(state: &PartitionState) -> impl Iterator<Item = Segment> {
    let config = &state.config;
    let extents = state.extents.iter().map(|extent| Segment {
        end: extent.end,
        bytes: extent.bytes,
        largest: known(extent.max_timestamp, extent.first_append.plus(config.segment_age)),
    });
    extents.chain(tail_segments(state, config))
}

/// The segments that the tail will become, cut where the indexer will cut.
fn tail_segments(
    state: &PartitionState,
    config: &PartitionConfig,
) -> impl Iterator<Item = Segment> {
    let mut batches = state.tail.iter().peekable();
    std::iter::from_fn(move || {
        let first = batches.next()?;
        let mut segment = Segment {
            end: first.entry.end_offset(),
            bytes: u64::from(first.entry.len),
            largest: known(first.entry.max_timestamp, first.appended_at),
        };
        while let Some(batch) = batches.next_if(|batch| {
            let age = batch.appended_at.millis_since(first.appended_at);
            takes(config, segment.bytes + u64::from(batch.entry.len), age)
        }) {
            segment.end = batch.entry.end_offset();
            segment.bytes += u64::from(batch.entry.len);
            segment.largest =
                segment.largest.max(known(batch.entry.max_timestamp, batch.appended_at));
        }
        Some(segment)
    })
}

/// `largest`, or `appended` if no record has a timestamp.
fn known(largest: Timestamp, appended: Timestamp) -> Timestamp {
    if largest.0 < 0 { appended } else { largest }
}
