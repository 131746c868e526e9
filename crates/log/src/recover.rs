//! Putting the partitions together again from the checkpoint and the chunk footers after it.

use std::collections::BTreeMap;
use std::io::IoSlice;

use thalweg_types::{Timestamp, TopicPartition};

use crate::checkpoint::Checkpoint;
use crate::config::{Durability, PartitionConfig};
use crate::error::LogError;
use crate::files::{FileId, FileTable, Kind};
use crate::format::ALIGN;
use crate::format::entry::{BatchEntry, RunKind};
use crate::partition::{PartitionState, TailBatch};
use crate::planted::{self, Bug};
use crate::scan::{self, Damage, Scanned, ScannedChunk};
use crate::shared::Finished;
use crate::writer::LogEnd;

/// What recovery found.
pub(crate) struct Recovered {
    pub partitions: BTreeMap<TopicPartition, PartitionState>,
    pub end: LogEnd,
    /// The latest time on disk, by the retention clock.
    pub written_at: Option<Timestamp>,
    /// Replayed files, oldest first, for the background worker to index.
    pub finished: Vec<Finished>,
    pub report: RecoveryReport,
}

/// What recovery had to do, for the log line and for tests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// Log files whose footers were read.
    pub files: usize,
    /// Chunks replayed.
    pub chunks: usize,
    /// True if the last write before the end was torn and was dropped.
    pub torn_tail: bool,
    /// Damaged places, none of which hid anything but itself.
    pub damage: Vec<Damage>,
}

pub(crate) struct Recovery<'a> {
    files: &'a FileTable,
    states: BTreeMap<TopicPartition, PartitionState>,
    written_at: Option<Timestamp>,
    report: RecoveryReport,
}

impl<'a> Recovery<'a> {
    /// Begins with the states of `checkpoint` for the partitions in `live`; the others are gone.
    pub(crate) fn new(
        files: &'a FileTable,
        checkpoint: Checkpoint,
        live: BTreeMap<TopicPartition, PartitionConfig>,
    ) -> Self {
        let mut states: BTreeMap<_, _> =
            live.into_iter().map(|(id, config)| (id, PartitionState::new(config))).collect();
        let written_at = (checkpoint != Checkpoint::default()).then_some(checkpoint.written_at);
        for partition in checkpoint.partitions {
            if let Some(state) = states.get_mut(&partition.id) {
                partition.restore(state);
            }
        }
        Self { files, states, written_at, report: RecoveryReport::default() }
    }

    /// Replays `wals`, the numbers of all write-ahead log files not covered by the checkpoint.
    pub(crate) fn run(mut self, wals: &[u64]) -> Result<Recovered, LogError> {
        let (used, unused) = used_files(self.files, wals)?;
        for file in unused {
            self.files.remove(file)?;
        }
        let mut finished = Vec::new();
        let mut end = LogEnd::default();
        for (at, file) in used.iter().enumerate() {
            let limit = UsedFile::end(&used, at);
            let scanned = match limit {
                Some(limit) => self.replay(file.id, limit)?,
                None => self.replay_last(file.id)?,
            };
            finished.push(Finished { id: file.id, end: scanned.end });
            end = LogEnd {
                file: file.id.number,
                position: scanned.end,
                sequence: scanned.last.map_or(end.sequence, |last| last.sequence + 1),
            };
            self.written_at = self.written_at.max(scanned.last.map(|last| last.written_at));
            self.report.damage.extend(scanned.damage);
        }
        self.report.files = used.len();
        let os = |state: &&mut PartitionState| state.config.durability == Durability::Os;
        self.states.values_mut().filter(os).for_each(PartitionState::forget_lost_end);
        if planted::is(Bug::ReuseOffset) {
            self.states
                .values_mut()
                .for_each(|state| state.next = state.next.plus(-1).max(state.log_start));
        }
        Ok(Recovered {
            partitions: self.states,
            end,
            written_at: self.written_at,
            finished,
            report: self.report,
        })
    }

    /// Replays a file that was flushed whole and ends at `limit`.
    fn replay(&mut self, file: FileId, limit: u64) -> Result<Scanned, LogError> {
        let mut replayed = Replay { states: &mut self.states, file, chunks: 0 };
        let scanned = scan::each_chunk(self.files, file, limit, |chunk| replayed.chunk(chunk))?;
        self.report.chunks += replayed.chunks;
        Ok(scanned)
    }

    /// Replays the file that was written last. Chunks that were not known to be flushed count only
    /// if every byte of them is there, and only up to the first that is not.
    fn replay_last(&mut self, file: FileId) -> Result<Scanned, LogError> {
        let mut chunks = Vec::new();
        let mut scanned =
            scan::each_chunk(self.files, file, u64::MAX, |chunk| chunks.push(chunk.clone()))?;
        let flushed_to = scanned.last.map_or(ALIGN, |last| last.flushed_to);
        let torn = chunks.iter().position(|chunk| {
            chunk.position >= flushed_to && !scan::verify_body(self.files, file, chunk).is_empty()
        });
        if let Some(torn) = torn {
            self.report.torn_tail = true;
            scanned.end = chunks[torn].position;
            chunks.truncate(torn);
            scanned.last = chunks.last().map(|chunk| chunk.descriptor);
        }
        let mut replayed = Replay { states: &mut self.states, file, chunks: 0 };
        for chunk in &chunks {
            replayed.chunk(chunk);
        }
        self.report.chunks += replayed.chunks;
        let unproven = chunks.iter().filter(|chunk| chunk.position >= flushed_to);
        self.make_durable(file, unproven)?;
        Ok(scanned)
    }

