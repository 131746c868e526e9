//! Reading: a plan made under the lock, and loading it without.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use thalweg_records::{Batch, BatchHeader};
use thalweg_types::Offset;

use super::extent::{self, Extent};
use super::{Partition, PartitionState, TailBatch, Watermarks};
use crate::error::LogError;
use crate::files::FileId;
use crate::format::entry::BatchEntry;
use crate::planted::{self, Bug};
use crate::shared::Shared;

/// Most extents that one read looks into. A reader that needs more comes back.
const EXTENTS_MAX: usize = 64;

/// Most bytes read from a file at once.
const READ_BYTES_MAX: u64 = 4 << 20;

/// How much a read may return.
#[derive(Clone, Copy, Debug)]
pub struct ReadLimits {
    /// Bytes of whole batches, …
    pub bytes_max: usize,
    /// … but the first batch even if it is larger (KIP-74).
    pub at_least_one: bool,
    /// Nothing at or after this offset, nor after the high watermark.
    pub end: Offset,
}

/// What to read, decided under the partition's lock.
pub struct ReadPlan {
    shared: Arc<Shared>,
    from: Offset,
    limits: ReadLimits,
    pieces: Vec<Piece>,
    watermarks: Watermarks,
}

enum Piece {
    Cached(Bytes),
    Tail(FileId, BatchEntry),
    Extent(Extent),
}

/// Whole batches, in order.
#[derive(Clone, Debug, Default)]
pub struct Slice {
    /// Each part holds one or more whole batches.
    pub parts: Vec<Bytes>,
    /// Bytes of all parts.
    pub len: usize,
}

impl Partition {
    /// Plans a read from `from`. The first batch returned may begin before it.
    pub fn plan_read(&self, from: Offset, limits: ReadLimits) -> Result<ReadPlan, LogError> {
        let state = self.state();
        if state.deleted {
            return Err(LogError::Deleted(self.id));
        }
        let watermarks = state.watermarks();
        if from < state.log_start || from > state.high_watermark {
            return Err(LogError::OffsetOutOfRange {
                asked: from,
                start: state.log_start,
                end: state.high_watermark,
            });
        }
        let mut pieces = Vec::new();
        if from < limits.end.min(state.high_watermark) {
            plan(&state, from, &limits, &mut pieces);
        }
        Ok(ReadPlan { shared: self.shared.clone(), from, limits, pieces, watermarks })
    }
}

/// Collects pieces until they surely hold enough.
fn plan(state: &PartitionState, from: Offset, limits: &ReadLimits, pieces: &mut Vec<Piece>) {
    let mut sure = 0;
    for extent in &state.extents[extent::position(&state.extents, from)..] {
        let enough = sure >= limits.bytes_max.max(1) || pieces.len() == EXTENTS_MAX;
        if enough || extent.base >= limits.end {
            return;
        }
        // Of the first extent an unknown part lies before `from`; compaction may have left nothing
        // of it after that.
        if extent.base >= from {
            sure += extent.bytes as usize;
        }
        pieces.push(Piece::Extent(*extent));
    }
    let first = state.tail.partition_point(|batch| batch.entry.end_offset() <= from);
    for TailBatch { entry, file, cached, .. } in state.tail.range(first..) {
        let len = entry.len as usize;
        let fits = sure + len <= limits.bytes_max || (limits.at_least_one && sure == 0);
        if !fits || entry.base_offset >= limits.end {
            return;
        }
        sure += len;
        pieces.push(match cached {
            Some(bytes) => Piece::Cached(bytes.clone()),
            None => Piece::Tail(*file, *entry),
        });
    }
}

impl ReadPlan {
    /// The offsets that bounded the partition when the plan was made.
    pub fn watermarks(&self) -> Watermarks {
        self.watermarks
    }

    /// True if loading touches no file.
    pub fn is_in_memory(&self) -> bool {
        self.pieces.iter().all(|piece| matches!(piece, Piece::Cached(_)))
    }

    /// Loads the batches. May block on the device.
    ///
    /// A damaged batch ends the slice; if it is the first, it is the error. A log file may have been
    /// replaced since the plan was made: `NotFound` says to plan again.
    pub fn load(self) -> Result<Slice, LogError> {
        let mut loader = Loader::new(&self);
        match loader.load() {
            Err(error) if loader.slice.parts.is_empty() => Err(error),
            _ => Ok(loader.slice),
        }
    }
}

struct Loader<'a> {
    plan: &'a ReadPlan,
    slice: Slice,
    /// Bytes in the slice and in `run`.
    planned: usize,
    /// Batches of one file that are to be read.
    run: Vec<BatchEntry>,
    run_file: Option<FileId>,
}

impl<'a> Loader<'a> {
    fn new(plan: &'a ReadPlan) -> Self {
        Self { plan, slice: Slice::default(), planned: 0, run: Vec::new(), run_file: None }
    }

    fn load(&mut self) -> Result<(), LogError> {
        for piece in &self.plan.pieces {
            let complete = match piece {
                Piece::Cached(bytes) => self.take_cached(bytes)?,
                Piece::Tail(file, entry) => self.take(*file, std::slice::from_ref(entry))?,
                Piece::Extent(extent) => {
                    let shared = &self.plan.shared;
                    let entries = shared.index.entries(&shared.files, extent)?;
                    self.take(extent.file, &entries)?
                }
            };
            if !complete {
                break;
            }
        }
        self.read_run()
    }

