//! The log writer: one worker that makes what all partitions have queued durable, chunk by chunk.
//!
//! A turn either writes and flushes a chunk, or publishes the chunk that was flushed before. While a
//! chunk is being flushed the next one gathers in the partitions: that is the group commit, and no
//! timer is needed for it.
//!
//! A failed write or flush is never repeated. The writer drops what was not durable, gives up the
//! file where its last good chunk ends, and goes on in a new file that says so in its first chunk.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use thalweg_env::{DiskFile, Turn, Worker};
use thalweg_types::{Offset, Timestamp};

use crate::config::Durability;
use crate::error::LogError;
use crate::files::FileId;
use crate::format::ALIGN;
use crate::format::chunk::{ChunkBuilder, EncodedChunk, Place};
use crate::format::entry::{BatchEntry, RunKind};
use crate::metrics::LogMetrics;
use crate::partition::{Partition, Pending};
use crate::planted::{self, Bug};
use crate::shared::{Finished, Holder, Reason};

/// How long the writer waits before it tries a new file after a failure.
const REOPEN_AFTER: Duration = Duration::from_secs(1);

/// Where a log file's valid bytes end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LogEnd {
    /// The file's number; 0 before the first file.
    pub file: u64,
    pub position: u64,
    /// The sequence of the next chunk.
    pub sequence: u64,
}

pub(crate) struct Writer {
    shared: Arc<Holder>,
    /// `None` after a failure, until a new file is open.
    active: Option<Active>,
    /// Where the log ends durably.
    end: LogEnd,
    in_flight: Option<InFlight>,
    recent: RecentBatches,
    finished: bool,
}

struct Active {
    id: FileId,
    handle: Arc<dyn DiskFile>,
    len: u64,
    /// Where the next chunk goes.
    position: u64,
    flushed_to: u64,
}

/// A chunk that is on its way: its runs, to be published once it is durable.
struct InFlight {
    runs: Vec<Run>,
    file: FileId,
    written_at: Timestamp,
}

struct Run {
    partition: Arc<Partition>,
    durability: Durability,
    kind: RunKind,
    entries: Vec<BatchEntry>,
    batches: Vec<Bytes>,
}

impl Writer {
    /// Opens a new file after `end` and seals what lies before it. On failure the writer begins in
    /// the failed state: reads work, writes are refused until a file can be opened.
    pub(crate) fn open(shared: Arc<Holder>, end: LogEnd) -> Self {
        let mut writer = Self {
            active: None,
            end,
            in_flight: None,
            recent: RecentBatches::new(shared.options.cache_bytes),
            finished: false,
            shared,
        };
        if let Err(error) = writer.open_file(0) {
            writer.fail(&error);
        }
        writer
    }

    /// Starts a new file whose first chunk, empty and flushed, says where the log ended before.
    fn open_file(&mut self, chunk_len: u64) -> Result<(), LogError> {
        let room = ALIGN * 2 + chunk_len;
        let spare = self.shared.handoff.take_spare(self.end.file, room);
        let (id, handle, len) = if let Some(spare) = spare {
            (spare.id, spare.handle, spare.len)
        } else {
            let id = FileId::wal(self.shared.new_file_number());
            let len = self.shared.options.wal_file_bytes.max(room);
            let handle = self.shared.files.create(id, len, self.shared.options.incarnation)?;
            (id, handle, len)
        };
        let mut active = Active { id, handle, len, position: ALIGN, flushed_to: ALIGN };
        let seal = ChunkBuilder::default().encode(Place {
            previous_file: self.end.file,
            previous_end: self.end.position,
            ..self.place(&active)
        });
        let path = self.shared.files.path(id);
        write_chunk(&active, &seal).map_err(LogError::io("writing", &path))?;
        self.flush(&active).map_err(LogError::io("flushing", &path))?;
        active.position += seal.len;
        active.flushed_to = active.position;
        LogMetrics::add(&self.shared.metrics.wal_bytes, seal.len);
        self.end =
            LogEnd { file: id.number, position: active.position, sequence: self.end.sequence + 1 };
        self.active = Some(active);
        self.shared.background.wake();
        Ok(())
    }

    fn place(&self, active: &Active) -> Place {
        Place {
            file: active.id.number,
            position: active.position,
            sequence: self.end.sequence,
            flushed_to: active.flushed_to,
            written_at: self.shared.clock.now(),
            ..Place::default()
        }
    }

    fn flush(&self, active: &Active) -> std::io::Result<()> {
        let began = self.shared.env.now();
        let outcome = active.handle.sync_data();
        self.shared.metrics.flushed(self.shared.env.now().saturating_duration_since(began));
        if planted::is(Bug::IgnoreFlushError) { Ok(()) } else { outcome }
    }

