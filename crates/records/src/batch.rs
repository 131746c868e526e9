//! A batch whose bytes are shared and final.

use bytes::Bytes;
use thalweg_types::{Offset, Timestamp};

use crate::header::checksum;
use crate::{BatchHeader, RecordsError};

/// One whole batch. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    bytes: Bytes,
    header: BatchHeader,
}

impl Batch {
    /// Takes `bytes` as exactly one batch. The checksum is not compared:
    /// [`verify_crc`](Self::verify_crc) does that.
    pub fn parse(bytes: Bytes) -> Result<Self, RecordsError> {
        let header = parse_exactly_one(&bytes)?;
        Ok(Self { bytes, header })
    }

    pub(crate) const fn new(bytes: Bytes, header: BatchHeader) -> Self {
        Self { bytes, header }
    }

    /// The header.
    pub const fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The whole batch, header included.
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The whole batch, header included.
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// Offset of the first record slot.
    pub const fn base_offset(&self) -> Offset {
        self.header.base_offset
    }

    /// The offset after the batch.
    pub const fn next_offset(&self) -> Offset {
        self.header.next_offset()
    }

    /// The largest timestamp of the records, as the header has it.
    pub const fn max_timestamp(&self) -> Timestamp {
        self.header.max_timestamp
    }

    /// Compares the checksum with the bytes.
    pub fn verify_crc(&self) -> Result<(), RecordsError> {
        verify_crc(&self.bytes, &self.header)
    }
}

/// The header of `bytes` if they are one whole batch and nothing else.
pub(crate) fn parse_exactly_one(bytes: &[u8]) -> Result<BatchHeader, RecordsError> {
    if bytes.is_empty() {
        return Err(RecordsError::NoBatch);
    }
    let header = BatchHeader::parse(bytes)?;
    let (needed, available) = (header.total_len(), bytes.len());
    match available.checked_sub(needed) {
        None => Err(RecordsError::Incomplete { needed, available }),
        Some(0) => Ok(header),
        Some(more) => Err(RecordsError::TrailingBytes(more)),
    }
}

pub(crate) fn verify_crc(bytes: &[u8], header: &BatchHeader) -> Result<(), RecordsError> {
    let computed = checksum(bytes);
    if computed == header.crc {
        Ok(())
    } else {
        Err(RecordsError::Checksum { stored: header.crc, computed })
    }
}
