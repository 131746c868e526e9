//! Walking over the records of a batch.

use std::borrow::Cow;

use bytes::Bytes;
use thalweg_types::{Offset, Timestamp};

use crate::record::RecordView;
use crate::{Batch, BatchHeader, HEADER_LEN, Record, RecordsError};

/// Counts records off a decompressed body, and ends at the first that is wrong.
#[derive(Clone, Debug)]
pub(crate) struct Cursor {
    index: i32,
    count: i32,
}

impl Cursor {
    pub const fn new(header: &BatchHeader) -> Self {
        Self { index: 0, count: header.count }
    }

    /// Takes the next record off `rest`. After the last one nothing may be left.
    #[inline]
    pub fn take<'a>(
        &mut self,
        rest: &mut &'a [u8],
    ) -> Option<Result<RecordView<'a>, RecordsError>> {
        let (index, declared) = (self.index, self.count);
        let result = match (index < declared, rest.is_empty()) {
            (false, true) => return None,
            (false, false) => {
                Err(RecordsError::Malformed { index, reason: "bytes follow the last record" })
            }
            (true, true) => Err(RecordsError::RecordCount { declared, found: index }),
            (true, false) => RecordView::take(index, rest),
        };
        self.index += 1;
        if result.is_err() {
            self.count = self.index;
            *rest = &[];
        }
        Some(result)
    }
}

/// The records of a batch in order, sharing its memory, or that of its decompressed body.
///
/// The first record that does not parse comes as an error and ends the iteration, and so does a
/// record count that is not the header's.
#[derive(Clone, Debug)]
pub struct Records {
    header: BatchHeader,
    body: Bytes,
    at: usize,
    cursor: Cursor,
}

impl Records {
    pub(crate) fn new(header: BatchHeader, body: Bytes) -> Self {
        Self { header, body, at: 0, cursor: Cursor::new(&header) }
    }
}

impl Iterator for Records {
    type Item = Result<Record, RecordsError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut rest = &self.body[self.at..];
        let view = self.cursor.take(&mut rest)?;
        self.at = self.body.len() - rest.len();
        let record = view.and_then(|view| view.to_record(&self.header, &self.body));
        if record.is_err() {
            self.body = Bytes::new();
            self.at = 0;
            self.cursor.count = self.cursor.index;
        }
        Some(record)
    }
}

impl Batch {
    /// The records, decompressed to at most `limit` bytes.
    pub fn records(&self, limit: usize) -> Result<Records, RecordsError> {
        Ok(Records::new(*self.header(), self.body(limit)?))
    }

    /// Offset and timestamp of the first record with a timestamp of at least `target`.
    pub fn find_timestamp(
        &self,
        target: Timestamp,
        limit: usize,
    ) -> Result<Option<(Offset, Timestamp)>, RecordsError> {
        if self.max_timestamp() < target {
            return Ok(None);
        }
        for record in self.records(limit)? {
            let record = record?;
            if record.timestamp >= target {
                return Ok(Some((record.offset, record.timestamp)));
            }
        }
        Ok(None)
    }

    /// Offset and timestamp of the first record that has the largest timestamp.
    pub fn find_max_timestamp(
        &self,
        limit: usize,
    ) -> Result<Option<(Offset, Timestamp)>, RecordsError> {
        let mut found: Option<(Offset, Timestamp)> = None;
        for record in self.records(limit)? {
            let record = record?;
            if found.is_none_or(|(_, largest)| record.timestamp > largest) {
                found = Some((record.offset, record.timestamp));
            }
        }
        Ok(found)
    }

    /// The decompressed records; shared with the batch if it is not compressed.
    pub(crate) fn body(&self, limit: usize) -> Result<Bytes, RecordsError> {
        let compressed = &self.bytes()[HEADER_LEN..];
        let compression = self.header().attributes.compression()?;
        Ok(match compression.decompress(compressed, limit)? {
            Cow::Borrowed(body) => self.bytes().slice_ref(body),
            Cow::Owned(body) => Bytes::from(body),
        })
    }
}
