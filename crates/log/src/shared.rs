//! What partitions, writer and background worker share.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use thalweg_env::{DiskFile, Env, Wake};
use thalweg_types::{LeaderEpoch, TopicPartition};

use crate::clock::RetentionClock;
use crate::config::LogOptions;
use crate::error::LogError;
use crate::files::{FileId, FileTable};
use crate::index_cache::IndexCache;
use crate::metrics::LogMetrics;
use crate::partition::Partition;

/// The state that several parts of the log need. Each lock in it is held alone and briefly.
pub(crate) struct Shared {
    pub env: Env,
    pub options: LogOptions,
    pub leader_epoch: LeaderEpoch,
    pub clock: RetentionClock,
    pub files: FileTable,
    pub index: IndexCache,
    pub health: Health,
    pub writer: WriterQueue,
    pub background: Wake,
    pub handoff: Handoff,
    pub metrics: LogMetrics,
    pub next_file: AtomicU64,
    /// True if the next round of the background worker should leave a checkpoint.
    pub stale: AtomicBool,
    pub partitions: RwLock<BTreeMap<TopicPartition, Arc<Partition>>>,
}

impl Shared {
    pub(crate) fn new(
        env: &Env,
        clock: RetentionClock,
        options: LogOptions,
        next_file: u64,
    ) -> Self {
        let dir = options.dir.join(crate::LOG_DIR);
        Self {
            env: env.clone(),
            leader_epoch: LeaderEpoch(options.incarnation as i32),
            clock,
            files: FileTable::new(env.disk(), dir, options.open_files_max),
            index: IndexCache::new(options.index_cache_bytes),
            health: Health::default(),
            writer: WriterQueue::default(),
            background: Wake::default(),
            handoff: Handoff::default(),
            metrics: LogMetrics::default(),
            next_file: AtomicU64::new(next_file),
            stale: AtomicBool::new(false),
            partitions: RwLock::default(),
            options,
        }
    }

    /// Asks the background worker's next round for a checkpoint, and so for the removal of files
    /// that it does without.
    pub(crate) fn make_stale(&self) {
        self.stale.store(true, Ordering::Relaxed);
    }

    /// A file number that was never used.
    pub(crate) fn new_file_number(&self) -> u64 {
        self.next_file.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn partition(&self, id: TopicPartition) -> Option<Arc<Partition>> {
        self.partitions.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// Adds a partition, unless one of that name is there; returns the one that is there then.
    pub(crate) fn insert(&self, partition: Arc<Partition>) -> Arc<Partition> {
        let mut partitions = self.partitions.write().unwrap_or_else(PoisonError::into_inner);
        partitions.entry(partition.id()).or_insert(partition).clone()
    }

    pub(crate) fn remove(&self, id: TopicPartition) -> Option<Arc<Partition>> {
        self.partitions.write().unwrap_or_else(PoisonError::into_inner).remove(&id)
    }

    /// All partitions at this moment.
    pub(crate) fn all_partitions(&self) -> Vec<Arc<Partition>> {
        let partitions = self.partitions.read().unwrap_or_else(PoisonError::into_inner);
        partitions.values().cloned().collect()
    }
}

/// How the log and its workers hold what they share. Partitions refer to that, and it to them: the
/// last holder to go takes them apart, or a log that is dropped would never free its memory.
pub(crate) struct Holder(pub Arc<Shared>);

impl Deref for Holder {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.partitions.write().unwrap_or_else(PoisonError::into_inner).clear();
        self.writer.take_all();
    }
}

/// Whether writes are accepted, and if not, why.
#[derive(Default)]
pub(crate) struct Health {
    /// Bit set of reasons not to write; 0 is healthy.
    reasons: AtomicU8,
    failure: Mutex<String>,
}

/// A reason to refuse writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Reason {
    WriteFailed = 1,
    LowSpace = 2,
    Closing = 4,
}

impl Health {
    pub(crate) fn raise(&self, reason: Reason, text: String) {
        if reason != Reason::Closing {
            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = text;
        }
        self.reasons.fetch_or(reason as u8, Ordering::AcqRel);
    }

