//! The chunk: what becomes durable at once.

use bytes::Bytes;
use thalweg_types::{Timestamp, TopicPartition};

use super::bytes::{Put, Reader};
use super::entry::{BATCH_ENTRY_LEN, BatchEntry, RUN_ENTRY_LEN, RunEntry, RunKind};
use super::{FORMAT_VERSION, aligned, crc32c};

/// Bytes of an encoded [`Descriptor`].
pub(crate) const DESCRIPTOR_LEN: usize = 80;

/// Bytes of an encoded run header: a magic number, the run's entry, a checksum.
pub(crate) const RUN_HEADER_LEN: usize = 4 + RUN_ENTRY_LEN + 4;

const HEAD: u32 = u32::from_le_bytes(*b"TWCH");
const TAIL: u32 = u32::from_le_bytes(*b"TWCT");
const RUN: u32 = u32::from_le_bytes(*b"TWRN");

/// What stands at both ends of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Descriptor {
    pub version: u16,
    /// The log file this chunk belongs to: bytes of an earlier life of a recycled file do not pass.
    pub file: u64,
    /// Counts the chunks of a writer, over its files.
    pub sequence: u64,
    /// Bytes of the whole chunk, a multiple of 4 KiB.
    pub len: u32,
    /// Bytes of the footer, before the tail.
    pub footer_len: u32,
    pub runs: u32,
    pub batches: u32,
    /// Bytes of this file that were flushed before this chunk was written.
    pub flushed_to: u64,
    /// In the first chunk of a file: the file before it, 0 if none, …
    pub previous_file: u64,
    /// … and where its valid bytes end. What lies there beyond was never acknowledged.
    pub previous_end: u64,
    /// The writer's wall clock.
    pub written_at: Timestamp,
    pub footer_crc: u32,
}

/// Which end of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Head,
    Tail,
}

impl Descriptor {
    pub(crate) fn encode(&self, end: End, out: &mut Vec<u8>) {
        let start = out.len();
        out.u32(if end == End::Head { HEAD } else { TAIL });
        out.u16(self.version);
        out.u16(0);
        out.u64(self.file);
        out.u64(self.sequence);
        out.u32(self.len);
        out.u32(self.footer_len);
        out.u32(self.runs);
        out.u32(self.batches);
        out.u64(self.flushed_to);
        out.u64(self.previous_file);
        out.u64(self.previous_end);
        out.timestamp(self.written_at);
        out.u32(self.footer_crc);
        let crc = crc32c(&out[start..]);
        out.u32(crc);
    }

    /// The descriptor, if these bytes are one for this end of a chunk. A newer version decodes too:
    /// its fields mean nothing but the version.
    pub(crate) fn decode(end: End, bytes: &[u8]) -> Option<Self> {
        let (body, stored) = bytes.get(..DESCRIPTOR_LEN)?.split_last_chunk::<4>()?;
        if crc32c(body) != u32::from_le_bytes(*stored) {
            return None;
        }
        let mut reader = Reader(body);
        if reader.u32()? != (if end == End::Head { HEAD } else { TAIL }) {
            return None;
        }
        let version = reader.u16()?;
        reader.u16()?;
        let descriptor = Self {
            version,
            file: reader.u64()?,
            sequence: reader.u64()?,
            len: reader.u32()?,
            footer_len: reader.u32()?,
            runs: reader.u32()?,
            batches: reader.u32()?,
            flushed_to: reader.u64()?,
            previous_file: reader.u64()?,
            previous_end: reader.u64()?,
            written_at: Timestamp(reader.i64()?),
            footer_crc: reader.u32()?,
        };
        descriptor.is_sane().then_some(descriptor)
    }

