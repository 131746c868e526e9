//! Gzip (RFC 1952) through zlib-rs.

use std::io::Write;

use bytes::{BufMut, BytesMut};
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;

use super::{Output, read_bounded};
use crate::{Compression, RecordsError};

pub(super) fn compress(
    input: &[u8],
    level: Option<i32>,
    out: &mut BytesMut,
) -> Result<(), RecordsError> {
    let level = match level {
        None => flate2::Compression::default(),
        Some(level @ 0..=9) => flate2::Compression::new(level.unsigned_abs()),
        Some(_) => return Err(RecordsError::compress(Compression::Gzip, "levels are 0 to 9")),
    };
    let mut encoder = GzEncoder::new(out.writer(), level);
    let written = encoder.write_all(input).and_then(|()| encoder.finish());
    written.map(drop).map_err(|error| RecordsError::compress(Compression::Gzip, error))
}

/// Several members in a row are one stream, as Java's reader has it.
pub(super) fn decompress(input: &[u8], out: &mut Output<'_>) -> Result<(), RecordsError> {
    read_bounded(Compression::Gzip, MultiGzDecoder::new(input), out)
}