    pub(crate) fn clear(&self, reason: Reason) {
        self.reasons.fetch_and(!(reason as u8), Ordering::AcqRel);
    }

    pub(crate) fn has(&self, reason: Reason) -> bool {
        self.reasons.load(Ordering::Acquire) & reason as u8 != 0
    }

    /// Why writes are refused, in words; `None` if they are accepted.
    pub(crate) fn trouble(&self) -> Option<String> {
        let troubled = self.has(Reason::WriteFailed) || self.has(Reason::LowSpace);
        troubled.then(|| self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    pub(crate) fn check_writable(&self) -> Result<(), LogError> {
        if self.reasons.load(Ordering::Acquire) == 0 {
            return Ok(());
        }
        if self.has(Reason::Closing) {
            return Err(LogError::Closing);
        }
        Err(LogError::Stalled(self.trouble().unwrap_or_default()))
    }
}

/// Partitions with something for the writer. Each stands in it at most once.
#[derive(Default)]
pub(crate) struct WriterQueue {
    ready: Mutex<VecDeque<Arc<Partition>>>,
    /// The number of the file that should end early; 0 for none.
    ending: AtomicU64,
    pub wake: Wake,
}

impl WriterQueue {
    /// For the writer's next turn. Whoever accepted something for the partition wakes the writer, see
    /// [`Ticket`](crate::Ticket).
    pub(crate) fn push(&self, partition: Arc<Partition>) {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).push_back(partition);
    }

    pub(crate) fn take_all(&self) -> VecDeque<Arc<Partition>> {
        std::mem::take(&mut *self.ready.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks the writer to end this file, if it is still the one that it writes.
    pub(crate) fn end_file(&self, number: u64) {
        self.ending.store(number, Ordering::Release);
        self.wake.wake();
    }

    /// True if this file should end.
    pub(crate) fn is_ending(&self, number: u64) -> bool {
        self.ending.load(Ordering::Acquire) == number
    }

    /// Puts back what a full chunk had no room for, in front.
    pub(crate) fn put_back(&self, partitions: VecDeque<Arc<Partition>>) {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        for partition in partitions.into_iter().rev() {
            ready.push_front(partition);
        }
    }
}

/// A log file made in advance.
pub(crate) struct Spare {
    pub id: FileId,
    pub handle: Arc<dyn DiskFile>,
    pub len: u64,
}

/// A write-ahead log file that will not be written to again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Finished {
    pub id: FileId,
    /// Where its valid bytes end.
    pub end: u64,
}

/// What writer and background worker pass to each other.
#[derive(Default)]
pub(crate) struct Handoff {
    spare: Mutex<Option<Spare>>,
    finished: Mutex<VecDeque<Finished>>,
    writer_done: AtomicBool,
}

impl Handoff {
    /// The writer has handed over its last file.
    pub(crate) fn set_writer_done(&self) {
        self.writer_done.store(true, Ordering::Release);
    }

    pub(crate) fn writer_done(&self) -> bool {
        self.writer_done.load(Ordering::Acquire)
    }

    pub(crate) fn has_spare(&self) -> bool {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    pub(crate) fn put_spare(&self, spare: Spare) {
        *self.spare.lock().unwrap_or_else(PoisonError::into_inner) = Some(spare);
    }

    /// Takes the spare file if it is of use: large enough, and with a number above `after`, because
    /// recovery reads files by their numbers. Another one is dropped; it holds nothing.
    pub(crate) fn take_spare(&self, after: u64, len: u64) -> Option<Spare> {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).take();
        spare.filter(|spare| spare.len >= len && spare.id.number > after)
    }

    pub(crate) fn push_finished(&self, finished: Finished) {
        self.finished.lock().unwrap_or_else(PoisonError::into_inner).push_back(finished);
    }

    /// The oldest finished file, if more than `keep` wait.
    pub(crate) fn oldest_finished(&self, keep: usize) -> Option<Finished> {
        let finished = self.finished.lock().unwrap_or_else(PoisonError::into_inner);
        (finished.len() > keep).then(|| finished.front().copied()).flatten()
    }

    pub(crate) fn pop_finished(&self) {
        self.finished.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    }
}