    /// A descriptor that fits `footer`, for those who test its decoder.
    pub(crate) fn of_footer(runs: u32, batches: u32, footer: &[u8]) -> Self {
        Self {
            version: FORMAT_VERSION,
            file: 0,
            sequence: 0,
            len: aligned((footer.len() + 2 * DESCRIPTOR_LEN) as u64) as u32,
            footer_len: footer.len() as u32,
            runs,
            batches,
            flushed_to: 0,
            previous_file: 0,
            previous_end: 0,
            written_at: Timestamp::NONE,
            footer_crc: crc32c(footer),
        }
    }

    fn is_sane(&self) -> bool {
        let footer = u64::from(self.runs) * RUN_ENTRY_LEN as u64
            + u64::from(self.batches) * BATCH_ENTRY_LEN as u64;
        u64::from(self.len) == aligned(u64::from(self.len))
            && u64::from(self.footer_len) == footer
            && footer + 2 * DESCRIPTOR_LEN as u64 <= u64::from(self.len)
    }

    /// Where the footer begins, in a chunk at `position`.
    pub(crate) fn footer_position(&self, position: u64) -> u64 {
        position + u64::from(self.len) - DESCRIPTOR_LEN as u64 - u64::from(self.footer_len)
    }
}

/// Encodes what stands before the batches of a run, so that a run can be told without the footer.
fn encode_run_header(run: &RunEntry, out: &mut Vec<u8>) {
    let start = out.len();
    out.u32(RUN);
    run.encode(out);
    let crc = crc32c(&out[start..]);
    out.u32(crc);
}

/// The run that begins with these bytes, if its header is whole.
pub(crate) fn decode_run_header(bytes: &[u8]) -> Option<RunEntry> {
    let (body, stored) = bytes.get(..RUN_HEADER_LEN)?.split_last_chunk::<4>()?;
    if crc32c(body) != u32::from_le_bytes(*stored) {
        return None;
    }
    let mut reader = Reader(body);
    (reader.u32()? == RUN).then_some(())?;
    RunEntry::decode(&mut reader)
}

/// The footer of a chunk, decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Footer {
    pub runs: Vec<RunEntry>,
    pub batches: Vec<BatchEntry>,
}

impl Footer {
    /// Decodes `bytes`, which are as long as the descriptor says, and compares the checksum.
    pub(crate) fn decode(descriptor: &Descriptor, bytes: &[u8]) -> Option<Self> {
        if bytes.len() != descriptor.footer_len as usize || crc32c(bytes) != descriptor.footer_crc {
            return None;
        }
        let mut reader = Reader(bytes);
        let runs = (0..descriptor.runs)
            .map(|_| RunEntry::decode(&mut reader))
            .collect::<Option<Vec<_>>>()?;
        let batches = (0..descriptor.batches)
            .map(|_| BatchEntry::decode(&mut reader))
            .collect::<Option<Vec<_>>>()?;
        let counted: u64 = runs.iter().map(|run| u64::from(run.batches)).sum();
        (counted == batches.len() as u64).then_some(Self { runs, batches })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let len = self.runs.len() * RUN_ENTRY_LEN + self.batches.len() * BATCH_ENTRY_LEN;
        let mut out = Vec::with_capacity(len);
        self.runs.iter().for_each(|run| run.encode(&mut out));
        self.batches.iter().for_each(|batch| batch.encode(&mut out));
        out
    }

    /// Each run with its batches.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (&RunEntry, &[BatchEntry])> {
        let mut from = 0;
        self.runs.iter().map(move |run| {
            let to = from + run.batches as usize;
            let batches = &self.batches[from..to];
            from = to;
            (run, batches)
        })
    }
}

/// Where a chunk goes and what its descriptor says of the world around it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    pub file: u64,
    pub position: u64,
    pub sequence: u64,
    pub flushed_to: u64,
    pub previous_file: u64,
    pub previous_end: u64,
    pub written_at: Timestamp,
}

/// Gathers runs into a chunk. Batches are kept as the slices they came in.
#[derive(Default)]
pub(crate) struct ChunkBuilder {
    runs: Vec<RunEntry>,
    entries: Vec<BatchEntry>,
    batches: Vec<Bytes>,
    body_len: u64,
}

