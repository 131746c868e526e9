//! The first page of a log file, stored twice in it.

use super::bytes::{Put, Reader};
use super::{ALIGN, FORMAT_VERSION, crc32c};

const MAGIC: &[u8; 8] = b"THALWLOG";
const COPY_AT: usize = (ALIGN / 2) as usize;
const LEN: usize = 40;

/// Who wrote a log file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// The log writer, as batches came in.
    Wal,
    /// The background worker, sorted by partition.
    Segment,
}

/// The identity of a log file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileHeader {
    pub version: u16,
    pub kind: FileKind,
    pub file: u64,
    /// The broker incarnation that created the file.
    pub incarnation: u32,
}

impl FileHeader {
    pub(crate) fn new(kind: FileKind, file: u64, incarnation: u32) -> Self {
        Self { version: FORMAT_VERSION, kind, file, incarnation }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut copy = Vec::with_capacity(LEN);
        copy.put(MAGIC);
        copy.u16(self.version);
        copy.u16(match self.kind {
            FileKind::Wal => 1,
            FileKind::Segment => 2,
        });
        copy.u64(self.file);
        copy.u32(self.incarnation);
        copy.resize(LEN - 4, 0);
        copy.u32(crc32c(&copy));
        let mut page = vec![0; ALIGN as usize];
        page[..LEN].copy_from_slice(&copy);
        page[COPY_AT..COPY_AT + LEN].copy_from_slice(&copy);
        page
    }

    /// The header from the first page; `None` if both copies are damaged.
    pub(crate) fn decode(page: &[u8]) -> Option<Self> {
        Self::decode_copy(page.get(..LEN)?)
            .or_else(|| Self::decode_copy(page.get(COPY_AT..COPY_AT + LEN)?))
    }

    fn decode_copy(copy: &[u8]) -> Option<Self> {
        let (body, stored) = copy.split_last_chunk::<4>()?;
        if crc32c(body) != u32::from_le_bytes(*stored) {
            return None;
        }
        let mut reader = Reader(body);
        if reader.take(MAGIC.len())? != MAGIC {
            return None;
        }
        let version = reader.u16()?;
        let kind = match reader.u16()? {
            1 => FileKind::Wal,
            2 => FileKind::Segment,
            _ => return None,
        };
        Some(Self { version, kind, file: reader.u64()?, incarnation: reader.u32()? })
    }
}
