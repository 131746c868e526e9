//! New batches out of records that exist: another codec, other offsets, fewer records.

use bytes::BytesMut;
use thalweg_types::{BATCH_LENGTH_MAX, Timestamp};

use crate::header::LENGTH_OVERHEAD;
use crate::records::Cursor;
use crate::{Batch, BatchHeader, BatchMut, Codec, HEADER_LEN, Record, RecordsError, TimestampType};

/// Compresses `records` and puts `header` in front. Length, codec and checksum of the header are
/// set here, everything else is the caller's.
pub(crate) fn assemble(
    mut header: BatchHeader,
    records: &[u8],
    codec: Codec,
) -> Result<BatchMut, RecordsError> {
    let codec = if records.is_empty() { Codec::default() } else { codec };
    let mut bytes = BytesMut::with_capacity(HEADER_LEN + records.len());
    bytes.resize(HEADER_LEN, 0);
    codec.compress(records, &mut bytes)?;
    if bytes.len() > BATCH_LENGTH_MAX {
        return Err(RecordsError::TooLarge { length: bytes.len(), max: BATCH_LENGTH_MAX });
    }
    header.length = (bytes.len() - LENGTH_OVERHEAD) as i32;
    header.attributes = header.attributes.with_compression(codec.compression);
    Ok(BatchMut::sealed(bytes, header))
}

impl BatchMut {
    /// The same records under another codec (`compression.type`). At most `limit` bytes are
    /// decompressed. The result may be larger than the topic allows, which the caller checks.
    pub fn recompress(&self, codec: Codec, limit: usize) -> Result<Self, RecordsError> {
        recompress(self.as_bytes(), self.header(), codec, limit)
    }

    /// The same records with the offsets 0, 1, 2, …, as a leader should have got them.
    pub fn rebuild(&self, codec: Codec, limit: usize) -> Result<Self, RecordsError> {
        let mut header = *self.header();
        let compressed = &self.as_bytes()[HEADER_LEN..];
        let body = header.attributes.compression()?.decompress(compressed, limit)?;
        let mut rest = body.as_ref();
        let mut cursor = Cursor::new(&header);
        let mut records = BytesMut::with_capacity(rest.len());
        let mut offset_delta = 0;
        while let Some(record) = cursor.take(&mut rest) {
            let mut record = record?;
            record.offset_delta = offset_delta;
            record.put(&mut records);
            offset_delta += 1;
        }
        header.last_offset_delta = (offset_delta - 1).max(0);
        assemble(header, &records, codec)
    }
}

/// What is left of a batch.
#[derive(Clone, Debug)]
pub enum Retained {
    /// Everything: the batch stands as it is.
    All,
    /// Nothing. The caller may keep the batch [empty](Batch::emptied) for its producer's sake.
    None,
    /// Some records, with their offsets.
    Some(Batch),
}

impl Batch {
    /// The same records under another codec; see [`BatchMut::recompress`].
    pub fn recompress(&self, codec: Codec, limit: usize) -> Result<Self, RecordsError> {
        recompress(self.bytes(), self.header(), codec, limit).map(BatchMut::freeze)
    }

    /// Keeps the records that `keep` wants (compaction). Offsets do not change, nor do the
    /// offsets that the batch spans, so that gaps remain where records were.
    ///
    /// With a `delete_horizon` a batch that has none yet gets it (KIP-534), even if all of its
    /// records stay.
    pub fn retain(
        &self,
        limit: usize,
        delete_horizon: Option<Timestamp>,
        mut keep: impl FnMut(&Record) -> bool,
    ) -> Result<Retained, RecordsError> {
        let body = self.body(limit)?;
        let old = self.header();
        let mut header = with_delete_horizon(*old, delete_horizon);
        let shift = old.base_timestamp.0.wrapping_sub(header.base_timestamp.0);
        let mut records = BytesMut::new();
        let mut max_timestamp = Timestamp::NONE;
        header.count = 0;

        let mut rest = body.as_ref();
        let mut cursor = Cursor::new(old);
        while let Some(view) = cursor.take(&mut rest) {
            let mut view = view?;
            let record = view.to_record(old, &body)?;
            if keep(&record) {
                header.count += 1;
                max_timestamp = max_timestamp.max(record.timestamp);
                view.timestamp_delta = view.timestamp_delta.wrapping_add(shift);
                view.put(&mut records);
            }
        }
        if header.count == 0 {
            return Ok(Retained::None);
        }
        if header == *old {
            return Ok(Retained::All);
        }
        if header.attributes.timestamp_type() == TimestampType::CreateTime {
            header.max_timestamp = max_timestamp;
        }
        let codec = header.attributes.compression()?.into();
        assemble(header, &records, codec).map(|batch| Retained::Some(batch.freeze()))
    }

    /// The batch without records: its offsets, epochs and last sequence remain.
    pub fn emptied(&self) -> Result<Self, RecordsError> {
        let old = self.header();
        let header = BatchHeader {
            attributes: old.attributes.with_delete_horizon(false),
            base_timestamp: Timestamp::NONE,
            count: 0,
            ..*old
        };
        assemble(header, &[], Codec::default()).map(BatchMut::freeze)
    }
}

/// The horizon takes the place of the base timestamp. Once set, it stays.
fn with_delete_horizon(header: BatchHeader, horizon: Option<Timestamp>) -> BatchHeader {
    match horizon {
        Some(horizon) if header.delete_horizon().is_none() => BatchHeader {
            attributes: header.attributes.with_delete_horizon(true),
            base_timestamp: horizon,
            ..header
        },
        _ => header,
    }
}

fn recompress(
    batch: &[u8],
    header: &BatchHeader,
    codec: Codec,
    limit: usize,
) -> Result<BatchMut, RecordsError> {
    let body = header.attributes.compression()?.decompress(&batch[HEADER_LEN..], limit)?;
    assemble(*header, &body, codec)
}

#[cfg(test)]
mod tests;
