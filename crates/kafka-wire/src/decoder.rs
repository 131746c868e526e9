//! Reading the fields of one frame.

use bytes::{Bytes, BytesMut};
use uuid::Uuid;

use crate::encoder::MAX_STRING_LEN;
use crate::{Segments, Wire, WireError, varint};

/// The memory, in bytes, that the arrays of one message may take when decoded: some 200,000
/// partitions of a Metadata response. A struct is larger in memory than on the wire, so the length
/// of the frame alone is no bound.
pub const DECODED_LIMIT: usize = 32 << 20;

/// Reads fields from the front of a frame.
///
/// Every length is compared with what remains before anything is allocated. Records and bytes
/// fields are parts of the frame, split off without a copy: whoever keeps one for long should copy
/// it, because it keeps the whole frame in memory.
#[derive(Debug)]
pub struct Decoder {
    frame: BytesMut,
    /// How much of `frame` has been read.
    position: usize,
    flexible: bool,
    limit: usize,
    /// What the arrays so far have used of `limit`.
    used: usize,
}

impl Decoder {
    /// A reader for a frame (without its length prefix) that uses at most [`DECODED_LIMIT`].
    pub fn new(frame: BytesMut) -> Self {
        Self::with_limit(frame, DECODED_LIMIT)
    }

    /// A reader whose arrays may take `limit` bytes of memory.
    pub fn with_limit(frame: BytesMut, limit: usize) -> Self {
        Self { frame, position: 0, flexible: false, limit, used: 0 }
    }

    /// Ends reading. Fails if bytes are left; callers choose whether to tolerate them.
    pub fn finish(self) -> Result<(), WireError> {
        match self.remaining() {
            0 => Ok(()),
            left => Err(WireError::TrailingBytes { left }),
        }
    }

    /// The bytes not read yet.
    pub fn remaining(&self) -> usize {
        self.frame.len() - self.position
    }

    /// The bytes not read yet, without reading them.
    pub(crate) fn peek(&self) -> &[u8] {
        &self.frame[self.position..]
    }

    pub(crate) fn set_flexible(&mut self, flexible: bool) {
        self.flexible = flexible;
    }

    /// True in versions with compact lengths and tagged fields (KIP-482).
    pub fn flexible(&self) -> bool {
        self.flexible
    }

    pub(crate) fn skip(&mut self, len: usize) -> Result<(), WireError> {
        self.check(len)?;
        self.position += len;
        Ok(())
    }

    fn check(&self, needed: usize) -> Result<(), WireError> {
        let left = self.remaining();
        if needed <= left { Ok(()) } else { Err(WireError::Truncated { needed, left }) }
    }

    fn take(&mut self, len: usize) -> Result<&[u8], WireError> {
        self.check(len)?;
        let start = self.position;
        self.position += len;
        Ok(&self.frame[start..start + len])
    }

    fn split(&mut self, len: usize) -> Result<BytesMut, WireError> {
        self.check(len)?;
        let _read = self.frame.split_to(self.position);
        self.position = 0;
        Ok(self.frame.split_to(len))
    }

    fn array_of<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }
}

/// Numbers.
impl Decoder {
    /// A byte that is 0 for false.
    pub fn bool(&mut self) -> Result<bool, WireError> {
        Ok(self.i8()? != 0)
    }

    /// A signed byte.
    pub fn i8(&mut self) -> Result<i8, WireError> {
        self.array_of().map(i8::from_be_bytes)
    }

    /// Two bytes, signed.
    pub fn i16(&mut self) -> Result<i16, WireError> {
        self.array_of().map(i16::from_be_bytes)
    }

    /// Two bytes, unsigned.
    pub fn u16(&mut self) -> Result<u16, WireError> {
        self.array_of().map(u16::from_be_bytes)
    }

    /// Four bytes, signed.
    pub fn i32(&mut self) -> Result<i32, WireError> {
        self.array_of().map(i32::from_be_bytes)
    }

    /// Eight bytes, signed.
    pub fn i64(&mut self) -> Result<i64, WireError> {
        self.array_of().map(i64::from_be_bytes)
    }

    /// Eight bytes, IEEE 754.
    pub fn f64(&mut self) -> Result<f64, WireError> {
        self.array_of().map(f64::from_be_bytes)
    }

    /// Sixteen bytes.
    pub fn uuid(&mut self) -> Result<Uuid, WireError> {
        self.array_of().map(Uuid::from_bytes)
    }

