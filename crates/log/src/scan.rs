//! Walking through the chunks of a log file by their footers, around damaged places.

use std::path::PathBuf;
use std::sync::Arc;

use thalweg_env::DiskFile;
use thalweg_records::{Batch, BatchHeader, EndTxnMarker};
use thalweg_types::{BATCH_LENGTH_MAX, Timestamp};

use crate::error::LogError;
use crate::files::{FileId, FileTable};
use crate::format::chunk::decode_run_header;
use crate::format::chunk::{DESCRIPTOR_LEN, Descriptor, End, Footer, RUN_HEADER_LEN};
use crate::format::entry::{BatchEntry, RunEntry};
use crate::format::{ALIGN, FORMAT_VERSION};
use crate::partition::check_batch;
use crate::planted::{self, Bug};

/// A chunk as its descriptor and footer tell it.
#[derive(Clone, Debug)]
pub(crate) struct ScannedChunk {
    pub position: u64,
    pub descriptor: Descriptor,
    pub footer: Footer,
}

impl ScannedChunk {
    pub(crate) fn end(&self) -> u64 {
        self.position + u64::from(self.descriptor.len)
    }

    /// Puts both ends, the padding and the footer into `bytes` as they must be, in a chunk whose
    /// batches are whole but of which something else is torn or damaged.
    pub(crate) fn mend(&self, bytes: &mut [u8]) {
        let footer = self.footer.encode();
        let batches_end = self.footer.batches.iter().map(BatchEntry::end_position).max();
        let runs_end =
            self.footer.runs.iter().map(|run| run.position + RUN_HEADER_LEN as u64).max();
        let body_end = batches_end
            .max(runs_end)
            .map_or(DESCRIPTOR_LEN as u64, |end| end.saturating_sub(self.position));
        let (mut head, mut end) = (Vec::new(), footer);
        self.descriptor.encode(End::Head, &mut head);
        self.descriptor.encode(End::Tail, &mut end);
        let end_at = bytes.len().saturating_sub(end.len());
        if let Some(padding) = bytes.get_mut(body_end as usize..end_at) {
            padding.fill(0);
            bytes[end_at..].copy_from_slice(&end);
            bytes[..DESCRIPTOR_LEN].copy_from_slice(&head);
        }
    }
}

/// A place whose checksum did not match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The damaged file.
    pub file: PathBuf,
    /// Where in the file.
    pub position: u64,
    /// What it hit.
    pub what: String,
}

/// How a scan ended.
#[derive(Debug, Default)]
pub(crate) struct Scanned {
    /// Where the last good chunk ends.
    pub end: u64,
    pub last: Option<Descriptor>,
    pub damage: Vec<Damage>,
}

/// Shows every chunk of `file` that begins before `end` to `visit`, in order.
///
/// A file that is finished ends at its length or before; for the file that was written last, pass
/// `u64::MAX`: it ends where no chunk follows.
pub(crate) fn each_chunk(
    files: &FileTable,
    file: FileId,
    end: u64,
    mut visit: impl FnMut(&ScannedChunk),
) -> Result<Scanned, LogError> {
    let source = Scanner::open(files, file, end)?;
    let mut scanned = Scanned { end: ALIGN, ..Scanned::default() };
    while scanned.end < source.end {
        let chunks = match source.chunk_at(scanned.end)? {
            Some(chunk) => vec![chunk],
            None => source.around(scanned.end)?,
        };
        if chunks.is_empty() {
            break;
        }
        for chunk in chunks {
            source.note_damage(scanned.end, &chunk, &mut scanned.damage)?;
            scanned.end = chunk.end();
            scanned.last = Some(chunk.descriptor);
            visit(&chunk);
        }
    }
    Ok(scanned)
}

/// The first chunk of a file, if there is one.
pub(crate) fn first_chunk(files: &FileTable, file: FileId) -> Result<Option<Descriptor>, LogError> {
    let scanner = Scanner::open(files, file, u64::MAX)?;
    if let Some(chunk) = scanner.chunk_at(ALIGN)? {
        return Ok(Some(chunk.descriptor));
    }
    // The head is damaged: a file begins with a chunk of one page, whose tail says the same.
    let tail = scanner.chunk_before(2 * ALIGN)?.or(scanner.around(ALIGN)?.into_iter().next());
    Ok(tail.map(|chunk| chunk.descriptor))
}

struct Scanner {
    path: PathBuf,
    file: FileId,
    handle: Arc<dyn DiskFile>,
    len: u64,
    /// Nothing at or after this position counts.
    end: u64,
    end_is_known: bool,
}

