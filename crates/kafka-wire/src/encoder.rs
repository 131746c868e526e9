//! Writing the fields of one frame.

use bytes::{BufMut, Bytes, BytesMut};
use uuid::Uuid;

use crate::{Segment, Segments, Wire, WireError, varint};

/// The longest string in bytes. Kafka keeps to it where the length is a varint too.
pub(crate) const MAX_STRING_LEN: usize = i16::MAX as usize;
/// The largest block, array or frame.
const MAX_LEN: usize = i32::MAX as usize;
/// Blocks up to this length are copied: that costs less than one more segment to send.
const INLINE_LEN: usize = 512;
const INITIAL_CAPACITY: usize = 256;

/// Collects fields into [`Segments`].
///
/// Small fields go into one buffer. Longer blocks are kept beside it, with the place where they
/// belong, and are never copied.
#[derive(Debug)]
pub struct Encoder {
    pub(crate) buffer: BytesMut,
    cuts: Vec<Cut>,
    /// Total length of the parts in `cuts`.
    cut_len: usize,
    flexible: bool,
}

/// A part that belongs before the byte `at` of the buffer.
#[derive(Debug)]
struct Cut {
    at: usize,
    part: Segment,
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Encoder {
    /// An encoder for one message.
    pub fn new() -> Self {
        Self {
            buffer: BytesMut::with_capacity(INITIAL_CAPACITY),
            cuts: Vec::new(),
            cut_len: 0,
            flexible: false,
        }
    }

    /// The length so far, in bytes.
    pub fn len(&self) -> usize {
        self.buffer.len() + self.cut_len
    }

    /// True if nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What was written, in order.
    pub fn finish(self) -> Segments {
        let buffer = self.buffer.freeze();
        let mut segments = Segments::default();
        let mut start = 0;
        for cut in self.cuts {
            segments.push(Segment::Bytes(buffer.slice(start..cut.at)));
            segments.push(cut.part);
            start = cut.at;
        }
        segments.push(Segment::Bytes(buffer.slice(start..)));
        segments
    }

    /// What was written, for an encoder that began with [`Encoder::frame`].
    pub(crate) fn finish_frame(mut self) -> Result<Segments, WireError> {
        let len = check_len(self.len() - size_of::<i32>(), MAX_LEN)? as i32;
        self.buffer[..size_of::<i32>()].copy_from_slice(&len.to_be_bytes());
        Ok(self.finish())
    }

    /// An encoder that has left room for the length of the frame.
    pub(crate) fn frame() -> Self {
        let mut encoder = Self::new();
        encoder.i32(0);
        encoder
    }

    pub(crate) fn set_flexible(&mut self, flexible: bool) {
        self.flexible = flexible;
    }

    /// True in versions with compact lengths and tagged fields (KIP-482).
    pub fn flexible(&self) -> bool {
        self.flexible
    }

    /// Follows a move of the buffer from `from` on by `distance` bytes.
    pub(crate) fn shift_cuts(&mut self, from: usize, distance: usize) {
        for cut in self.cuts.iter_mut().rev().take_while(|cut| cut.at > from) {
            cut.at += distance;
        }
    }
}

/// Numbers.
impl Encoder {
    /// A byte: 1 for true, 0 for false.
    pub fn bool(&mut self, value: bool) {
        self.buffer.put_u8(value.into());
    }

    /// A signed byte.
    pub fn i8(&mut self, value: i8) {
        self.buffer.put_i8(value);
    }

    /// Two bytes, signed.
    pub fn i16(&mut self, value: i16) {
        self.buffer.put_i16(value);
    }

    /// Two bytes, unsigned.
    pub fn u16(&mut self, value: u16) {
        self.buffer.put_u16(value);
    }

    /// Four bytes, signed.
    pub fn i32(&mut self, value: i32) {
        self.buffer.put_i32(value);
    }

    /// Eight bytes, signed.
    pub fn i64(&mut self, value: i64) {
        self.buffer.put_i64(value);
    }

    /// Eight bytes, IEEE 754.
    pub fn f64(&mut self, value: f64) {
        self.buffer.put_f64(value);
    }

    /// Sixteen bytes.
    pub fn uuid(&mut self, value: Uuid) {
        self.buffer.put_slice(value.as_bytes());
    }
}

/// Lengths. `None` is null.
impl Encoder {
    fn compact_len(&mut self, len: Option<usize>) {
        varint::put_unsigned(&mut self.buffer, len.map_or(0, |len| len as u64 + 1));
    }