    /// Takes what the partitions have queued, up to the chunk's limit.
    fn gather(&self) -> Vec<Run> {
        let mut ready = self.shared.writer.take_all();
        let mut left = self.shared.options.chunk_bytes_max;
        let mut runs = Vec::new();
        let mut again = VecDeque::new();
        while left > 0
            && let Some(partition) = ready.pop_front()
        {
            let taken = partition.take_pending(left, runs.is_empty());
            if taken.more {
                again.push_back(partition.clone());
            }
            if taken.items.is_empty() {
                break;
            }
            left =
                left.saturating_sub(add_runs(&partition, taken.items, taken.durability, &mut runs));
        }
        ready.extend(again);
        if !ready.is_empty() {
            self.shared.writer.put_back(ready);
            self.shared.writer.wake.wake();
        }
        runs
    }

    /// Writes one chunk and flushes it if one of its runs asks for that. On return its runs are as
    /// durable as their topics want, and wait to be published.
    fn commit(&mut self, runs: Vec<Run>) -> Result<(), LogError> {
        let builder = build(&runs);
        let len = builder.encoded_len();
        if self.active.as_ref().is_some_and(|active| active.position + len > active.len) {
            self.roll(len)?;
        }
        let Some(active) = self.active.as_ref() else {
            return Err(LogError::Stalled("no log file is open".into()));
        };
        let place = self.place(active);
        let chunk = builder.encode(place);
        let id = active.id;
        let path = self.shared.files.path(id);
        write_chunk(active, &chunk).map_err(LogError::io("writing", &path))?;
        let runs = with_positions(runs, &chunk);
        let flushed = needs_flush(&runs);
        if flushed {
            self.flush(active).map_err(LogError::io("flushing", &path))?;
        }
        if let Some(active) = self.active.as_mut() {
            active.position += chunk.len;
            active.flushed_to = if flushed { active.position } else { active.flushed_to };
            self.end.position = active.position;
            self.end.sequence += 1;
        }
        let metrics = &self.shared.metrics;
        LogMetrics::add(&metrics.wal_bytes, chunk.len);
        LogMetrics::add(&metrics.chunks, 1);
        self.in_flight = Some(InFlight { runs, file: id, written_at: place.written_at });
        Ok(())
    }

    fn publish(&mut self, chunk: InFlight) {
        let metrics = &self.shared.metrics;
        for run in chunk.runs {
            match run.kind {
                RunKind::Trim(to) => run.partition.publish_trim(to),
                RunKind::Batches => {
                    let bytes: u64 = run.batches.iter().map(|batch| batch.len() as u64).sum();
                    LogMetrics::add(&metrics.appended_bytes, bytes);
                    LogMetrics::add(&metrics.appended_batches, run.batches.len() as u64);
                    run.partition.publish(&run.entries, &run.batches, chunk.file, chunk.written_at);
                    let last = run.entries.last().map_or(Offset::NONE, |entry| entry.base_offset);
                    self.recent.push(run.partition, last, bytes);
                }
            }
        }
    }

    /// Closes the active file and opens the next one with room for a chunk of `chunk_len`.
    fn roll(&mut self, chunk_len: u64) -> Result<(), LogError> {
        let Some(active) = self.active.as_ref() else { return Ok(()) };
        if active.flushed_to < active.position {
            let path = self.shared.files.path(active.id);
            self.flush(active).map_err(LogError::io("flushing", path))?;
        }
        self.finish_active();
        LogMetrics::add(&self.shared.metrics.rolls, 1);
        self.open_file(chunk_len)
    }

    /// True if compaction waits for the end of the active file.
    fn should_end_early(&self) -> bool {
        let ending = |active: &Active| self.shared.writer.is_ending(active.id.number);
        self.active.as_ref().is_some_and(ending)
    }

    /// Hands the active file to the background worker.
    fn finish_active(&mut self) {
        if let Some(active) = self.active.take() {
            let finished = Finished { id: active.id, end: active.position };
            self.shared.handoff.push_finished(finished);
            self.shared.background.wake();
        }
    }

    /// Forgets everything that is not durable and refuses writes until a new file is open.
    fn fail(&mut self, error: &LogError) {
        LogMetrics::add(&self.shared.metrics.write_failures, 1);
        tracing::error!(%error, "log writer stopped: nothing that was not durable is kept");
        self.shared.health.raise(Reason::WriteFailed, error.to_string());
        self.finish_active();
        for partition in self.shared.all_partitions() {
            partition.roll_back();
        }
    }

