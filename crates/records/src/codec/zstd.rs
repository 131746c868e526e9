//! Zstandard (RFC 8878).

use bytes::BytesMut;
use zstd::stream::read::Decoder;
use zstd::zstd_safe::CLEVEL_DEFAULT;

use super::{Output, read_bounded};
use crate::{Compression, RecordsError};

pub(super) fn compress(
    input: &[u8],
    level: Option<i32>,
    out: &mut BytesMut,
) -> Result<(), RecordsError> {
    let compressed = zstd::bulk::compress(input, level.unwrap_or(CLEVEL_DEFAULT))
        .map_err(|error| RecordsError::compress(Compression::Zstd, error))?;
    out.extend_from_slice(&compressed);
    Ok(())
}

/// The window that a frame claims is reserved by the library up to its default of 128 MiB, but
/// only touched as far as output is written, which the limit bounds.
pub(super) fn decompress(input: &[u8], out: &mut Output<'_>) -> Result<(), RecordsError> {
    let decoder = Decoder::with_buffer(input)
        .map_err(|error| RecordsError::decompress(Compression::Zstd, error))?;
    read_bounded(Compression::Zstd, decoder, out)
}
