//! Taking values off the front of a record.

use bytes::{Buf, Bytes};

use super::DecodeError;

/// Takes values off the front of a record.
#[derive(Debug)]
pub struct Reader {
    rest: Bytes,
    compact: bool,
}

impl Reader {
    /// A reader of a record without compact lengths, so far.
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

    /// An 8-bit number.
    pub fn i8(&mut self) -> Result<i8, DecodeError> {
        Ok(self.take(1)?.get_i8())
    }

    /// A 16-bit number.
    pub fn i16(&mut self) -> Result<i16, DecodeError> {
        Ok(self.take(2)?.get_i16())
    }

    /// A 32-bit number.
    pub fn i32(&mut self) -> Result<i32, DecodeError> {
        Ok(self.take(4)?.get_i32())
    }

    /// A 64-bit number.
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

    /// A text, or `None` for null.
    pub fn nullable_string(&mut self) -> Result<Option<String>, DecodeError> {
        let Some(length) = self.length(|reader| reader.i16().map(i32::from))? else {
            return Ok(None);
        };
        let text = self.take(length)?;
        String::from_utf8(text.to_vec()).map(Some).map_err(|_| DecodeError::Name)
    }

    /// A text.
    pub fn string(&mut self) -> Result<String, DecodeError> {
        self.nullable_string()?.ok_or(DecodeError::Length)
    }

    /// Bytes: a slice of the record.
    pub fn bytes(&mut self) -> Result<Bytes, DecodeError> {
        let length = self.length(Self::i32)?.ok_or(DecodeError::Length)?;
        self.take(length)
    }

    /// The length of an array whose elements take `element_min` bytes or more, `None` for null.
    pub fn nullable_array(&mut self, element_min: usize) -> Result<Option<usize>, DecodeError> {
        let length = self.length(Self::i32)?;
        if length.is_some_and(|length| length > self.rest.len() / element_min) {
            return Err(DecodeError::Truncated);
        }
        Ok(length)
    }

    /// The length of an array whose elements take `element_min` bytes or more.
    pub fn array(&mut self, element_min: usize) -> Result<usize, DecodeError> {
        self.nullable_array(element_min)?.ok_or(DecodeError::Length)
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

    /// The next `N` bytes, such as an id of 16.
    pub fn fixed<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let mut fixed = [0; N];
        self.take(N)?.copy_to_slice(&mut fixed);
        Ok(fixed)
    }
}
