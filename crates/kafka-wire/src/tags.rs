//! Tagged fields (KIP-482): after the other fields of a struct, each with a number and a length,
//! so that a reader can skip what it does not know.

use crate::{Decoder, Encoder, WireError, varint};

/// Walks the tagged fields of a struct.
///
/// The caller reads the values of the tags it knows; [`TagReader::next`] skips whatever the caller
/// left of the value before it.
#[derive(Debug)]
pub(crate) struct TagReader {
    fields_left: u32,
    tag: u32,
    /// What remains of the frame when the current value has been read.
    value_end: usize,
}

impl TagReader {
    /// Starts behind the last untagged field. There are no tags unless the version is flexible.
    pub(crate) fn new(input: &mut Decoder) -> Result<Self, WireError> {
        let fields_left = if input.flexible() { input.unsigned_varint()? } else { 0 };
        Ok(Self { fields_left, tag: 0, value_end: input.remaining() })
    }

    /// The number of the next field, whose value is read next; `None` behind the last one.
    pub(crate) fn next(&mut self, input: &mut Decoder) -> Result<Option<u32>, WireError> {
        let unread = input.remaining().checked_sub(self.value_end);
        input.skip(unread.ok_or(WireError::TagOverrun { tag: self.tag })?)?;
        if self.fields_left == 0 {
            return Ok(None);
        }
        self.fields_left -= 1;
        self.tag = input.unsigned_varint()?;
        let len = input.unsigned_varint()? as usize;
        let left = input.remaining();
        self.value_end = left.checked_sub(len).ok_or(WireError::Truncated { needed: len, left })?;
        Ok(Some(self.tag))
    }
}

/// Skips the tagged fields of a struct that has none of its own.
pub(crate) fn skip_tags(input: &mut Decoder) -> Result<(), WireError> {
    let mut tags = TagReader::new(input)?;
    while tags.next(input)?.is_some() {}
    Ok(())
}

/// Appends the tagged fields of a struct, in the order of their numbers.
#[derive(Debug)]
pub(crate) struct TagWriter {
    count_at: usize,
    count: u8,
}

impl TagWriter {
    /// Starts behind the last untagged field. In versions that are not flexible, nothing is written
    /// as long as no field is put.
    pub(crate) fn new(out: &mut Encoder) -> Self {
        let count_at = out.buffer.len();
        no_tags(out);
        Self { count_at, count: 0 }
    }

    /// Appends the field that `value` writes. No struct has as many as 128.
    pub(crate) fn put(
        &mut self,
        out: &mut Encoder,
        tag: u32,
        value: impl FnOnce(&mut Encoder) -> Result<(), WireError>,
    ) -> Result<(), WireError> {
        self.count += 1;
        out.buffer[self.count_at] = self.count;
        varint::put_unsigned(&mut out.buffer, tag.into());
        let len_at = out.buffer.len();
        out.i8(0);
        let start = out.len();
        value(out)?;
        fill_len(out, len_at, out.len() - start);
        Ok(())
    }
}

/// Ends a struct that has no tagged fields.
pub(crate) fn no_tags(out: &mut Encoder) {
    if out.flexible() {
        out.i8(0);
    }
}

/// Writes the length of a value that is in the buffer already, into the one byte left for it: moves
/// the value where a longer number is needed.
fn fill_len(out: &mut Encoder, len_at: usize, len: usize) {
    let extra = varint::unsigned_len(len as u64) - 1;
    let end = out.buffer.len();
    out.buffer.resize(end + extra, 0);
    out.buffer.copy_within(len_at + 1..end, len_at + 1 + extra);
    out.shift_cuts(len_at, extra);
    let mut number = bytes::BytesMut::with_capacity(varint::MAX_LEN_64);
    varint::put_unsigned(&mut number, len as u64);
    out.buffer[len_at..=len_at + extra].copy_from_slice(&number);
}

#[cfg(test)]
mod tests;
