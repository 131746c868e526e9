//! One record inside a batch.
//!
//! ```text
//! length, attributes i8, timestamp delta, offset delta, key, value, header count, headers
//! ```
//!
//! Lengths, deltas and counts are zigzag varints. Key and value are a length and bytes, length -1
//! meaning null; a header is a key that is never null and a value.

use bytes::{BufMut, Bytes, BytesMut};
use thalweg_types::{Offset, Timestamp};

use crate::{BatchHeader, RecordsError, TimestampType, varint};

/// A record, sharing the memory of its batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Position in the partition.
    pub offset: Offset,
    /// The record's create time, or the log append time of its batch.
    pub timestamp: Timestamp,
    /// The key, if it has one.
    pub key: Option<Bytes>,
    /// The value; without one the record is a tombstone.
    pub value: Option<Bytes>,
    /// Headers in order. The same key may come more than once (KIP-82).
    pub headers: Vec<Header>,
}

/// A header of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The key, UTF-8 by convention.
    pub key: Bytes,
    /// The value, if it has one.
    pub value: Option<Bytes>,
}

/// A record's fields where they lie; nothing is copied or allocated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecordView<'a> {
    /// Position among the records that follow the header, from 0.
    pub index: i32,
    pub timestamp_delta: i64,
    pub offset_delta: i32,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    /// Header count and headers, known to parse.
    pub headers: &'a [u8],
}

impl<'a> RecordView<'a> {
    /// Takes record number `index` off the front of `input`, checking each of its fields.
    #[inline]
    pub fn take(index: i32, input: &mut &'a [u8]) -> Result<Self, RecordsError> {
        Self::parse(index, input).map_err(|reason| RecordsError::Malformed { index, reason })
    }

    #[inline]
    fn parse(index: i32, input: &mut &'a [u8]) -> Result<Self, &'static str> {
        let length = varint::take_i32(input).ok_or("length is no varint")?;
        let mut body = take_bytes(input, length).ok_or("length exceeds the batch")?;
        let _unused_attributes = body.split_off_first().ok_or("attributes are missing")?;
        let timestamp_delta = varint::take_i64(&mut body).ok_or("timestamp delta is no varint")?;
        let offset_delta = varint::take_i32(&mut body).ok_or("offset delta is no varint")?;
        let key = take_nullable(&mut body).ok_or("key exceeds the record")?;
        let value = take_nullable(&mut body).ok_or("value exceeds the record")?;
        let headers = body;
        skip_headers(&mut body).ok_or("headers exceed the record")?;
        if !body.is_empty() {
            return Err("bytes follow the last header");
        }
        Ok(Self { index, timestamp_delta, offset_delta, key, value, headers })
    }

    /// Appends the record to `out`.
    pub fn put(&self, out: &mut BytesMut) {
        let deltas = varint::len(self.timestamp_delta) + varint::len(i64::from(self.offset_delta));
        let fields = nullable_len(self.key) + nullable_len(self.value) + self.headers.len();
        let length = 1 + deltas + fields;
        out.reserve(varint::len(length as i64) + length);
        varint::put(out, length as i64);
        out.put_i8(0);
        varint::put(out, self.timestamp_delta);
        varint::put(out, i64::from(self.offset_delta));
        put_nullable(out, self.key);
        put_nullable(out, self.value);
        out.put_slice(self.headers);
    }

    /// The record's timestamp in a batch with this header. Deltas wrap as Java's do.
    #[inline]
    pub fn timestamp(&self, header: &BatchHeader) -> Timestamp {
        match header.attributes.timestamp_type() {
            TimestampType::CreateTime => {
                Timestamp(header.base_timestamp.0.wrapping_add(self.timestamp_delta))
            }
            TimestampType::LogAppendTime => header.max_timestamp,
        }
    }

    /// The record in a batch with this header, sharing `body`, which this view must lie in.
    pub fn to_record(self, header: &BatchHeader, body: &Bytes) -> Result<Record, RecordsError> {
        if !(0..=header.last_offset_delta).contains(&self.offset_delta) {
            let reason = "offset lies outside the batch";
            return Err(RecordsError::Malformed { index: self.index, reason });
        }
        let share = |field| body.slice_ref(field);
        let headers = self.headers();
        Ok(Record {
            offset: header.base_offset.plus(i64::from(self.offset_delta)),
            timestamp: self.timestamp(header),
            key: self.key.map(share),
            value: self.value.map(share),
            headers: headers
                .map(|(key, value)| Header { key: share(key), value: value.map(share) })
                .collect(),
        })
    }

    fn headers(&self) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + use<'a> {
        let mut rest = self.headers;
        let count = varint::take_i32(&mut rest).unwrap_or(0);
        // `map_while` hides the claimed count from `collect`, which would allocate for it.
        (0..count).map_while(move |_| take_header(&mut rest))
    }
}

/// Appends count and headers, as [`RecordView::headers`] holds them.
pub(crate) fn put_headers(out: &mut BytesMut, headers: &[Header]) {
    varint::put(out, headers.len() as i64);
    for header in headers {
        put_nullable(out, Some(&header.key));
        put_nullable(out, header.value.as_deref());
    }
}

fn nullable_len(field: Option<&[u8]>) -> usize {
    field.map_or(varint::len(-1), |bytes| varint::len(bytes.len() as i64) + bytes.len())
}

fn put_nullable(out: &mut BytesMut, field: Option<&[u8]>) {
    varint::put(out, field.map_or(-1, |bytes| bytes.len() as i64));
    out.put_slice(field.unwrap_or_default());
}

#[inline]
fn take_bytes<'a>(input: &mut &'a [u8], length: i32) -> Option<&'a [u8]> {
    input.split_off(..usize::try_from(length).ok()?)
}

/// A negative length is null, as Kafka reads it; the outer `None` means that it does not parse.
#[inline]
#[expect(clippy::option_option, reason = "does not parse, null, bytes")]
fn take_nullable<'a>(input: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let length = varint::take_i32(input)?;
    if length < 0 { Some(None) } else { take_bytes(input, length).map(Some) }
}

#[inline]
fn take_header<'a>(input: &mut &'a [u8]) -> Option<(&'a [u8], Option<&'a [u8]>)> {
    let length = varint::take_i32(input)?;
    Some((take_bytes(input, length)?, take_nullable(input)?))
}

/// Each header takes bytes, so that a large count ends with the record at the latest.
#[inline]
fn skip_headers(input: &mut &[u8]) -> Option<()> {
    let count = u32::try_from(varint::take_i32(input)?).ok()?;
    for _ in 0..count {
        take_header(input)?;
    }
    Some(())
}