    /// True if a batch of `len` bytes may follow what is planned.
    fn admits(&self, len: usize) -> bool {
        let limits = &self.plan.limits;
        self.planned + len <= limits.bytes_max || (limits.at_least_one && self.planned == 0)
    }

    /// Takes a batch from memory; false if the limits do not allow it.
    fn take_cached(&mut self, bytes: &Bytes) -> Result<bool, LogError> {
        if !self.admits(bytes.len()) {
            return Ok(false);
        }
        self.read_run()?;
        self.planned += bytes.len();
        self.push(bytes.clone());
        Ok(true)
    }

    /// Takes batches of a file as far as the limits allow; false if they do not allow all.
    fn take(&mut self, file: FileId, entries: &[BatchEntry]) -> Result<bool, LogError> {
        if self.run_file != Some(file) {
            self.read_run()?;
            self.run_file = Some(file);
        }
        let end = self.plan.limits.end.min(self.plan.watermarks.high_watermark);
        let first = entries.partition_point(|entry| entry.end_offset() <= self.plan.from);
        for entry in &entries[first..] {
            if entry.base_offset >= end || !self.admits(entry.len as usize) {
                return Ok(false);
            }
            self.planned += entry.len as usize;
            self.run.push(*entry);
        }
        Ok(true)
    }

    /// Reads the run, in as few calls as its batches lie apart.
    fn read_run(&mut self) -> Result<(), LogError> {
        let Some(file) = self.run_file else { return Ok(()) };
        let entries = std::mem::take(&mut self.run);
        let adjacent = |a: &BatchEntry, b: &BatchEntry| a.end_position() == b.position;
        for part in entries.chunk_by(adjacent).flat_map(split_by_bytes) {
            let (bytes, damage) = read_batches(&self.plan.shared, file, part)?;
            if !bytes.is_empty() {
                self.push(bytes);
            }
            damage.map_or(Ok(()), Err)?;
        }
        Ok(())
    }

    fn push(&mut self, bytes: Bytes) {
        self.slice.len += bytes.len();
        self.slice.parts.push(bytes);
    }
}

fn split_by_bytes(entries: &[BatchEntry]) -> impl Iterator<Item = &[BatchEntry]> {
    let mut rest = entries;
    std::iter::from_fn(move || {
        let start = rest.first()?.position;
        let count = rest
            .iter()
            .take_while(|entry| entry.end_position() - start <= READ_BYTES_MAX)
            .count()
            .max(1);
        let (part, after) = rest.split_at(count);
        rest = after;
        Some(part)
    })
}

/// Reads adjacent batches and compares each with its entry and its checksum. Returns the good ones
/// before the first damaged one, and the damage.
pub(crate) fn read_batches(
    shared: &Shared,
    file: FileId,
    entries: &[BatchEntry],
) -> Result<(Bytes, Option<LogError>), LogError> {
    let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
        return Ok((Bytes::new(), None));
    };
    let path = shared.files.path(file);
    let len = (last.end_position() - first.position) as usize;
    let read = shared.files.get(file)?.read_new(len, first.position);
    let bytes = Bytes::from(read.map_err(LogError::io("reading", &path))?);
    let mut good = 0;
    for entry in entries {
        let at = (entry.position - first.position) as usize;
        let batch = bytes.get(at..at + entry.len as usize);
        if let Err(what) = batch.map_or(Err("the file is cut short"), |batch| check(entry, batch)) {
            let damage = LogError::Corrupt { file: path, position: entry.position, what };
            return Ok((bytes.slice(..good), Some(damage)));
        }
        good = at + entry.len as usize;
    }
    Ok((bytes, None))
}

/// Reads and checks one batch.
pub(crate) fn read_batch(
    shared: &Shared,
    file: FileId,
    entry: &BatchEntry,
) -> Result<Batch, LogError> {
    let (bytes, damage) = read_batches(shared, file, std::slice::from_ref(entry))?;
    damage.map_or(Ok(()), Err)?;
    Batch::parse(bytes).map_err(|_| LogError::Corrupt {
        file: shared.files.path(file),
        position: entry.position,
        what: "the batch header is malformed",
    })
}

/// Compares a batch with what the index says of it, and with its own checksum.
pub(crate) fn check(entry: &BatchEntry, bytes: &[u8]) -> Result<(), &'static str> {
    if planted::is(Bug::SkipChecksum) {
        return Ok(());
    }
    let header = BatchHeader::parse(bytes).map_err(|_| "the batch header is malformed")?;
    let same = header.base_offset == entry.base_offset
        && header.last_offset_delta == entry.last_offset_delta
        && header.total_len() == entry.len as usize
        && header.leader_epoch == entry.leader_epoch
        && header.crc == entry.crc;
    if !same || bytes.len() != entry.len as usize {
        return Err("the batch header differs from the index");
    }
    let body = bytes.get(CHECKED_FROM..).unwrap_or_default();
    if crate::format::crc32c(body) != header.crc {
        return Err("the batch's checksum does not match");
    }
    Ok(())
}

/// Where the bytes begin that a batch's own checksum covers.
const CHECKED_FROM: usize = 21;

/// True if a log file was gone: it was replaced since the plan was made.
pub fn is_gone(error: &LogError) -> bool {
    matches!(error, LogError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
}