impl Scanner {
    fn open(files: &FileTable, file: FileId, end: u64) -> Result<Self, LogError> {
        let path = files.path(file);
        let handle = files.get(file)?;
        let len = handle.len().map_err(LogError::io("reading the length of", &path))?;
        Ok(Self { path, file, handle, len, end: end.min(len), end_is_known: end <= len })
    }

    fn read(&self, position: u64, len: usize) -> Result<Option<Vec<u8>>, LogError> {
        if position.checked_add(len as u64).is_none_or(|end| end > self.len) {
            return Ok(None);
        }
        let mut bytes = vec![0; len];
        let read = self.handle.read_at(&mut bytes, position);
        let read = read.map_err(LogError::io("reading", &self.path))?;
        Ok((read == len).then_some(bytes))
    }

    fn descriptor(&self, end: End, position: u64) -> Result<Option<Descriptor>, LogError> {
        let Some(bytes) = self.read(position, DESCRIPTOR_LEN)? else { return Ok(None) };
        let descriptor = Descriptor::decode(end, &bytes);
        let Some(descriptor) = descriptor.filter(|found| found.file == self.file.number) else {
            return Ok(None);
        };
        if descriptor.version > FORMAT_VERSION {
            return Err(LogError::NewerFormat {
                file: self.path.clone(),
                found: descriptor.version,
                known: FORMAT_VERSION,
            });
        }
        Ok(Some(descriptor))
    }

    /// The chunk whose head is whole at `position`.
    fn chunk_at(&self, position: u64) -> Result<Option<ScannedChunk>, LogError> {
        let descriptor = self.descriptor(End::Head, position)?;
        descriptor.map_or(Ok(None), |descriptor| self.chunk(position, descriptor))
    }

    /// The chunk whose tail is whole just before `end`.
    fn chunk_before(&self, end: u64) -> Result<Option<ScannedChunk>, LogError> {
        let Some(at) = end.checked_sub(DESCRIPTOR_LEN as u64) else { return Ok(None) };
        let Some(descriptor) = self.descriptor(End::Tail, at)? else { return Ok(None) };
        match end.checked_sub(u64::from(descriptor.len)) {
            Some(position) => self.chunk(position, descriptor),
            None => Ok(None),
        }
    }

    fn chunk(
        &self,
        position: u64,
        descriptor: Descriptor,
    ) -> Result<Option<ScannedChunk>, LogError> {
        if position + u64::from(descriptor.len) > self.end {
            return Ok(None);
        }
        let at = descriptor.footer_position(position);
        let encoded = self.read(at, descriptor.footer_len as usize)?;
        let footer = match encoded.and_then(|bytes| Footer::decode(&descriptor, &bytes)) {
            Some(footer) => Some(footer),
            None => self.footer_from_body(position, &descriptor)?,
        };
        Ok(footer.map(|footer| ScannedChunk { position, descriptor, footer }))
    }

    /// Reads the runs themselves where the footer is damaged. `None` if they are not whole either.
    fn footer_from_body(
        &self,
        position: u64,
        descriptor: &Descriptor,
    ) -> Result<Option<Footer>, LogError> {
        let len = descriptor.footer_position(position) - position;
        let Some(body) = self.read(position, len as usize)? else { return Ok(None) };
        let mut footer = Footer::default();
        let mut at = DESCRIPTOR_LEN;
        for _ in 0..descriptor.runs {
            let run = body.get(at..).and_then(decode_run_header);
            let Some(batches) = run.as_ref().and_then(|run| batches_of(run, &body, position))
            else {
                return Ok(None);
            };
            at += RUN_HEADER_LEN + batches.iter().map(|batch| batch.len as usize).sum::<usize>();
            footer.runs.extend(run);
            footer.batches.extend(batches);
        }
        Ok((footer.batches.len() == descriptor.batches as usize).then_some(footer))
    }

    /// The chunks from `position` up to the next whole head, found backwards by their tails. Empty
    /// if nothing shows that `position` was ever flushed: then the log ends there.
    fn around(&self, position: u64) -> Result<Vec<ScannedChunk>, LogError> {
        let Some(mut before) = self.next_head(position)? else { return Ok(Vec::new()) };
        let mut chunks = Vec::new();
        while before > position {
            match self.chunk_before(before)? {
                Some(chunk) if chunk.position >= position => {
                    before = chunk.position;
                    chunks.push(chunk);
                }
                // Both ends of a chunk are damaged: what lies between is lost.
                _ => break,
            }
        }
        if chunks.is_empty() {
            chunks.extend(self.chunk_at(before)?);
        }
        chunks.reverse();
        Ok(chunks)
    }

