//! Snappy, in the two framings that Kafka's clients use.
//!
//! The Java client writes the stream format of xerial's snappy-java: a 16-byte header (8 bytes of
//! magic, version and lowest compatible version as i32), then blocks, each behind its compressed
//! length as i32. Other clients write one raw block. Java reads both, and so do we.

use bytes::{BufMut, BytesMut};

use super::Output;
use crate::{Compression, RecordsError};

const MAGIC: &[u8; 8] = b"\x82SNAPPY\0";
const HEADER_LEN: usize = 16;
const VERSION: i32 = 1;
/// Uncompressed bytes in a block, as snappy-java has it.
const BLOCK_LEN: usize = 32 << 10;
/// No snappy element makes more of its bytes: a copy of 3 bytes yields 64.
const EXPANSION_MAX: usize = 22;

pub(super) fn compress(input: &[u8], out: &mut BytesMut) -> Result<(), RecordsError> {
    out.put_slice(MAGIC);
    out.put_i32(VERSION);
    out.put_i32(VERSION);
    let mut encoder = snap::raw::Encoder::new();
    for block in input.chunks(BLOCK_LEN) {
        let length_at = out.len();
        let from = length_at + size_of::<i32>();
        out.resize(from + snap::raw::max_compress_len(block.len()), 0);
        let written = encoder
            .compress(block, &mut out[from..])
            .map_err(|error| RecordsError::compress(Compression::Snappy, error))?;
        out.truncate(from + written);
        out[length_at..from].copy_from_slice(&(written as i32).to_be_bytes());
    }
    Ok(())
}

pub(super) fn decompress(mut input: &[u8], out: &mut Output<'_>) -> Result<(), RecordsError> {
    if !input.starts_with(MAGIC) {
        return decompress_block(input, out);
    }
    while !input.is_empty() {
        // A stream made of streams repeats the header.
        if input.starts_with(MAGIC) {
            input = input.get(HEADER_LEN..).ok_or_else(|| broken("header ends early"))?;
            continue;
        }
        let block = take_block(&mut input).ok_or_else(|| broken("block exceeds the stream"))?;
        decompress_block(block, out)?;
    }
    Ok(())
}

fn take_block<'a>(input: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = input.split_first_chunk()?;
    let length = usize::try_from(i32::from_be_bytes(*length)).ok()?;
    let (block, rest) = rest.split_at_checked(length)?;
    *input = rest;
    Some(block)
}

fn decompress_block(block: &[u8], out: &mut Output<'_>) -> Result<(), RecordsError> {
    let failed = |error| RecordsError::decompress(Compression::Snappy, error);
    let claimed = snap::raw::decompress_len(block).map_err(failed)?;
    if claimed > block.len() * EXPANSION_MAX {
        return Err(broken("block claims more than its bytes can hold"));
    }
    let from = out.bytes.len();
    out.grow(claimed)?;
    snap::raw::Decoder::new().decompress(block, &mut out.bytes[from..]).map_err(failed)?;
    Ok(())
}

fn broken(reason: &'static str) -> RecordsError {
    RecordsError::decompress(Compression::Snappy, reason)
}