    pub(crate) fn unsigned_varint(&mut self) -> Result<u32, WireError> {
        let (value, len) = varint::unsigned_32(self.peek())?;
        self.position += len;
        Ok(value)
    }
}

/// Lengths. `None` is null; each is bounded by what remains once the bytes are taken.
impl Decoder {
    fn compact_len(&mut self) -> Result<Option<usize>, WireError> {
        Ok(self.unsigned_varint()?.checked_sub(1).map(|len| len as usize))
    }

    fn short_len(&mut self) -> Result<Option<usize>, WireError> {
        if self.flexible { self.compact_len() } else { self.classic_short_len() }
    }

    fn classic_short_len(&mut self) -> Result<Option<usize>, WireError> {
        Ok(usize::try_from(self.i16()?).ok())
    }

    fn long_len(&mut self) -> Result<Option<usize>, WireError> {
        if self.flexible {
            return self.compact_len();
        }
        Ok(usize::try_from(self.i32()?).ok())
    }
}

/// Strings and bytes.
impl Decoder {
    /// A string.
    pub fn string(&mut self) -> Result<String, WireError> {
        self.nullable_string()?.ok_or(WireError::UnexpectedNull)
    }

    /// A string or null.
    pub fn nullable_string(&mut self) -> Result<Option<String>, WireError> {
        let len = self.short_len()?;
        self.utf8(len)
    }

    /// A string or null that has a two-byte length in flexible versions too.
    pub fn classic_nullable_string(&mut self) -> Result<Option<String>, WireError> {
        let len = self.classic_short_len()?;
        self.utf8(len)
    }

    fn utf8(&mut self, len: Option<usize>) -> Result<Option<String>, WireError> {
        let Some(len) = len else { return Ok(None) };
        if len > MAX_STRING_LEN {
            return Err(WireError::TooLong { len, limit: MAX_STRING_LEN });
        }
        let text = std::str::from_utf8(self.take(len)?).map_err(|_| WireError::NotUtf8)?;
        Ok(Some(text.to_owned()))
    }

    /// A block of bytes, shared with the frame.
    pub fn bytes(&mut self) -> Result<Bytes, WireError> {
        self.nullable_bytes()?.ok_or(WireError::UnexpectedNull)
    }

    /// A block of bytes, shared with the frame, or null.
    pub fn nullable_bytes(&mut self) -> Result<Option<Bytes>, WireError> {
        Ok(self.nullable_records()?.map(BytesMut::freeze))
    }

    /// The records of a request or null: a part of the frame that nothing else refers to, so that
    /// the broker can stamp offsets in place.
    pub fn nullable_records(&mut self) -> Result<Option<BytesMut>, WireError> {
        match self.long_len()? {
            None => Ok(None),
            Some(len) => self.split(len).map(Some),
        }
    }

    /// The records of a response, as one segment.
    pub fn segments(&mut self) -> Result<Segments, WireError> {
        self.bytes().map(Segments::from)
    }

    /// The records of a response or null, as one segment.
    pub fn nullable_segments(&mut self) -> Result<Option<Segments>, WireError> {
        Ok(self.nullable_bytes()?.map(Segments::from))
    }
}

/// Structs and arrays.
impl Decoder {
    /// A struct or null.
    pub fn nullable_struct<T: Wire>(&mut self, version: i16) -> Result<Option<T>, WireError> {
        if self.i8()? < 0 {
            return Ok(None);
        }
        T::read(self, version).map(Some)
    }

    /// An array.
    pub fn array<T: Wire>(&mut self, version: i16) -> Result<Vec<T>, WireError> {
        self.nullable_array(version)?.ok_or(WireError::UnexpectedNull)
    }

    /// An array or null.
    pub fn nullable_array<T: Wire>(&mut self, version: i16) -> Result<Option<Vec<T>>, WireError> {
        let Some(count) = self.long_len()? else { return Ok(None) };
        self.reserve(count, T::MIN_LEN, size_of::<T>())?;
        let mut elements = Vec::with_capacity(count);
        for _ in 0..count {
            elements.push(T::read(self, version)?);
        }
        Ok(Some(elements))
    }

    /// Checks that `count` elements can be there, and counts their memory against the limit.
    fn reserve(&mut self, count: usize, min_len: usize, size: usize) -> Result<(), WireError> {
        let left = self.remaining();
        if count > left / min_len {
            return Err(WireError::ArrayTooLong { count, left });
        }
        self.used = self.used.saturating_add(count.saturating_mul(size));
        if self.used > self.limit {
            return Err(WireError::OverLimit { limit: self.limit });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
