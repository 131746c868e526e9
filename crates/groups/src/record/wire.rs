//! Kafka's primitives, as far as the records of the offsets topic use them.
//!
//! A value is written with 16-bit or with compact lengths, depending on its version; readers and writers
//! are told once and choose by themselves. Nothing is allocated by a length before that many bytes are
//! known to be there.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use thalweg_types::TopicId;
use uuid::Uuid;

/// Why bytes are no record of the offsets topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("unknown record type or version {0}")]
    Unknown(i16),
    #[error("the record ends early")]
    Truncated,
    #[error("a length is negative or out of range")]
    Length,
    #[error("a name is not legal")]
    Name,
    #[error("a group with members has no protocol")]
    NoProtocol,
}

/// A value that the format, or a limit, has no room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the record is too large")]
pub(crate) struct TooLarge;

/// Takes values off the front of a record.
pub(crate) struct Reader {
    rest: Bytes,
    compact: bool,
}

impl Reader {
    pub fn new(bytes: Bytes) -> Self {
        Self { rest: bytes, compact: false }
    }

    /// From here on lengths are compact, and structures end with tagged fields.
    pub fn set_compact(&mut self, compact: bool) {
        self.compact = compact;
    }

    fn take(&mut self, length: usize) -> Result<Bytes, DecodeError> {
        if length > self.rest.len() {
            return Err(DecodeError::Truncated);
        }
        Ok(self.rest.split_to(length))
    }

    pub fn i16(&mut self) -> Result<i16, DecodeError> {
        Ok(self.take(2)?.get_i16())
    }

    pub fn i32(&mut self) -> Result<i32, DecodeError> {
        Ok(self.take(4)?.get_i32())
    }

    pub fn i64(&mut self) -> Result<i64, DecodeError> {
        Ok(self.take(8)?.get_i64())
    }

    fn varint(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0u64;
        for shift in (0..35).step_by(7) {
            let byte = self.take(1)?.get_u8();
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return u32::try_from(value).map_err(|_| DecodeError::Length);
            }
        }
        Err(DecodeError::Length)
    }

    /// A length, or `None` for null. `plain` reads it where lengths are not compact.
    fn length(
        &mut self,
        plain: fn(&mut Self) -> Result<i32, DecodeError>,
    ) -> Result<Option<usize>, DecodeError> {
        let length =
            if self.compact { i64::from(self.varint()?) - 1 } else { i64::from(plain(self)?) };
        match length {
            -1 => Ok(None),
            _ => usize::try_from(length).map(Some).map_err(|_| DecodeError::Length),
        }
    }

    pub fn nullable_string(&mut self) -> Result<Option<String>, DecodeError> {
        let Some(length) = self.length(|reader| reader.i16().map(i32::from))? else {
            return Ok(None);
        };
        let text = self.take(length)?;
        String::from_utf8(text.to_vec()).map(Some).map_err(|_| DecodeError::Name)
    }

    pub fn string(&mut self) -> Result<String, DecodeError> {
        self.nullable_string()?.ok_or(DecodeError::Length)
    }

    pub fn bytes(&mut self) -> Result<Bytes, DecodeError> {
        let length = self.length(Self::i32)?.ok_or(DecodeError::Length)?;
        self.take(length)
    }

    /// The length of an array whose elements take `element_min` bytes or more.
    pub fn array(&mut self, element_min: usize) -> Result<usize, DecodeError> {
        let length = self.length(Self::i32)?.ok_or(DecodeError::Length)?;
        if length > self.rest.len() / element_min {
            return Err(DecodeError::Truncated);
        }
        Ok(length)
    }

    /// Passes the tagged fields at the end of a structure to `field`, which ignores what it does not know.
    pub fn tagged(
        &mut self,
        mut field: impl FnMut(u32, Bytes) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        if !self.compact {
            return Ok(());
        }
        for _ in 0..self.varint()? {
            let tag = self.varint()?;
            let length = self.varint()? as usize;
            let value = self.take(length)?;
            field(tag, value)?;
        }
        Ok(())
    }
}

/// The id in a tagged field.
pub(crate) fn topic_id(bytes: &Bytes) -> Result<TopicId, DecodeError> {
    Uuid::from_slice(bytes).map(TopicId).map_err(|_| DecodeError::Length)
}

/// Puts values at the end of a record. A name that is too long spoils it; [`Writer::finish`] tells.
pub(crate) struct Writer {
    bytes: BytesMut,
    compact: bool,
    spoiled: bool,
}

impl Writer {
    /// A record that starts with its type or version.
    pub fn new(version: i16) -> Self {
        let mut bytes = BytesMut::with_capacity(64);
        bytes.put_i16(version);
        Self { bytes, compact: false, spoiled: false }
    }

    /// A record with compact lengths that starts with its version.
    pub fn new_compact(version: i16) -> Self {
        Self { compact: true, ..Self::new(version) }
    }

    pub fn i32(&mut self, value: i32) {
        self.bytes.put_i32(value);
    }

    pub fn i64(&mut self, value: i64) {
        self.bytes.put_i64(value);
    }

    fn varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.bytes.put_u8(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.put_u8(value as u8);
    }

    pub fn string(&mut self, text: &str) {
        match i16::try_from(text.len()) {
            Ok(length) if self.compact => self.varint(length as u32 + 1),
            Ok(length) => self.bytes.put_i16(length),
            Err(_) => self.spoiled = true,
        }
        self.bytes.put_slice(text.as_bytes());
    }

    pub fn nullable_string(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.string(text),
            None if self.compact => self.varint(0),
            None => self.bytes.put_i16(-1),
        }
    }

    /// Not for compact records, which have no bytes here.
    pub fn plain_bytes(&mut self, bytes: &Bytes) {
        self.plain_array(bytes.len());
        self.bytes.put_slice(bytes);
    }

    /// Not for compact records, which have no arrays here.
    pub fn plain_array(&mut self, length: usize) {
        match i32::try_from(length) {
            Ok(length) => self.bytes.put_i32(length),
            Err(_) => self.spoiled = true,
        }
    }

    /// The tagged fields: the topic id as tag 0, unless it is zero.
    pub fn tagged_topic_id(&mut self, id: TopicId) {
        if id.is_zero() {
            return self.varint(0);
        }
        self.varint(1);
        self.varint(0);
        self.varint(16);
        self.bytes.put_slice(id.0.as_bytes());
    }

    /// The record, if it could be written and is no longer than `length_max`.
    pub fn finish(self, length_max: usize) -> Result<Bytes, TooLarge> {
        if self.spoiled || self.bytes.len() > length_max {
            return Err(TooLarge);
        }
        Ok(self.bytes.freeze())
    }
}
