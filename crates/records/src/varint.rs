//! Zigzag varints, the integers inside a record.

use bytes::{BufMut, BytesMut};

/// Takes a varint of at most 5 bytes off the front of `input`. Bits beyond 32 are dropped, as
/// Kafka drops them.
#[inline]
pub(crate) fn take_i32(input: &mut &[u8]) -> Option<i32> {
    let raw = take::<5>(input)? as u32;
    Some((raw >> 1) as i32 ^ -((raw & 1) as i32))
}

/// Takes a varint of at most 10 bytes off the front of `input`.
#[inline]
pub(crate) fn take_i64(input: &mut &[u8]) -> Option<i64> {
    let raw = take::<10>(input)?;
    Some((raw >> 1) as i64 ^ -((raw & 1) as i64))
}

#[inline]
fn take<const MAX: usize>(input: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for (i, byte) in input.iter().take(MAX).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            *input = &input[i + 1..];
            return Some(value);
        }
    }
    None
}

/// Appends `value`.
pub(crate) fn put(out: &mut BytesMut, value: i64) {
    let mut raw = zigzag(value);
    while raw >= 0x80 {
        out.put_u8(raw as u8 | 0x80);
        raw >>= 7;
    }
    out.put_u8(raw as u8);
}

/// Bytes that [`put`] appends for `value`.
pub(crate) const fn len(value: i64) -> usize {
    (u64::BITS - (zigzag(value) | 1).leading_zeros()).div_ceil(7) as usize
}

const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}
