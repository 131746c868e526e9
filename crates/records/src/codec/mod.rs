//! The four codecs. Each decoder is bounded by a limit that the caller sets, not by what the
//! compressed bytes claim.

mod gzip;
mod lz4;
mod snappy;
mod xxh32;
mod zstd;

use std::borrow::Cow;
use std::io::Read;

use bytes::BytesMut;

use crate::{Compression, RecordsError};

/// A codec and how hard it should try.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Codec {
    /// The format.
    pub compression: Compression,
    /// The level of gzip (0 to 9) or zstd (up to 22); `None` is the codec's default. Snappy has no
    /// levels, and LZ4 is always the fast compressor, which is Kafka's default.
    pub level: Option<i32>,
}

impl From<Compression> for Codec {
    fn from(compression: Compression) -> Self {
        Self { compression, level: None }
    }
}

impl Codec {
    /// Appends `input`, compressed, to `out`.
    pub fn compress(self, input: &[u8], out: &mut BytesMut) -> Result<(), RecordsError> {
        match self.compression {
            Compression::None => {
                out.extend_from_slice(input);
                Ok(())
            }
            Compression::Gzip => gzip::compress(input, self.level, out),
            Compression::Snappy => snappy::compress(input, out),
            Compression::Lz4 => lz4::compress(input, out),
            Compression::Zstd => zstd::compress(input, self.level, out),
        }
    }
}

impl Compression {
    /// Decompresses `input`, which may come from anybody. More than `limit` bytes of output are an
    /// error, and no more than that is ever allocated for them.
    pub fn decompress(self, input: &[u8], limit: usize) -> Result<Cow<'_, [u8]>, RecordsError> {
        if self == Self::None {
            return uncompressed(input, limit).map(Cow::Borrowed);
        }
        let mut output = Vec::new();
        self.decompress_in(&mut output, input, limit)?;
        Ok(Cow::Owned(output))
    }

    /// The same in memory that may be there already, and whose content is gone afterwards. What is not
    /// compressed needs none of it.
    pub(crate) fn decompress_in<'a>(
        self,
        memory: &'a mut Vec<u8>,
        input: &'a [u8],
        limit: usize,
    ) -> Result<&'a [u8], RecordsError> {
        let decompress = match self {
            Self::None => return uncompressed(input, limit),
            Self::Gzip => gzip::decompress,
            Self::Snappy => snappy::decompress,
            Self::Lz4 => lz4::decompress,
            Self::Zstd => zstd::decompress,
        };
        decompress(input, &mut Output::new(memory, input.len(), limit))?;
        Ok(memory)
    }
}

fn uncompressed(input: &[u8], limit: usize) -> Result<&[u8], RecordsError> {
    if input.len() > limit {
        return Err(RecordsError::DecompressedTooLarge { limit });
    }
    Ok(input)
}

/// What nearly all batches stay below when they are decompressed. What outgrows it gets its memory in
/// one large piece.
pub const SMALL_DECOMPRESSED_MAX: usize = 4 << 20;

/// After each piece of so many bytes a decoder offers its processor to others. Without that, what is
/// due at once waits behind a large batch until the scheduler's slice is over, which is milliseconds.
const PIECE: usize = 256 << 10;

/// Output that grows geometrically and never beyond its limit.
///
/// What outgrows [`SMALL_DECOMPRESSED_MAX`] gets room for [`LARGE`](Self::LARGE) bytes at once. An
/// allocator asks the system for so much anew, which hands out pages as they are written and takes all
/// back when they are dropped; of sizes between, every thread would keep some for later.
struct Output<'a> {
    bytes: &'a mut Vec<u8>,
    limit: usize,
}

impl<'a> Output<'a> {
    const LARGE: usize = 64 << 20;

    /// Starts with room for what such an input usually holds.
    fn new(bytes: &'a mut Vec<u8>, input_len: usize, limit: usize) -> Self {
        const USUAL_RATIO: usize = 4;
        const CAPACITY_MIN: usize = 4 << 10;
        let capacity = Self::room_for((USUAL_RATIO * input_len).max(CAPACITY_MIN)).min(limit);
        bytes.clear();
        bytes.reserve_exact(capacity);
        Self { bytes, limit }
    }

    fn room_for(len: usize) -> usize {
        if len > SMALL_DECOMPRESSED_MAX { len.max(Self::LARGE) } else { len }
    }

    /// Bytes that may still be written.
    fn room(&self) -> usize {
        self.limit - self.bytes.len()
    }

    /// Adds `more` zero bytes, at most [`room`](Self::room), for a decoder to write over.
    fn grow(&mut self, more: usize) -> Result<(), RecordsError> {
        if more > self.room() {
            return Err(RecordsError::DecompressedTooLarge { limit: self.limit });
        }
        let before = self.bytes.len();
        let needed = before + more;
        if needed > self.bytes.capacity() {
            let target = Self::room_for(needed.max(2 * self.bytes.capacity())).min(self.limit);
            self.bytes.reserve_exact(target - before);
        }
        self.bytes.resize(needed, 0);
        if before / PIECE != needed / PIECE {
            std::thread::yield_now();
        }
        Ok(())
    }
}

/// Reads `reader` to its end.
fn read_bounded(
    compression: Compression,
    mut reader: impl Read,
    out: &mut Output<'_>,
) -> Result<(), RecordsError> {
    let mut read = |buffer: &mut [u8]| {
        reader.read(buffer).map_err(|error| RecordsError::decompress(compression, error))
    };
    let mut filled = 0;
    loop {
        if filled == out.bytes.len() {
            if out.room() == 0 {
                // The limit is reached; whether it is exceeded, one more byte tells.
                return match read(&mut [0])? {
                    0 => Ok(()),
                    _ => Err(RecordsError::DecompressedTooLarge { limit: out.limit }),
                };
            }
            let spare = out.bytes.capacity() - filled;
            let more = if spare > 0 { spare } else { filled };
            out.grow(more.min(PIECE).min(out.room()))?;
        }
        match read(&mut out.bytes[filled..])? {
            0 => {
                out.bytes.truncate(filled);
                return Ok(());
            }
            n => filled += n,
        }
    }
}

#[cfg(test)]
mod tests;
