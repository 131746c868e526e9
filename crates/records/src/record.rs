//! One record inside a batch.
//!
//! ```text
//! length, attributes i8, timestamp delta, offset delta, key, value, header count, headers
//! ```
//!
//! Lengths, deltas and counts are zigzag varints. Key and value are a length and bytes, length -1
//! meaning null; a header is a key that is never null and a value.

use bytes::Bytes;
use thalweg_types::{Offset, Timestamp};

use crate::{BatchHeader, TimestampType, varint};

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
    /// The record as it lies in the batch, its length included.
    pub raw: &'a [u8],
    pub timestamp_delta: i64,
    pub offset_delta: i32,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    /// Header count and headers, known to parse.
    headers: &'a [u8],
}

impl<'a> RecordView<'a> {
    /// Takes one record off the front of `input`, checking each of its fields.
    #[inline]
    pub fn take(input: &mut &'a [u8]) -> Result<Self, &'static str> {
        let whole = *input;
        let length = varint::take_i32(input).ok_or("length is no varint")?;
        let mut body = take_bytes(input, length).ok_or("length exceeds the batch")?;
        let raw = &whole[..whole.len() - input.len()];

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
        Ok(Self { raw, timestamp_delta, offset_delta, key, value, headers })
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

    /// The headers in order.
    pub fn headers(&self) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + use<'a> {
        let mut rest = self.headers;
        let count = varint::take_i32(&mut rest).unwrap_or(0);
        (0..count).map_while(move |_| take_header(&mut rest))
    }
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