    /// What a killed process wrote may be in memory only, and is served from now on. A flush alone
    /// would prove nothing: after a failed one the system may hold these pages for clean. So the
    /// same bytes are written once more, and flushed; with them the ends of a chunk of which a power
    /// cut kept all but those.
    fn make_durable<'c>(
        &self,
        file: FileId,
        chunks: impl Iterator<Item = &'c ScannedChunk>,
    ) -> Result<(), LogError> {
        let path = self.files.path(file);
        let handle = self.files.get(file)?;
        for chunk in chunks {
            let mut bytes = vec![0; chunk.descriptor.len as usize];
            let read = handle.read_exact_at(&mut bytes, chunk.position);
            read.map_err(LogError::io("reading", &path))?;
            chunk.mend(&mut bytes);
            let written = handle.write_all_at(&[IoSlice::new(&bytes)], chunk.position);
            written.map_err(LogError::io("writing", &path))?;
        }
        handle.sync_data().map_err(LogError::io("flushing", &path))
    }
}

/// A write-ahead log file with at least one chunk.
pub(crate) struct UsedFile {
    pub id: FileId,
    /// The number of the file before it, …
    previous: u64,
    /// … and where that one ends.
    previous_end: u64,
}

impl UsedFile {
    /// Where the file in the place `at` ends; `None` for the last, whose end is to be found.
    pub(crate) fn end(used: &[Self], at: usize) -> Option<u64> {
        let later = &used[at + 1..];
        let next = later.iter().find(|next| next.previous == used[at].id.number);
        match next {
            Some(next) => Some(next.previous_end),
            // Begun, and given up before anything was in it.
            None => (!later.is_empty()).then_some(ALIGN),
        }
    }
}

/// The files of `wals` that are in use, and those that are not: made in advance, or their first write
/// was torn.
pub(crate) fn used_files(
    files: &FileTable,
    wals: &[u64],
) -> Result<(Vec<UsedFile>, Vec<FileId>), LogError> {
    let mut used: Vec<UsedFile> = Vec::new();
    let mut unused = Vec::new();
    let mut unreadable = Vec::new();
    for id in wals.iter().copied().map(FileId::wal) {
        match scan::first_chunk(files, id) {
            Ok(Some(first)) => used.push(UsedFile {
                id,
                previous: first.previous_file,
                previous_end: first.previous_end,
            }),
            Ok(None) => unused.push(id),
            Err(error @ LogError::Corrupt { .. }) => unreadable.push((id, error)),
            Err(error) => return Err(error),
        }
    }
    for (id, error) in unreadable {
        if used.iter().any(|file| file.previous == id.number) {
            return Err(error);
        }
        // A power cut leaves the name of a file whose header was never flushed.
        unused.push(id);
    }
    Ok((used, unused))
}

/// The write-ahead log files among `names` with a number of at least `from`, ascending.
pub(crate) fn wal_numbers(names: impl Iterator<Item = String>, from: u64) -> Vec<u64> {
    let mut numbers: Vec<u64> = names
        .filter_map(|name| FileId::from_name(&name))
        .filter(|file| file.kind == Kind::Wal && file.number >= from)
        .map(|file| file.number)
        .collect();
    numbers.sort_unstable();
    numbers
}

struct Replay<'a> {
    states: &'a mut BTreeMap<TopicPartition, PartitionState>,
    file: FileId,
    chunks: usize,
}

impl Replay<'_> {
    fn chunk(&mut self, chunk: &ScannedChunk) {
        self.chunks += 1;
        for (run, batches) in chunk.footer.runs() {
            let Some(state) = self.states.get_mut(&run.partition) else { continue };
            match run.kind {
                RunKind::Trim(to) => state.trim_to(to),
                RunKind::Batches => batches.iter().for_each(|entry| {
                    replay_batch(state, *entry, self.file, chunk.descriptor.written_at);
                }),
            }
        }
    }
}

/// Applies what the checkpoint does not hold: the state, the place of the bytes, or both.
fn replay_batch(state: &mut PartitionState, entry: BatchEntry, file: FileId, at: Timestamp) {
    if entry.base_offset >= state.high_watermark {
        state.settle(entry, file, at, None);
    } else if entry.base_offset >= state.covered_to() && entry.end_offset() > state.log_start {
        state.bytes += u64::from(entry.len);
        state.tail.push_back(TailBatch { entry, file, appended_at: at, cached: None });
    }
}
