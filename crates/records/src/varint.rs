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

/// Nearly all varints of a record have one or two bytes, so that these come first.
#[inline]
fn take<const MAX: usize>(input: &mut &[u8]) -> Option<u64> {
    match **input {
        [first @ ..0x80, ref rest @ ..] => {
            *input = rest;
            Some(u64::from(first))
        }
        [first, second @ ..0x80, ref rest @ ..] => {
            *input = rest;
            Some(u64::from(first & 0x7f) | u64::from(second) << 7)
        }
        _ => take_long::<MAX>(input),
    }
}

fn take_long<const MAX: usize>(input: &mut &[u8]) -> Option<u64> {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_put_is_taken(value: i64) {
            let mut out = BytesMut::new();
            put(&mut out, value);
            prop_assert_eq!(out.len(), len(value));
            let mut rest = out.as_ref();
            prop_assert_eq!(take_i64(&mut rest), Some(value));
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn a_32_bit_varint_is_a_64_bit_one(value: i32) {
            let mut out = BytesMut::new();
            put(&mut out, i64::from(value));
            prop_assert_eq!(take_i32(&mut out.as_ref()), Some(value));
        }
    }

    #[test]
    fn a_varint_that_does_not_end_is_none() {
        assert_eq!(take_i32(&mut [].as_slice()), None);
        assert_eq!(take_i32(&mut [0x80; 4].as_slice()), None);
        assert_eq!(take_i32(&mut [0x80, 0x80, 0x80, 0x80, 0x80, 0].as_slice()), None);
        assert_eq!(take_i64(&mut [0xff; 11].as_slice()), None);
    }

    #[test]
    fn zigzag_numbers_small_values_first() {
        let encoded = [0, -1, 1, -2, 63, -64].map(zigzag);
        assert_eq!(encoded, [0, 1, 2, 3, 126, 127]);
    }
}