    /// Where the next whole chunk begins that was written after `position` was flushed.
    fn next_head(&self, position: u64) -> Result<Option<u64>, LogError> {
        let mut at = position + ALIGN;
        while at < self.end {
            let head = self.descriptor(End::Head, at)?;
            if head.is_some_and(|head| head.flushed_to > position) {
                return Ok(Some(at));
            }
            at += ALIGN;
        }
        Ok(self.end_is_known.then_some(self.end))
    }

    fn note_damage(
        &self,
        expected: u64,
        chunk: &ScannedChunk,
        damage: &mut Vec<Damage>,
    ) -> Result<(), LogError> {
        let mut note = |position, what: String| {
            damage.push(Damage { file: self.path.clone(), position, what });
        };
        if chunk.position > expected {
            note(expected, format!("lost chunk of {} bytes", chunk.position - expected));
        }
        if self.descriptor(End::Head, chunk.position)?.is_none() {
            note(chunk.position, "chunk head".into());
        }
        if self.descriptor(End::Tail, chunk.end() - DESCRIPTOR_LEN as u64)?.is_none() {
            note(chunk.end() - DESCRIPTOR_LEN as u64, "chunk tail".into());
        }
        Ok(())
    }
}

/// The batches that follow a run's header in `body`, which lies at `position`.
fn batches_of(run: &RunEntry, body: &[u8], position: u64) -> Option<Vec<BatchEntry>> {
    let mut at = run.position.checked_sub(position)?.checked_add(RUN_HEADER_LEN as u64)?;
    let end = at.checked_add(u64::from(run.len))?;
    let mut batches = Vec::new();
    while at < end {
        let header = BatchHeader::parse(body.get(at as usize..)?).ok()?;
        let next = at + header.total_len() as u64;
        let batch = body.get(at as usize..next as usize)?;
        let entry = entry_in(&header, batch, position + at);
        check_batch(&entry, batch).ok()?;
        batches.push(entry);
        at = next;
    }
    (at == end && batches.len() == run.batches as usize).then_some(batches)
}

/// What a footer says of a batch with this header at `position`.
pub(crate) fn entry_of(header: &BatchHeader, position: u64) -> BatchEntry {
    BatchEntry {
        base_offset: header.base_offset,
        last_offset_delta: header.last_offset_delta,
        position,
        len: header.total_len() as u32,
        leader_epoch: header.leader_epoch,
        // Of records that compaction took, the time means nothing.
        max_timestamp: if header.count == 0 { Timestamp::NONE } else { header.max_timestamp },
        producer_id: header.producer_id,
        producer_epoch: header.producer_epoch,
        base_sequence: header.base_sequence,
        attributes: header.attributes.0,
        crc: header.crc,
    }
}

/// The same, and of a marker what its record says. `bytes` are those of the batch.
pub(crate) fn entry_in(header: &BatchHeader, bytes: &[u8], position: u64) -> BatchEntry {
    let mut entry = entry_of(header, position);
    if entry.is_control()
        && let Some(marker) = marker_in(bytes)
    {
        entry.note_marker(marker.outcome, marker.coordinator_epoch);
    }
    entry
}

fn marker_in(batch: &[u8]) -> Option<EndTxnMarker> {
    let batch = Batch::parse(batch.to_vec().into()).ok()?;
    let record = batch.records(BATCH_LENGTH_MAX).ok()?.next()?.ok()?;
    EndTxnMarker::parse(&record).ok()?
}

/// Compares every byte of a chunk that matters with its checksums.
pub(crate) fn verify_body(files: &FileTable, file: FileId, chunk: &ScannedChunk) -> Vec<Damage> {
    if planted::is(Bug::TrustTornTail) {
        return Vec::new();
    }
    let path = files.path(file);
    let damage = |position, what: &str| Damage { file: path.clone(), position, what: what.into() };
    let Ok(scanner) = Scanner::open(files, file, u64::MAX) else {
        return vec![damage(0, "the file does not open")];
    };
    let read = |position, len| scanner.read(position, len).ok().flatten();
    let mut found = Vec::new();
    for (run, batches) in chunk.footer.runs() {
        let header = read(run.position, RUN_HEADER_LEN);
        if header.and_then(|bytes| decode_run_header(&bytes)) != Some(*run) {
            found.push(damage(run.position, "run header"));
        }
        for entry in batches {
            let bytes = read(entry.position, entry.len as usize);
            let checked = bytes.map_or(Err("cut short"), |bytes| check_batch(entry, &bytes));
            if let Err(what) = checked {
                found.push(damage(
                    entry.position,
                    &format!("batch at offset {}: {what}", entry.base_offset),
                ));
            }
        }
    }
    found
}