    fn short_len(&mut self, len: Option<usize>) -> Result<(), WireError> {
        if !self.flexible {
            return self.classic_short_len(len);
        }
        len.map(|len| check_len(len, MAX_STRING_LEN)).transpose()?;
        self.compact_len(len);
        Ok(())
    }

    fn classic_short_len(&mut self, len: Option<usize>) -> Result<(), WireError> {
        let len = len.map(|len| check_len(len, MAX_STRING_LEN)).transpose()?;
        self.i16(len.map_or(-1, |len| len as i16));
        Ok(())
    }

    fn long_len(&mut self, len: Option<usize>) -> Result<(), WireError> {
        let len = len.map(|len| check_len(len, MAX_LEN)).transpose()?;
        if self.flexible {
            self.compact_len(len);
        } else {
            self.i32(len.map_or(-1, |len| len as i32));
        }
        Ok(())
    }
}

/// Strings and bytes.
impl Encoder {
    /// A string.
    pub fn string(&mut self, value: &str) -> Result<(), WireError> {
        self.nullable_string(Some(value))
    }

    /// A string or null.
    pub fn nullable_string(&mut self, value: Option<&str>) -> Result<(), WireError> {
        self.short_len(value.map(str::len))?;
        self.buffer.put_slice(value.unwrap_or_default().as_bytes());
        Ok(())
    }

    /// A string or null that has a two-byte length in flexible versions too.
    pub fn classic_nullable_string(&mut self, value: Option<&str>) -> Result<(), WireError> {
        self.classic_short_len(value.map(str::len))?;
        self.buffer.put_slice(value.unwrap_or_default().as_bytes());
        Ok(())
    }

    /// A block of bytes; a long one is shared, not copied.
    pub fn bytes(&mut self, value: &Bytes) -> Result<(), WireError> {
        self.nullable_bytes(Some(value))
    }

    /// A block of bytes or null; a long one is shared, not copied.
    pub fn nullable_bytes(&mut self, value: Option<&Bytes>) -> Result<(), WireError> {
        self.long_len(value.map(Bytes::len))?;
        if let Some(value) = value {
            self.part(Segment::Bytes(value.clone()));
        }
        Ok(())
    }

    /// The records of a request or null. They are copied: clients encode requests, and the bytes
    /// stay with the caller.
    pub fn nullable_records(&mut self, value: Option<&[u8]>) -> Result<(), WireError> {
        self.long_len(value.map(<[u8]>::len))?;
        self.buffer.put_slice(value.unwrap_or_default());
        Ok(())
    }

    /// The records of a response; shared, not copied, unless they are few.
    pub fn segments(&mut self, value: &Segments) -> Result<(), WireError> {
        self.nullable_segments(Some(value))
    }

    /// The records of a response or null; shared, not copied, unless they are few.
    pub fn nullable_segments(&mut self, value: Option<&Segments>) -> Result<(), WireError> {
        self.long_len(value.map(Segments::len))?;
        for part in value.map(Segments::parts).unwrap_or_default() {
            self.part(part.clone());
        }
        Ok(())
    }

    fn part(&mut self, part: Segment) {
        match part {
            Segment::Bytes(bytes) if bytes.len() <= INLINE_LEN => self.buffer.put_slice(&bytes),
            part => {
                self.cut_len += part.len();
                self.cuts.push(Cut { at: self.buffer.len(), part });
            }
        }
    }
}

/// Structs and arrays.
impl Encoder {
    /// A struct or null.
    pub fn nullable_struct<T: Wire>(
        &mut self,
        value: Option<&T>,
        version: i16,
    ) -> Result<(), WireError> {
        self.i8(if value.is_some() { 1 } else { -1 });
        value.map_or(Ok(()), |value| value.write(self, version))
    }

    /// An array.
    pub fn array<T: Wire>(&mut self, elements: &[T], version: i16) -> Result<(), WireError> {
        self.nullable_array(Some(elements), version)
    }

    /// An array or null.
    pub fn nullable_array<T: Wire>(
        &mut self,
        elements: Option<&[T]>,
        version: i16,
    ) -> Result<(), WireError> {
        self.long_len(elements.map(<[T]>::len))?;
        elements.unwrap_or_default().iter().try_for_each(|element| element.write(self, version))
    }
}

fn check_len(len: usize, limit: usize) -> Result<usize, WireError> {
    if len <= limit { Ok(len) } else { Err(WireError::TooLong { len, limit }) }
}

#[cfg(test)]
mod tests;
