//! Putting values at the end of a record.

use bytes::{BufMut, Bytes, BytesMut};

use super::TooLarge;

/// Puts values at the end of a record. A length that does not fit spoils it; [`Writer::finish`] tells.
#[derive(Debug)]
pub struct Writer {
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

    /// An 8-bit number.
    pub fn i8(&mut self, value: i8) {
        self.bytes.put_i8(value);
    }

    /// A 16-bit number.
    pub fn i16(&mut self, value: i16) {
        self.bytes.put_i16(value);
    }

    /// A 32-bit number.
    pub fn i32(&mut self, value: i32) {
        self.bytes.put_i32(value);
    }

    /// A 64-bit number.
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

    /// A compact length; 0 stands for null.
    fn compact_length(&mut self, length: Option<usize>) {
        match u32::try_from(length.map_or(0, |length| length.saturating_add(1))) {
            Ok(length) => self.varint(length),
            Err(_) => self.spoiled = true,
        }
    }

    /// A text, or null.
    pub fn nullable_string(&mut self, text: Option<&str>) {
        let length = text.map(str::len);
        if self.compact {
            self.compact_length(length);
        } else {
            match length.map_or(Ok(-1), i16::try_from) {
                Ok(length) => self.bytes.put_i16(length),
                Err(_) => self.spoiled = true,
            }
        }
        self.bytes.put_slice(text.unwrap_or_default().as_bytes());
    }

    /// A text.
    pub fn string(&mut self, text: &str) {
        self.nullable_string(Some(text));
    }

    /// The length of an array, or of bytes; `None` for null.
    pub fn array(&mut self, length: Option<usize>) {
        if self.compact {
            return self.compact_length(length);
        }
        match length.map_or(Ok(-1), i32::try_from) {
            Ok(length) => self.bytes.put_i32(length),
            Err(_) => self.spoiled = true,
        }
    }

    /// Bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.array(Some(bytes.len()));
        self.bytes.put_slice(bytes);
    }

    /// The tagged fields at the end of a structure, by ascending tag; none where lengths are not compact.
    pub fn tagged(&mut self, fields: &[(u32, &[u8])]) {
        if !self.compact {
            return;
        }
        self.varint(fields.len() as u32);
        for (tag, value) in fields {
            self.varint(*tag);
            self.varint(value.len() as u32);
            self.bytes.put_slice(value);
        }
    }

    /// The record, if it could be written and is no longer than `length_max`.
    pub fn finish(self, length_max: usize) -> Result<Bytes, TooLarge> {
        if self.spoiled || self.bytes.len() > length_max {
            return Err(TooLarge);
        }
        Ok(self.bytes.freeze())
    }

    /// The record. For records whose names are of types that keep them shorter than the longest that fits.
    pub fn finish_bounded(self) -> Bytes {
        assert!(!self.spoiled, "a bounded name is longer than the format allows");
        self.bytes.freeze()
    }
}
