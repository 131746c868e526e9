//! The index of a finished log file: for each extent a section with one entry per batch.
//!
//! The index repeats what the chunk footers of the log file say, sorted by partition, so that one
//! read finds the batches of an extent. It can be rebuilt from the log file at any time.

use thalweg_types::{Offset, Timestamp, TopicPartition};

use super::bytes::{Put, Reader};
use super::entry::{BATCH_ENTRY_LEN, BatchEntry};
use super::{FORMAT_VERSION, crc32c};

const MAGIC: u32 = u32::from_le_bytes(*b"TWIX");

/// Bytes before the directory.
pub(crate) const INDEX_HEADER_LEN: usize = 28;

/// Bytes of one section's place in the directory.
pub(crate) const SECTION_LEN: usize = 36;

/// Where the entries of one extent lie in an index file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Section {
    pub partition: TopicPartition,
    /// Byte position of the first entry in the index file.
    pub position: u64,
    pub batches: u32,
    /// Checksum of the encoded entries.
    pub crc: u32,
}

impl Section {
    /// Bytes of the section's entries.
    pub(crate) fn len(&self) -> usize {
        self.batches as usize * BATCH_ENTRY_LEN
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.partition(self.partition);
        out.u64(self.position);
        out.u32(self.batches);
        out.u32(self.crc);
    }

    fn decode(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            partition: reader.partition()?,
            position: reader.u64()?,
            batches: reader.u32()?,
            crc: reader.u32()?,
        })
    }
}

/// What an index file begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IndexHeader {
    pub version: u16,
    pub file: u64,
    pub sections: u32,
    directory_crc: u32,
}

impl IndexHeader {
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (body, stored) = bytes.get(..INDEX_HEADER_LEN)?.split_last_chunk::<4>()?;
        if crc32c(body) != u32::from_le_bytes(*stored) {
            return None;
        }
        let mut reader = Reader(body);
        (reader.u32()? == MAGIC).then_some(())?;
        let version = reader.u16()?;
        reader.u16()?;
        Some(Self {
            version,
            file: reader.u64()?,
            sections: reader.u32()?,
            directory_crc: reader.u32()?,
        })
    }

    /// The directory that follows the header in `bytes`.
    pub(crate) fn directory(&self, bytes: &[u8]) -> Option<Vec<Section>> {
        let len = (self.sections as usize).checked_mul(SECTION_LEN)?;
        let encoded = bytes.get(INDEX_HEADER_LEN..INDEX_HEADER_LEN.checked_add(len)?)?;
        if crc32c(encoded) != self.directory_crc {
            return None;
        }
        let mut reader = Reader(encoded);
        (0..self.sections).map(|_| Section::decode(&mut reader)).collect()
    }
}

/// Decodes a section's entries, comparing the checksum.
pub(crate) fn decode_section(section: &Section, bytes: &[u8]) -> Option<Vec<BatchEntry>> {
    if bytes.len() != section.len() || crc32c(bytes) != section.crc {
        return None;
    }
    let mut reader = Reader(bytes);
    (0..section.batches).map(|_| BatchEntry::decode(&mut reader)).collect()
}

/// An extent's batches, on their way into an index.
#[derive(Clone, Debug)]
pub(crate) struct SectionEntries {
    pub partition: TopicPartition,
    pub entries: Vec<BatchEntry>,
}

impl SectionEntries {
    pub(crate) fn base_offset(&self) -> Option<Offset> {
        self.entries.first().map(|entry| entry.base_offset)
    }

    pub(crate) fn end_offset(&self) -> Option<Offset> {
        self.entries.last().map(BatchEntry::end_offset)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.entries.iter().map(|entry| u64::from(entry.len)).sum()
    }

    /// How many places in the log file the batches lie in.
    pub(crate) fn pieces(&self) -> u32 {
        let breaks = self.entries.windows(2).filter(|at| at[0].end_position() != at[1].position);
        breaks.count() as u32 + u32::from(!self.entries.is_empty())
    }

    pub(crate) fn max_timestamp(&self) -> Timestamp {
        self.entries.iter().map(|entry| entry.max_timestamp).max().unwrap_or(Timestamp::NONE)
    }
}

/// Encodes the index of log file `file`; returns it with the places of the sections, in order.
pub(crate) fn encode(file: u64, sections: &[&SectionEntries]) -> (Vec<u8>, Vec<Section>) {
    let mut position = (INDEX_HEADER_LEN + sections.len() * SECTION_LEN) as u64;
    let mut entries = Vec::new();
    let mut places = Vec::with_capacity(sections.len());
    for section in sections {
        let start = entries.len();
        section.entries.iter().for_each(|entry| entry.encode(&mut entries));
        let place = Section {
            partition: section.partition,
            position,
            batches: section.entries.len() as u32,
            crc: crc32c(&entries[start..]),
        };
        position += place.len() as u64;
        places.push(place);
    }
    let mut directory = Vec::with_capacity(sections.len() * SECTION_LEN);
    for place in &places {
        place.encode(&mut directory);
    }
    let mut out = Vec::with_capacity(position as usize);
    out.u32(MAGIC);
    out.u16(FORMAT_VERSION);
    out.u16(0);
    out.u64(file);
    out.u32(sections.len() as u32);
    out.u32(crc32c(&directory));
    let crc = crc32c(&out);
    out.u32(crc);
    out.extend_from_slice(&directory);
    out.extend_from_slice(&entries);
    (out, places)
}
