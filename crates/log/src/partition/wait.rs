//! Waiting for a partition to move: one mechanism for replies and for long polls.

use std::sync::Arc;

use thalweg_types::Offset;
use tokio::sync::Notify;

use super::{Partition, PartitionState, Watermarks};
use crate::error::LogError;

/// Generations whose end is remembered, so that late tickets still learn their fate.
const ENDED_MAX: usize = 16;

/// Who waits for which offset.
#[derive(Default)]
pub(crate) struct Waiters {
    list: Vec<Waiter>,
    next_id: u64,
}

struct Waiter {
    id: u64,
    /// Wakes when this one …
    watermark: Watermark,
    /// … is beyond this offset.
    beyond: Offset,
    notify: Arc<Notify>,
}

/// How far a reader may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watermark {
    /// As far as records are durable.
    High,
    /// As far as no open transaction holds them back.
    LastStable,
}

impl Watermarks {
    /// One of them.
    pub fn get(&self, watermark: Watermark) -> Offset {
        match watermark {
            Watermark::High => self.high_watermark,
            Watermark::LastStable => self.last_stable,
        }
    }
}

/// Names a registration, to take it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchId(u64);

impl Waiters {
    fn add(&mut self, watermark: Watermark, beyond: Offset, notify: Arc<Notify>) -> WatchId {
        self.next_id += 1;
        self.list.push(Waiter { id: self.next_id, watermark, beyond, notify });
        WatchId(self.next_id)
    }

    /// Takes out those who wait for something below their watermark.
    pub(crate) fn due(&mut self, watermarks: &Watermarks) -> Vec<Arc<Notify>> {
        self.list
            .extract_if(.., |waiter| waiter.beyond < watermarks.get(waiter.watermark))
            .map(|waiter| waiter.notify)
            .collect()
    }

    /// Takes out everybody.
    pub(crate) fn all(&mut self) -> Vec<Arc<Notify>> {
        self.list.drain(..).map(|waiter| waiter.notify).collect()
    }
}

/// What a ticket waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    HighWatermark(Offset),
    LogStart(Offset),
}

/// A claim on the durability of something that was accepted. The writer begins when a ticket is waited for,
/// submitted or dropped: what is accepted together is written together, with one flush.
#[derive(Debug)]
pub struct Ticket {
    partition: Arc<Partition>,
    generation: u64,
    target: Target,
    submitted: bool,
}

impl Ticket {
    pub(crate) fn new(partition: Arc<Partition>, generation: u64, target: Target) -> Self {
        Self { partition, generation, target, submitted: false }
    }

    /// Has the writer begin now.
    pub fn submit(&mut self) {
        if !std::mem::replace(&mut self.submitted, true) && self.partition.state().queued {
            self.partition.shared.writer.wake.wake();
        }
    }

    /// Completes when the claim is durable, or has failed for good.
    pub async fn wait(mut self) -> Result<(), LogError> {
        self.submit();
        let notify = Arc::new(Notify::new());
        loop {
            let watch = {
                let mut state = self.partition.state();
                if let Some(outcome) = self.outcome(&state) {
                    return outcome;
                }
                let beyond = match self.target {
                    Target::HighWatermark(end) => end.plus(-1),
                    // Trims move no high watermark; whoever publishes one wakes everybody.
                    Target::LogStart(_) => Offset(i64::MAX),
                };
                state.waiters.add(Watermark::High, beyond, notify.clone())
            };
            let _guard = Unwatch { partition: &self.partition, watch };
            notify.notified().await;
        }
    }

    fn outcome(&self, state: &PartitionState) -> Option<Result<(), LogError>> {
        let reached = |high_watermark| match self.target {
            Target::HighWatermark(end) => high_watermark >= end,
            Target::LogStart(start) => state.log_start >= start,
        };
        if state.generation == self.generation {
            if reached(state.high_watermark) {
                return Some(Ok(()));
            }
            return state.deleted.then(|| Err(LogError::Deleted(self.partition.id)));
        }
        let ended = state.ended.iter().find(|(generation, _)| *generation == self.generation);
        let durable = ended.is_some_and(|(_, high_watermark)| reached(*high_watermark));
        Some(if durable { Ok(()) } else { Err(LogError::WriteFailed) })
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.submit();
    }
}

struct Unwatch<'a> {
    partition: &'a Partition,
    watch: WatchId,
}

impl Drop for Unwatch<'_> {
    fn drop(&mut self) {
        self.partition.unwatch(self.watch);
    }
}

impl Partition {
    /// Asks for `notify` to be told when a watermark is beyond `offset`, when the partition is deleted,
    /// or when its log start moves. `None` if there is nothing to wait for.
    pub fn watch(
        &self,
        watermark: Watermark,
        offset: Offset,
        notify: &Arc<Notify>,
    ) -> Option<WatchId> {
        let mut state = self.state();
        let over = state.deleted || state.watermarks().get(watermark) > offset;
        (!over).then(|| state.waiters.add(watermark, offset, notify.clone()))
    }

    /// Takes a registration back; nothing happens if it is gone.
    pub fn unwatch(&self, watch: WatchId) {
        self.state().waiters.list.retain(|waiter| waiter.id != watch.0);
    }

    /// Forgets what is not durable. Everyone who waits for it learns that it failed.
    pub(crate) fn roll_back(&self) {
        let waiters = {
            let mut state = self.state();
            let ended = (state.generation, state.high_watermark);
            state.generation += 1;
            state.ended.push_back(ended);
            if state.ended.len() > ENDED_MAX {
                state.ended.pop_front();
            }
            state.next = state.high_watermark;
            state.pending.clear();
            state.producers.roll_back();
            state.waiters.all()
        };
        for notify in waiters {
            notify.notify_one();
        }
    }

    /// Marks the partition as deleted and wakes everyone.
    pub(crate) fn mark_deleted(&self) {
        let waiters = {
            let mut state = self.state();
            state.deleted = true;
            state.pending.clear();
            state.tail.clear();
            state.extents.clear();
            state.waiters.all()
        };
        for notify in waiters {
            notify.notify_one();
        }
    }
}
