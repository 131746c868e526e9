//! Every byte of a log file.

use thalweg_records::{Batch, BatchHeader};
use thalweg_types::BATCH_LENGTH_MAX;

use super::{Batches, Verifier, damage};
use crate::error::LogError;
use crate::files::FileId;
use crate::format::ALIGN;
use crate::format::chunk::{DESCRIPTOR_LEN, Descriptor, End, Footer};
use crate::format::chunk::{RUN_HEADER_LEN, decode_run_header};
use crate::format::entry::{BatchEntry, RunEntry};
use crate::format::file_header::FileHeader;
use crate::partition::check_batch;
use crate::scan::{self, Damage, ScannedChunk, entry_in};

impl Verifier {
    /// Checks the first page; false if it is so damaged that the file does not open.
    pub(super) fn check_header(&mut self, file: FileId) -> Result<bool, LogError> {
        self.outcome.files += 1;
        let handle = match self.files.get(file) {
            Ok(handle) => handle,
            Err(LogError::Corrupt { file, position, what }) => {
                self.outcome.note(damage(file, position, what));
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        let mut page = vec![0; ALIGN as usize];
        let read = handle.read_exact_at(&mut page, 0);
        read.map_err(LogError::io("reading", self.files.path(file)))?;
        if FileHeader::decode(&page).is_none_or(|header| header.encode() != page) {
            self.note(file, 0, "one of the two copies of the file header, or what surrounds them");
        }
        Ok(true)
    }

    /// Checks the chunks up to `end`. In the file that was written `last` the end is not known, and
    /// what was not known to be flushed may be torn.
    pub(super) fn check_chunks(
        &mut self,
        file: FileId,
        end: u64,
        last: bool,
    ) -> Result<Batches, LogError> {
        let mut chunks = Vec::new();
        let scanned = scan::each_chunk(&self.files, file, end, |chunk| {
            chunks.push(chunk.clone());
        })?;
        let flushed_to = scanned.last.map_or(ALIGN, |last| last.flushed_to);
        let certain = |position: u64| !last || position < flushed_to;
        for damage in scanned.damage {
            self.count(certain(damage.position), damage);
        }
        if end != u64::MAX && scanned.end < end {
            self.note(file, scanned.end, "no chunk follows before the end of the file");
        }
        let mut batches = Batches::new();
        for chunk in &chunks {
            let damage = self.check_chunk(file, chunk)?;
            let torn = !certain(chunk.position) && !damage.is_empty();
            for damage in damage {
                self.count(!torn, damage);
            }
            if torn {
                break;
            }
            self.note_batches(file, chunk, &mut batches);
        }
        Ok(batches)
    }

    fn count(&mut self, certain: bool, damage: Damage) {
        if certain {
            self.outcome.note(damage);
        } else {
            self.outcome.torn_tail = true;
        }
    }

    /// The damaged places of a chunk whose ends were looked at already.
    fn check_chunk(&mut self, file: FileId, chunk: &ScannedChunk) -> Result<Vec<Damage>, LogError> {
        let path = self.files.path(file);
        let mut bytes = vec![0; chunk.descriptor.len as usize];
        let read = self.files.get(file)?.read_exact_at(&mut bytes, chunk.position);
        read.map_err(LogError::io("reading", &path))?;
        let mut check = ChunkCheck { chunk, bytes: &bytes, found: Vec::new(), records: 0 };
        check.run();
        self.outcome.chunks += 1;
        self.outcome.records += check.records;
        let place =
            |(at, what): (usize, String)| damage(path.clone(), chunk.position + at as u64, what);
        Ok(check.found.into_iter().map(place).collect())
    }

    /// Counts the batches, and checks that those that will be replayed rise.
    fn note_batches(&mut self, file: FileId, chunk: &ScannedChunk, batches: &mut Batches) {
        let replayed = self.is_replayed(file);
        for (run, entries) in chunk.footer.runs() {
            for entry in entries {
                self.outcome.batches += 1;
                self.outcome.bytes += u64::from(entry.len);
                if !replayed {
                    batches.insert((run.partition, entry.base_offset), *entry);
                    continue;
                }
                let tail = self.tails.entry(run.partition).or_default();
                let overlaps = entry.base_offset < *tail;
                *tail = entry.end_offset().max(*tail);
                if overlaps {
                    let what = format!("offset {} was written before", entry.base_offset);
                    self.note(file, entry.position, what);
                }
            }
        }
    }
}

struct ChunkCheck<'a> {
    chunk: &'a ScannedChunk,
    bytes: &'a [u8],
    found: Vec<(usize, String)>,
    records: u64,
}

impl ChunkCheck<'_> {
    fn run(&mut self) {
        let descriptor = &self.chunk.descriptor;
        let tail_at = self.bytes.len() - DESCRIPTOR_LEN;
        let ends = [(0, End::Head), (tail_at, End::Tail)];
        for (at, end) in ends {
            let found = Descriptor::decode(end, &self.bytes[at..]);
            if found.is_some_and(|found| found != *descriptor) {
                self.found.push((at, "the two ends of the chunk differ".into()));
            }
        }
        let footer_at = descriptor.footer_position(0) as usize;
        if Footer::decode(descriptor, &self.bytes[footer_at..tail_at]).is_none() {
            self.found.push((footer_at, "chunk footer".into()));
        }
        let footer = &self.chunk.footer;
        let mut at = DESCRIPTOR_LEN;
        for (run, batches) in footer.runs() {
            self.check_run(at, run, batches);
            at += RUN_HEADER_LEN + batches.iter().map(|entry| entry.len as usize).sum::<usize>();
        }
        let padding = self.bytes.get(at..footer_at);
        if padding.is_none_or(|padding| padding.iter().any(|byte| *byte != 0)) {
            self.found.push((at, "padding that is not zero".into()));
        }
    }

    fn check_run(&mut self, at: usize, run: &RunEntry, batches: &[BatchEntry]) {
        let header = self.bytes.get(at..).and_then(decode_run_header);
        if header != Some(*run) || run.position != self.chunk.position + at as u64 {
            self.found.push((at, format!("run header of partition {}", run.partition)));
        }
        let mut at = at + RUN_HEADER_LEN;
        for entry in batches {
            let bytes = self.bytes.get(at..at + entry.len as usize).unwrap_or_default();
            match self.check_batch(at, entry, bytes) {
                Ok(records) => self.records += records,
                Err(what) => {
                    let partition = run.partition;
                    let offset = entry.base_offset;
                    let what = format!("batch at offset {offset} of partition {partition}: {what}");
                    self.found.push((at, what));
                }
            }
            at += entry.len as usize;
        }
    }

    /// The number of records in a batch, all of which were decoded.
    fn check_batch(&self, at: usize, entry: &BatchEntry, bytes: &[u8]) -> Result<u64, String> {
        if entry.position != self.chunk.position + at as u64 {
            return Err("the footer has another position".into());
        }
        check_batch(entry, bytes)?;
        let header = BatchHeader::parse(bytes).map_err(|error| error.to_string())?;
        if entry_in(&header, bytes, entry.position) != *entry {
            return Err("the footer differs from the batch header".into());
        }
        let batch = Batch::parse(bytes.to_vec().into()).map_err(|error| error.to_string())?;
        let mut records = batch.records(BATCH_LENGTH_MAX).map_err(|error| error.to_string())?;
        let decoded = records.try_fold(0, |count, record| record.map(|_| count + 1));
        decoded.map_err(|error| error.to_string())
    }
}