    /// Tries to go on in a new file.
    fn recover(&mut self) -> Turn {
        match self.open_file(0) {
            Ok(()) => {
                self.shared.health.clear(Reason::WriteFailed);
                tracing::warn!(file = self.end.file, "log writer works again");
                Turn::Again
            }
            Err(error) => {
                tracing::warn!(%error, "log writer cannot open a new file yet");
                self.shared.health.raise(Reason::WriteFailed, error.to_string());
                Turn::Until(self.shared.env.now() + REOPEN_AFTER)
            }
        }
    }

    /// Flushes what was only written, and ends.
    fn close(&mut self) -> Turn {
        if let Some(active) = self.active.as_ref().filter(|file| file.flushed_to < file.position)
            && let Err(error) = self.flush(active)
        {
            tracing::error!(%error, "the last flush failed");
        }
        self.finish_active();
        self.shared.handoff.set_writer_done();
        self.shared.background.wake();
        self.finished = true;
        Turn::Done
    }
}

impl Worker for Writer {
    fn turn(&mut self) -> Turn {
        if let Some(chunk) = self.in_flight.take() {
            self.publish(chunk);
            return Turn::Again;
        }
        if self.finished {
            return Turn::Done;
        }
        let closing = self.shared.health.has(Reason::Closing);
        if self.active.is_none() {
            return if closing { self.close() } else { self.recover() };
        }
        let outcome = if self.should_end_early() && !closing {
            LogMetrics::add(&self.shared.metrics.early_rolls, 1);
            self.roll(0)
        } else {
            let runs = self.gather();
            if runs.is_empty() {
                return if closing { self.close() } else { Turn::Idle };
            }
            self.commit(runs)
        };
        if let Err(error) = outcome {
            self.fail(&error);
            return Turn::Until(self.shared.env.now() + REOPEN_AFTER);
        }
        Turn::Again
    }
}

/// Splits a partition's items into runs; returns their bytes.
fn add_runs(
    partition: &Arc<Partition>,
    items: Vec<Pending>,
    durability: Durability,
    runs: &mut Vec<Run>,
) -> u64 {
    let mut len = 0;
    let mut open = false;
    for item in items {
        let kind = match &item {
            Pending::Batch { .. } => RunKind::Batches,
            Pending::Trim(to) => RunKind::Trim(*to),
        };
        if !(open && kind == RunKind::Batches) {
            runs.push(Run {
                partition: partition.clone(),
                durability: if kind == RunKind::Batches { durability } else { Durability::Flush },
                kind,
                entries: Vec::new(),
                batches: Vec::new(),
            });
        }
        open = kind == RunKind::Batches;
        if let (Pending::Batch { entry, bytes }, Some(run)) = (item, runs.last_mut()) {
            len += bytes.len() as u64;
            run.entries.push(entry);
            run.batches.push(bytes);
        }
    }
    len
}

fn build(runs: &[Run]) -> ChunkBuilder {
    let mut builder = ChunkBuilder::default();
    for run in runs {
        builder.begin_run(run.partition.id(), run.kind);
        for (entry, bytes) in run.entries.iter().zip(&run.batches) {
            builder.push_batch(*entry, bytes.clone());
        }
    }
    builder
}

/// A chunk with one run that asks for a flush is flushed whole, and published after it.
fn needs_flush(runs: &[Run]) -> bool {
    !planted::is(Bug::AckBeforeFlush) && runs.iter().any(|run| run.durability == Durability::Flush)
}

/// The runs with the positions that their batches got in the chunk.
fn with_positions(mut runs: Vec<Run>, chunk: &EncodedChunk) -> Vec<Run> {
    for (run, (_, placed)) in runs.iter_mut().zip(chunk.footer.runs()) {
        run.entries.copy_from_slice(placed);
    }
    runs
}

fn write_chunk(active: &Active, chunk: &EncodedChunk) -> std::io::Result<()> {
    let parts: Vec<_> = chunk.parts.iter().map(|part| IoSlice::new(part)).collect();
    active.handle.write_all_at(&parts, active.position)
}

/// The batches that the cache holds, oldest first, within the budget.
struct RecentBatches {
    bytes_max: u64,
    bytes: u64,
    runs: VecDeque<(Arc<Partition>, Offset, u64)>,
}

impl RecentBatches {
    fn new(bytes_max: u64) -> Self {
        Self { bytes_max, bytes: 0, runs: VecDeque::new() }
    }

    fn push(&mut self, partition: Arc<Partition>, last: Offset, bytes: u64) {
        self.runs.push_back((partition, last, bytes));
        self.bytes += bytes;
        while self.bytes > self.bytes_max
            && let Some((partition, last, bytes)) = self.runs.pop_front()
        {
            self.bytes -= bytes;
            partition.evict(last);
        }
    }
}
