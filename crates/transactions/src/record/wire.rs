//! Kafka's primitives, as far as the records of the transaction topic use them.
//!
//! A value is written with 16-bit or with compact lengths, depending on its version. Nothing is allocated
//! by a length before that many bytes are known to be there.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Why bytes are no record of the transaction topic.
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
    #[error("a number has no meaning")]
    Number,
}

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

    pub fn i8(&mut self) -> Result<i8, DecodeError> {
        Ok(self.take(1)?.get_i8())
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

    pub fn string(&mut self) -> Result<String, DecodeError> {
        let length = self.length(|reader| reader.i16().map(i32::from))?;
        let text = self.take(length.ok_or(DecodeError::Length)?)?;
        String::from_utf8(text.to_vec()).map_err(|_| DecodeError::Name)
    }

    /// The length of an array whose elements take `element_min` bytes or more; `None` for null.
    pub fn nullable_array(&mut self, element_min: usize) -> Result<Option<usize>, DecodeError> {
        let length = self.length(Self::i32)?;
        if length.is_some_and(|length| length > self.rest.len() / element_min) {
            return Err(DecodeError::Truncated);
        }
        Ok(length)
    }

    /// Passes the tagged fields at the end of a structure to `field`, which ignores what it does not know.
    pub fn tagged(
        &mut self,
        mut field: impl FnMut(u32, &mut Self) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        if !self.compact {
            return Ok(());
        }
        for _ in 0..self.varint()? {
            let tag = self.varint()?;
            let length = self.varint()? as usize;
            field(tag, &mut Self::new(self.take(length)?))?;
        }
        Ok(())
    }
}

/// Puts values at the end of a record. Lengths are compact once [`Writer::set_compact`] said so.
pub(crate) struct Writer {
    bytes: BytesMut,
    compact: bool,
}

impl Writer {
    /// A record that starts with its type or version.
    pub fn new(version: i16) -> Self {
        let mut bytes = BytesMut::with_capacity(64);
        bytes.put_i16(version);
        Self { bytes, compact: false }
    }

    /// A record with compact lengths that starts with its version.
    pub fn new_compact(version: i16) -> Self {
        Self { compact: true, ..Self::new(version) }
    }

    pub fn i8(&mut self, value: i8) {
        self.bytes.put_i8(value);
    }

    pub fn i16(&mut self, value: i16) {
        self.bytes.put_i16(value);
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

    /// `text` is a name, whose type keeps it shorter than the longest that fits.
    pub fn string(&mut self, text: &str) {
        if self.compact {
            self.varint(text.len() as u32 + 1);
        } else {
            self.bytes.put_i16(text.len() as i16);
        }
        self.bytes.put_slice(text.as_bytes());
    }

    /// For compact records only: the others have no arrays that are written here.
    pub fn compact_array(&mut self, length: Option<usize>) {
        self.varint(length.map_or(0, |length| length as u32 + 1));
    }

    /// The tagged fields at the end of a structure, by ascending tag. Each is a big-endian number.
    pub fn tagged(&mut self, fields: &[(u32, &[u8])]) {
        self.varint(fields.len() as u32);
        for (tag, value) in fields {
            self.varint(*tag);
            self.varint(value.len() as u32);
            self.bytes.put_slice(value);
        }
    }

    pub fn finish(self) -> Bytes {
        self.bytes.freeze()
    }
}
