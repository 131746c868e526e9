//! What compaction is behind by, and when it is worth ending a log file for its sake.
//!
//! A pass reads finished files only. Where Kafka would have rolled a partition's segment by now
//! (`segment.ms`, `segment.bytes`, `max.compaction.lag.ms`), the writer is asked to end its file before it
//! is full. Since that leaves small files, which are rewritten together later, it does not happen often.

use std::time::Duration;

use thalweg_types::Timestamp;

use crate::indexer::takes;
use crate::partition::PartitionState;
use crate::shared::Shared;

/// Between two files that are ended early, at least, …
const BETWEEN_MIN: Duration = Duration::from_secs(5);

/// … and where so little waits that nobody is late yet.
const BETWEEN_SMALL: Duration = Duration::from_secs(10);

/// Less than this is little.
const SMALL_BYTES: u64 = 1 << 20;

/// What all compacted partitions together wait for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Backlog {
    /// Bytes that no pass has seen.
    pub dirty_bytes: u64,
    /// For how long the oldest of them has been later than `max.compaction.lag.ms` allows, in
    /// milliseconds.
    pub overdue_ms: u64,
    /// What waits for the end of a log file.
    pub wish: Option<Wish>,
}

/// A wish that log files end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    /// This one, and those before it.
    pub file: u64,
    bytes: u64,
    overdue: bool,
}

impl Wish {
    /// How long ago a file must have been ended early before the next is.
    pub(crate) fn between(&self) -> Duration {
        if self.overdue || self.bytes >= SMALL_BYTES { BETWEEN_MIN } else { BETWEEN_SMALL }
    }

    fn and(self, other: Self) -> Self {
        Self {
            file: self.file.max(other.file),
            bytes: self.bytes + other.bytes,
            overdue: self.overdue || other.overdue,
        }
    }
}

/// Looks at every partition.
pub(crate) fn survey(shared: &Shared) -> Backlog {
    let now = shared.clock.now();
    let mut backlog = Backlog::default();
    for partition in shared.all_partitions() {
        let state = partition.state();
        if state.deleted || !state.config.cleanup.compact {
            continue;
        }
        let waiting = Waiting::of(&state, now);
        backlog.dirty_bytes += waiting.extents + waiting.tail;
        backlog.overdue_ms = backlog.overdue_ms.max(waiting.overdue_ms);
        let wish = waiting.wish(&state, now);
        backlog.wish = match (backlog.wish, wish) {
            (Some(one), Some(other)) => Some(one.and(other)),
            (one, other) => one.or(other),
        };
    }
    backlog
}

/// What of a partition no pass has seen.
struct Waiting {
    /// Bytes in extents.
    extents: u64,
    /// Bytes in files without an index.
    tail: u64,
    overdue_ms: u64,
}

impl Waiting {
    fn of(state: &PartitionState, now: Timestamp) -> Self {
        let clean = state.extents.partition_point(|extent| extent.end <= state.cleaned_to);
        let dirty = &state.extents[clean..];
        let indexed: u64 = state.extents.iter().map(|extent| extent.bytes).sum();
        let tail_since = state.tail.front().map(|batch| batch.appended_at);
        let since = dirty.first().map(|extent| extent.first_append).or(tail_since);
        let overdue_ms = state.config.compaction_lag_max.zip(since).map_or(0, |(lag, since)| {
            u64::try_from(now.millis_since(since.plus(lag))).unwrap_or_default()
        });
        Self {
            extents: dirty.iter().map(|extent| extent.bytes).sum(),
            tail: state.bytes.saturating_sub(indexed),
            overdue_ms,
        }
    }

    /// What the tail wishes, if a pass could take something of it and would be due then (rules 47, 48).
    fn wish(&self, state: &PartitionState, now: Timestamp) -> Option<Wish> {
        let (first, last) = (state.tail.front()?, state.tail.back()?);
        let config = &state.config;
        let lag = config.compaction_lag_min;
        let young = !lag.is_zero() && first.entry.max_timestamp.plus(lag) > now;
        if young || first.entry.end_offset() > state.last_stable() {
            return None;
        }
        let overdue =
            config.compaction_lag_max.is_some_and(|lag| first.appended_at.plus(lag) < now);
        let rolled = !takes(config, self.tail, now.millis_since(first.appended_at));
        let percent = (self.extents + self.tail) * 100 / state.bytes.max(1);
        let worth = overdue || (rolled && percent >= u64::from(config.dirty_percent_min));
        worth.then_some(Wish { file: last.file.number, bytes: self.tail, overdue })
    }
}
