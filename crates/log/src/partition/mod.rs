//! A partition: its state behind one short lock, and what can be asked of it.

mod append;
pub(crate) mod extent;
mod publish;
mod read;
mod replace;
mod time;
mod wait;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use thalweg_types::{LeaderEpoch, Offset, ProducerId, Timestamp, TopicPartition};

use crate::config::{Durability, PartitionConfig};
use crate::epochs::EpochTable;
use crate::files::FileId;
use crate::format::entry::BatchEntry;
use crate::planted::{self, Bug};
use crate::producers::{ProducerState, ProducerTable};
use crate::shared::Shared;
use crate::transactions::{AbortedTransaction, AbortedTransactions, OpenTransaction};
use extent::Extent;
use wait::Waiters;

pub use append::{AppendError, Appended};
pub use read::{ReadLimits, ReadPlan, Slice, is_gone};
pub(crate) use read::{check as check_batch, read_batches};
pub use time::TimestampOffset;
pub use wait::{Ticket, WatchId, Watermark};

/// One partition of the log. All methods may be called from any thread.
pub struct Partition {
    id: TopicPartition,
    shared: Arc<Shared>,
    state: Mutex<PartitionState>,
}

/// The offsets that bound what can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watermarks {
    /// The first offset that is kept.
    pub log_start: Offset,
    /// One past the last durable offset: what consumers see.
    pub high_watermark: Offset,
    /// One past the last offset that no open transaction holds back: what consumers of committed
    /// records see.
    pub last_stable: Offset,
    /// One past the last accepted offset, durable or not.
    pub log_end: Offset,
}

/// A partition's hard and soft state. The order of offsets is:
/// extents, then `tail`, then what the writer holds, then `pending`.
pub(crate) struct PartitionState {
    pub config: PartitionConfig,
    pub log_start: Offset,
    pub high_watermark: Offset,
    pub next: Offset,
    /// Counts the failed writes: what was accepted under an older number and not durable is gone.
    pub generation: u64,
    /// The high watermark at which each of the last generations ended, the newest last.
    pub ended: VecDeque<(u64, Offset)>,
    pub deleted: bool,
    pub epochs: EpochTable,
    pub producers: ProducerTable,
    pub aborted: AbortedTransactions,
    pub extents: Vec<Extent>,
    pub tail: VecDeque<TailBatch>,
    pub pending: VecDeque<Pending>,
    /// True while the partition stands in the writer's queue.
    pub queued: bool,
    pub waiters: Waiters,
    /// Bytes in extents and tail.
    pub bytes: u64,
    /// Offsets below this have been compacted.
    pub cleaned_to: Offset,
    /// True once it was said that timestamps in the future keep data.
    pub warned_of_future: bool,
}

/// A durable batch in a log file that is not indexed yet.
#[derive(Clone, Debug)]
pub(crate) struct TailBatch {
    pub entry: BatchEntry,
    pub file: FileId,
    pub appended_at: Timestamp,
    /// The batch's bytes while the cache keeps them.
    pub cached: Option<Bytes>,
}

/// What waits for the writer.
pub(crate) enum Pending {
    Batch { entry: BatchEntry, bytes: Bytes },
    Trim(Offset),
}

impl PartitionState {
    pub(crate) fn new(config: PartitionConfig) -> Self {
        Self {
            config,
            log_start: Offset::ZERO,
            high_watermark: Offset::ZERO,
            next: Offset::ZERO,
            generation: 0,
            ended: VecDeque::new(),
            deleted: false,
            epochs: EpochTable::default(),
            producers: ProducerTable::default(),
            aborted: AbortedTransactions::default(),
            extents: Vec::new(),
            tail: VecDeque::new(),
            pending: VecDeque::new(),
            queued: false,
            waiters: Waiters::default(),
            bytes: 0,
            cleaned_to: Offset::ZERO,
            warned_of_future: false,
        }
    }

