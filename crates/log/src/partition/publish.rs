//! What the writer does to a partition: take what waits, and say what became durable.

use std::collections::VecDeque;

use bytes::Bytes;
use thalweg_types::{Offset, Timestamp};

use super::{Partition, PartitionState, Pending, TailBatch};
use crate::config::Durability;
use crate::files::FileId;
use crate::format::entry::BatchEntry;

/// What the writer took from a partition for one chunk.
pub(crate) struct Taken {
    pub items: Vec<Pending>,
    pub durability: Durability,
    /// True if more waits.
    pub more: bool,
}

impl Partition {
    /// Takes what waits, up to `bytes_max` but at least one item if `at_least_one`.
    pub(crate) fn take_pending(&self, bytes_max: u64, at_least_one: bool) -> Taken {
        let mut state = self.state();
        let mut items = Vec::new();
        let mut bytes = 0;
        while let Some(next) = state.pending.front() {
            let len = match next {
                Pending::Batch { bytes, .. } => bytes.len() as u64,
                Pending::Trim(_) => 0,
            };
            let fits = bytes + len <= bytes_max || (items.is_empty() && at_least_one);
            if !fits {
                break;
            }
            bytes += len;
            items.extend(state.pending.pop_front());
        }
        let more = !state.pending.is_empty();
        state.queued = more;
        Taken { items, durability: state.config.durability, more }
    }

    /// The batches are durable: consumers may see them, waiters wake.
    pub(crate) fn publish(
        &self,
        entries: &[BatchEntry],
        batches: &[Bytes],
        file: FileId,
        now: Timestamp,
    ) {
        let waiters = {
            let mut state = self.state();
            if state.deleted {
                return;
            }
            for (entry, bytes) in entries.iter().zip(batches) {
                state.settle(*entry, file, now, Some(bytes.clone()));
            }
            let watermarks = state.watermarks();
            state.waiters.due(&watermarks)
        };
        for notify in waiters {
            notify.notify_one();
        }
    }

    /// The log start offset moved, durably.
    pub(crate) fn publish_trim(&self, to: Offset) {
        let waiters = {
            let mut state = self.state();
            state.trim_to(to);
            state.waiters.all()
        };
        for notify in waiters {
            notify.notify_one();
        }
        self.shared.make_stale();
    }

    /// Drops the cached bytes of batches up to `last`.
    pub(crate) fn evict(&self, last: Offset) {
        let mut state = self.state();
        let end = state.tail.partition_point(|batch| batch.entry.base_offset <= last);
        // Older batches have been evicted before: stop at the first that is.
        for batch in state.tail.range_mut(..end).rev() {
            if batch.cached.take().is_none() {
                break;
            }
        }
    }
}

impl PartitionState {
    /// A batch is durable. Used by the writer and by recovery alike.
    pub(crate) fn settle(
        &mut self,
        entry: BatchEntry,
        file: FileId,
        now: Timestamp,
        cached: Option<Bytes>,
    ) {
        let aborted = self.producers.settle(&entry, now);
        self.aborted.extend(aborted);
        self.epochs.note(entry.leader_epoch, entry.base_offset);
        self.high_watermark = entry.end_offset();
        self.next = self.next.max(self.high_watermark);
        self.bytes += u64::from(entry.len);
        self.tail.push_back(TailBatch { entry, file, appended_at: now, cached });
    }

    /// Moves the log start offset, and drops what lies wholly before it.
    pub(crate) fn trim_to(&mut self, to: Offset) {
        if to <= self.log_start {
            return;
        }
        self.log_start = to;
        self.epochs.trim(to);
        self.aborted.trim(to);
        let gone = self.extents.partition_point(|extent| extent.end <= to);
        let freed: u64 = self.extents.drain(..gone).map(|extent| extent.bytes).sum();
        self.bytes -= freed;
        drop_front(&mut self.tail, to, &mut self.bytes);
        if self.high_watermark < to {
            self.high_watermark = to;
            self.next = self.next.max(to);
        }
    }
}

fn drop_front(tail: &mut VecDeque<TailBatch>, to: Offset, bytes: &mut u64) {
    let gone = tail.partition_point(|batch| batch.entry.end_offset() <= to);
    for batch in tail.drain(..gone) {
        *bytes -= u64::from(batch.entry.len);
    }
}