/// A chunk ready to be written: `parts` one after the other are its bytes.
pub(crate) struct EncodedChunk {
    pub parts: Vec<Bytes>,
    pub footer: Footer,
    pub len: u64,
}

impl ChunkBuilder {
    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Begins a run; the batches that follow are its own. A [`RunKind::Trim`] has none.
    pub(crate) fn begin_run(&mut self, partition: TopicPartition, kind: RunKind) {
        let position = DESCRIPTOR_LEN as u64 + self.body_len;
        self.runs.push(RunEntry { partition, kind, position, len: 0, batches: 0 });
        self.body_len += RUN_HEADER_LEN as u64;
    }

    /// Adds a batch to the run begun last; `entry.position` is filled in here.
    pub(crate) fn push_batch(&mut self, mut entry: BatchEntry, batch: Bytes) {
        let Some(run) = self.runs.last_mut() else { return };
        entry.position = DESCRIPTOR_LEN as u64 + self.body_len;
        entry.len = batch.len() as u32;
        run.len += entry.len;
        run.batches += 1;
        self.body_len += batch.len() as u64;
        self.entries.push(entry);
        self.batches.push(batch);
    }

    /// Bytes that the chunk will take on disk.
    pub(crate) fn encoded_len(&self) -> u64 {
        let footer = self.runs.len() * RUN_ENTRY_LEN + self.entries.len() * BATCH_ENTRY_LEN;
        aligned(self.body_len + (2 * DESCRIPTOR_LEN + footer) as u64)
    }

    /// Encodes the chunk for its place; positions in the footer become positions in the file.
    pub(crate) fn encode(mut self, place: Place) -> EncodedChunk {
        let len = self.encoded_len();
        for run in &mut self.runs {
            run.position += place.position;
        }
        for entry in &mut self.entries {
            entry.position += place.position;
        }
        let decoded = Footer {
            runs: std::mem::take(&mut self.runs),
            batches: std::mem::take(&mut self.entries),
        };
        let footer = decoded.encode();
        let descriptor = Descriptor {
            version: FORMAT_VERSION,
            file: place.file,
            sequence: place.sequence,
            len: len as u32,
            footer_len: footer.len() as u32,
            runs: decoded.runs.len() as u32,
            batches: decoded.batches.len() as u32,
            flushed_to: place.flushed_to,
            previous_file: place.previous_file,
            previous_end: place.previous_end,
            written_at: place.written_at,
            footer_crc: crc32c(&footer),
        };
        let parts = self.lay_out(&descriptor, &decoded.runs, &footer);
        EncodedChunk { parts, footer: decoded, len }
    }

    /// Small pieces share one buffer; batches stay where they are.
    fn lay_out(self, descriptor: &Descriptor, runs: &[RunEntry], footer: &[u8]) -> Vec<Bytes> {
        let mut small = Vec::with_capacity(DESCRIPTOR_LEN + runs.len() * RUN_HEADER_LEN);
        descriptor.encode(End::Head, &mut small);
        for run in runs {
            encode_run_header(run, &mut small);
        }
        let mut small = Bytes::from(small);
        let mut parts = Vec::with_capacity(2 + runs.len() + self.batches.len());
        parts.push(small.split_to(DESCRIPTOR_LEN));
        let mut batches = self.batches.into_iter();
        for run in runs {
            parts.push(small.split_to(RUN_HEADER_LEN));
            parts.extend(batches.by_ref().take(run.batches as usize));
        }
        let used = self.body_len as usize + 2 * DESCRIPTOR_LEN + footer.len();
        let padding = descriptor.len as usize - used;
        let mut end = Vec::with_capacity(padding + footer.len() + DESCRIPTOR_LEN);
        end.resize(padding, 0);
        end.extend_from_slice(footer);
        descriptor.encode(End::Tail, &mut end);
        parts.push(Bytes::from(end));
        parts
    }
}