    /// The offsets that bound what can be read.
    pub(crate) fn watermarks(&self) -> Watermarks {
        Watermarks {
            log_start: self.log_start,
            high_watermark: self.high_watermark,
            last_stable: self.last_stable(),
            log_end: self.next,
        }
    }

    /// One past the last offset that no open transaction holds back.
    pub(crate) fn last_stable(&self) -> Offset {
        let first_open = self.producers.first_open().unwrap_or(self.high_watermark);
        let first_open = first_open.plus(i64::from(planted::is(Bug::StableTooHigh)));
        first_open.clamp(self.log_start, self.high_watermark)
    }

    /// Where extents and tail end. What lies before is in them, or was trimmed.
    pub(crate) fn covered_to(&self) -> Offset {
        let indexed = self.extents.last().map_or(Offset::ZERO, |extent| extent.end);
        self.tail.back().map_or(indexed, |batch| batch.entry.end_offset())
    }

    /// Gives up what a checkpoint told of and a power cut took: with `durability = os` records are
    /// published before they are flushed. What is not there is not claimed, to readers or producers.
    pub(crate) fn forget_lost_end(&mut self) {
        let end = self.covered_to().max(self.log_start);
        if end < self.high_watermark {
            self.high_watermark = end;
            self.next = end;
            self.cleaned_to = self.cleaned_to.min(end);
            self.epochs.cut(end);
            self.producers.cut(end);
            self.aborted.cut(end);
        }
    }
}

impl Partition {
    pub(crate) fn new(id: TopicPartition, shared: Arc<Shared>, state: PartitionState) -> Arc<Self> {
        Arc::new(Self { id, shared, state: Mutex::new(state) })
    }

    /// The partition's name.
    pub fn id(&self) -> TopicPartition {
        self.id
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, PartitionState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The offsets that bound what can be read.
    pub fn watermarks(&self) -> Watermarks {
        self.state().watermarks()
    }

    /// The aborted transactions with records in `from..to`.
    pub fn aborted_transactions(&self, from: Offset, to: Offset) -> Vec<AbortedTransaction> {
        self.state().aborted.within(from, to)
    }

    /// Changes when an aborted transaction is forgotten, because its records and its marker are gone.
    /// Who reads records first and asks for [`aborted_transactions`](Self::aborted_transactions) after may
    /// not trust the answer if this has changed since before the read was planned.
    pub fn transactions_forgotten(&self) -> u64 {
        self.state().aborted.forgotten()
    }

    /// The epoch that this owner stamps on batches.
    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.shared.leader_epoch
    }

    /// Where the largest known epoch at or below `asked` ends; `None` above the current one.
    pub fn end_of_epoch(&self, asked: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        let state = self.state();
        state.epochs.end_of(asked, self.shared.leader_epoch, state.high_watermark)
    }

    /// The epoch under which the record at `offset` was written.
    pub fn epoch_at(&self, offset: Offset) -> Option<LeaderEpoch> {
        self.state().epochs.at(offset)
    }

    /// Bytes kept.
    pub fn bytes(&self) -> u64 {
        self.state().bytes
    }

    /// Idempotent producers with durable batches.
    pub fn producers(&self) -> Vec<(ProducerId, ProducerState)> {
        let state = self.state();
        state.producers.durable().map(|(id, producer)| (*id, producer.clone())).collect()
    }

    /// The open transaction that holds back readers of committed records.
    pub fn oldest_open_transaction(&self) -> Option<OpenTransaction> {
        self.state().producers.oldest_open()
    }

    /// The configuration in force.
    pub fn config(&self) -> PartitionConfig {
        self.state().config.clone()
    }

    /// Puts another configuration in force, for what comes after.
    pub fn set_config(&self, config: PartitionConfig) {
        self.state().config = config;
        self.shared.background.wake();
    }

    /// What an acknowledgement of this partition is worth.
    pub fn durability(&self) -> Durability {
        self.state().config.durability
    }
}

impl std::fmt::Debug for Partition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Partition({})", self.id)
    }
}
