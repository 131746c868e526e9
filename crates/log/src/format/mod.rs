//! How the log lies on disk: pure encoding and decoding, no files.
//!
//! ```text
//! log file  = file header page | chunk | chunk | …            each part a multiple of 4 KiB
//! chunk     = head | run | run | … | padding | footer | tail
//! run       = run header | batch | batch | …                  one partition
//! footer    = run entry… | batch entry…
//! index     = header | section directory | batch entries      one section per extent
//! ```
//!
//! Head and tail of a chunk say the same, and run headers repeat what the footer says, so that one
//! damaged place never hides the rest. Numbers are little-endian.

pub(crate) mod bytes;
pub(crate) mod chunk;
pub(crate) mod entry;
pub(crate) mod file_header;
pub(crate) mod index;

use crc_fast::{CrcAlgorithm, checksum};

/// Chunks and the file header begin and end at multiples of this.
pub(crate) const ALIGN: u64 = 4096;

/// The newest version of every format in this module.
pub(crate) const FORMAT_VERSION: u16 = 1;

/// CRC32C, the checksum of everything on disk.
pub(crate) fn crc32c(bytes: &[u8]) -> u32 {
    checksum(CrcAlgorithm::Crc32Iscsi, bytes) as u32
}

/// `n` rounded up to a multiple of [`ALIGN`].
pub(crate) fn aligned(n: u64) -> u64 {
    n.next_multiple_of(ALIGN)
}

#[cfg(test)]
mod tests;
