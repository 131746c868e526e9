//! Variable-length integers: seven bits a byte, the lowest first, the top bit set on all but the
//! last byte. Lengths and tags are unsigned; signed numbers are zigzag-coded, so that those near
//! zero stay short.

use bytes::{BufMut, BytesMut};

use crate::WireError;

/// Most bytes that a 32-bit number takes.
pub const MAX_LEN_32: usize = 5;
/// Most bytes that a 64-bit number takes.
pub const MAX_LEN_64: usize = 10;

/// Appends `value`.
pub fn put_unsigned(out: &mut BytesMut, mut value: u64) {
    while value >= 0x80 {
        out.put_u8(value as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}

/// The number of bytes that [`put_unsigned`] takes for `value`.
pub fn unsigned_len(value: u64) -> usize {
    let bits = u64::BITS - (value | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

/// Reads a number of at most 32 bits from the start of `input`, and the bytes it took.
pub fn unsigned_32(input: &[u8]) -> Result<(u32, usize), WireError> {
    let (value, len) = unsigned(input, MAX_LEN_32)?;
    let value = u32::try_from(value).map_err(|_| WireError::VarintTooLong)?;
    Ok((value, len))
}

/// Reads a number of at most 64 bits from the start of `input`, and the bytes it took.
pub fn unsigned_64(input: &[u8]) -> Result<(u64, usize), WireError> {
    unsigned(input, MAX_LEN_64)
}

fn unsigned(input: &[u8], max_len: usize) -> Result<(u64, usize), WireError> {
    let mut value = 0;
    for (index, &byte) in input.iter().take(max_len).enumerate() {
        let bits = u64::from(byte & 0x7f);
        let shift = 7 * index as u32;
        if bits.leading_zeros() < shift {
            return Err(WireError::VarintTooLong);
        }
        value |= bits << shift;
        if byte < 0x80 {
            return Ok((value, index + 1));
        }
    }
    if input.len() < max_len {
        return Err(WireError::Truncated { needed: input.len() + 1, left: input.len() });
    }
    Err(WireError::VarintTooLong)
}

/// Maps 0, -1, 1, -2, … to 0, 1, 2, 3, …
pub fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The reverse of [`zigzag`].
pub fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests;
