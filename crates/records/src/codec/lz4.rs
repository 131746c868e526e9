//! LZ4 frames over the block functions of `lz4_flex`, whose own frame layer is slow.
//!
//! ```text
//! magic u32, flags u8, block size u8, [content size u64], header checksum u8,
//! blocks: length u32 (top bit: stored as is), bytes, [checksum u32]
//! end mark: length 0, [content checksum u32]
//! ```
//!
//! Integers are little endian, checksums XXH32. Written are independent blocks of 64 KiB without
//! checksums, as the Java client writes them; read is all of the format but dictionaries.

use bytes::{BufMut, BytesMut};
use lz4_flex::block::{
    CompressTable, DecompressError, compress_into_with_table, decompress_into,
    decompress_into_with_dict, get_maximum_output_size,
};

use super::Output;
use super::xxh32::xxh32;
use crate::{Compression, RecordsError};

const MAGIC: u32 = 0x184D_2204;
const VERSION: u8 = 0b0100_0000;
const VERSION_MASK: u8 = 0b1100_0000;
const INDEPENDENT: u8 = 1 << 5;
const BLOCK_CHECKSUM: u8 = 1 << 4;
const CONTENT_SIZE: u8 = 1 << 3;
const CONTENT_CHECKSUM: u8 = 1 << 2;
const DICTIONARY: u8 = 1 << 0;
/// The code of 64 KiB; each one more is four times as much.
const BLOCK_SIZE_64_KIB: u8 = 4;
const BLOCK_LEN: usize = 64 << 10;
/// Set in a block's length if its bytes are stored as they are.
const STORED: u32 = 1 << 31;
/// How far back a linked block refers.
const WINDOW: usize = 64 << 10;
/// No byte of a block yields more: a length byte of 255.
const EXPANSION_MAX: usize = 255;

pub(super) fn compress(input: &[u8], out: &mut BytesMut) -> Result<(), RecordsError> {
    let descriptor = [VERSION | INDEPENDENT, BLOCK_SIZE_64_KIB << 4];
    out.put_u32_le(MAGIC);
    out.put_slice(&descriptor);
    out.put_u8(header_checksum(&descriptor));
    let mut table = CompressTable::default();
    for block in input.chunks(BLOCK_LEN) {
        compress_block(block, &mut table, out)?;
    }
    out.put_u32_le(0);
    Ok(())
}

fn compress_block(
    block: &[u8],
    table: &mut CompressTable,
    out: &mut BytesMut,
) -> Result<(), RecordsError> {
    let length_at = out.len();
    let from = length_at + size_of::<u32>();
    out.resize(from + get_maximum_output_size(block.len()), 0);
    let mut length = compress_into_with_table(block, &mut out[from..], table)
        .map_err(|error| RecordsError::compress(Compression::Lz4, error))?;
    let mut stored = 0;
    if length >= block.len() {
        length = block.len();
        stored = STORED;
        out[from..from + length].copy_from_slice(block);
    }
    out.truncate(from + length);
    out[length_at..from].copy_from_slice(&(length as u32 | stored).to_le_bytes());
    Ok(())
}

/// Several frames in a row are one stream.
pub(super) fn decompress(mut input: &[u8], out: &mut Output<'_>) -> Result<(), RecordsError> {
    loop {
        decompress_frame(&mut input, out)?;
        if input.is_empty() {
            return Ok(());
        }
    }
}

fn decompress_frame(input: &mut &[u8], out: &mut Output<'_>) -> Result<(), RecordsError> {
    let frame = Descriptor::take(input)?;
    let from = out.bytes.len();
    loop {
        let length = take_u32(input)?;
        if length == 0 {
            break;
        }
        let block = take(input, (length & !STORED) as usize)?;
        if frame.block_checksum && take_u32(input)? != xxh32(block) {
            return Err(broken("block checksum differs"));
        }
        if length & STORED == 0 {
            frame.decompress_block(block, from, out)?;
        } else {
            let at = out.bytes.len();
            out.grow(block.len())?;
            out.bytes[at..].copy_from_slice(block);
        }
    }
    if frame.content_checksum && take_u32(input)? != xxh32(&out.bytes[from..]) {
        return Err(broken("content checksum differs"));
    }
    Ok(())
}

/// What the front of a frame says about its blocks.
struct Descriptor {
    independent: bool,
    block_checksum: bool,
    content_checksum: bool,
    block_len_max: usize,
}

impl Descriptor {
    fn take(input: &mut &[u8]) -> Result<Self, RecordsError> {
        if take_u32(input)? != MAGIC {
            return Err(broken("no frame starts here"));
        }
        let checked = *input;
        let &[flags, block_size] = take(input, 2)? else { return Err(broken(ENDS_EARLY)) };
        if flags & VERSION_MASK != VERSION {
            return Err(broken("unknown frame version"));
        }
        if flags & DICTIONARY != 0 {
            return Err(broken("dictionaries are not supported"));
        }
        if flags & CONTENT_SIZE != 0 {
            take(input, size_of::<u64>())?;
        }
        let checked = &checked[..checked.len() - input.len()];
        if take(input, 1)? != [header_checksum(checked)] {
            return Err(broken("header checksum differs"));
        }
        let size_code = (block_size >> 4 & 0b111)
            .checked_sub(BLOCK_SIZE_64_KIB)
            .ok_or_else(|| broken("unknown block size"))?;
        Ok(Self {
            independent: flags & INDEPENDENT != 0,
            block_checksum: flags & BLOCK_CHECKSUM != 0,
            content_checksum: flags & CONTENT_CHECKSUM != 0,
            block_len_max: BLOCK_LEN << (2 * size_code),
        })
    }

    /// Decompresses a block of a frame whose output began at `frame_from`.
    fn decompress_block(
        &self,
        block: &[u8],
        frame_from: usize,
        out: &mut Output<'_>,
    ) -> Result<(), RecordsError> {
        let possible = self.block_len_max.min(block.len() * EXPANSION_MAX);
        let room = possible.min(out.room());
        let from = out.bytes.len();
        out.grow(room)?;
        let (done, free) = out.bytes.split_at_mut(from);
        let written = if self.independent {
            decompress_into(block, free)
        } else {
            let window = &done[frame_from.max(from.saturating_sub(WINDOW))..];
            decompress_into_with_dict(block, free, window)
        };
        let written = written.map_err(|error| match error {
            DecompressError::OutputTooSmall { .. } if room < possible => {
                RecordsError::DecompressedTooLarge { limit: out.limit }
            }
            error => RecordsError::decompress(Compression::Lz4, error),
        })?;
        out.bytes.truncate(from + written);
        Ok(())
    }
}

fn header_checksum(descriptor: &[u8]) -> u8 {
    (xxh32(descriptor) >> 8) as u8
}

const ENDS_EARLY: &str = "frame ends early";

fn take<'a>(input: &mut &'a [u8], length: usize) -> Result<&'a [u8], RecordsError> {
    input.split_off(..length).ok_or_else(|| broken(ENDS_EARLY))
}

fn take_u32(input: &mut &[u8]) -> Result<u32, RecordsError> {
    let (bytes, rest) = input.split_first_chunk().ok_or_else(|| broken(ENDS_EARLY))?;
    *input = rest;
    Ok(u32::from_le_bytes(*bytes))
}

fn broken(reason: &'static str) -> RecordsError {
    RecordsError::decompress(Compression::Lz4, reason)
}
