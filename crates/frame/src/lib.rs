//! Mirrored frames: a payload stored twice in one object, each copy with its own checksum.
//!
//! The layout stands in the README.

mod error;
pub mod fuzz;

#[cfg(test)]
mod tests;

pub use error::FrameError;

const KIND_LENGTH: usize = 4;
const HEADER_LENGTH: usize = KIND_LENGTH + 2 + 8;
const CHECKSUM_LENGTH: usize = 4;

/// Bytes that a frame adds to two copies of its payload.
pub const OVERHEAD: usize = 2 * (HEADER_LENGTH + CHECKSUM_LENGTH);

/// What a frame held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The format of the payload, as its writer gave it.
    pub version: u16,
    /// The payload of the first intact copy.
    pub payload: Vec<u8>,
    /// True if the other copy is damaged: the object still reads, and should be written anew.
    pub damaged_twin: bool,
}

/// The bytes of an object of `kind` that holds `payload`, whose format is `version`.
pub fn encode(kind: [u8; 4], version: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(OVERHEAD + 2 * payload.len());
    frame.extend_from_slice(&kind);
    frame.extend_from_slice(&version.to_le_bytes());
    frame.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    frame.extend_from_slice(payload);
    frame.extend_from_slice(&crc32c(&frame).to_le_bytes());
    frame.extend_from_within(..);
    frame
}

/// Reads an object back: the first intact copy, if it is of `kind` and not newer than
/// `newest_version`.
pub fn decode(kind: [u8; 4], newest_version: u16, frame: &[u8]) -> Result<Decoded, FrameError> {
    let (first, second) = frame.split_at(frame.len() / 2);
    let copy = intact(frame).or_else(|| intact(second)).ok_or(FrameError::Damaged)?;
    if copy.kind != kind {
        return Err(FrameError::Kind { expected: kind, found: copy.kind });
    }
    if copy.version > newest_version {
        return Err(FrameError::Newer { found: copy.version, known: newest_version });
    }
    Ok(Decoded {
        version: copy.version,
        payload: copy.payload.to_vec(),
        damaged_twin: [first, second] != [copy.whole; 2],
    })
}

struct Copy<'a> {
    kind: [u8; 4],
    version: u16,
    payload: &'a [u8],
    whole: &'a [u8],
}

/// The copy at the start of `bytes`, if its checksum holds.
fn intact(bytes: &[u8]) -> Option<Copy<'_>> {
    let (kind, rest) = bytes.split_first_chunk::<KIND_LENGTH>()?;
    let (version, rest) = rest.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let (payload, rest) = rest.split_at_checked(length)?;
    let checksum = rest.first_chunk()?;

    let covered = HEADER_LENGTH + length;
    if crc32c(&bytes[..covered]) != u32::from_le_bytes(*checksum) {
        return None;
    }
    Some(Copy {
        kind: *kind,
        version: u16::from_le_bytes(*version),
        payload,
        whole: &bytes[..covered + CHECKSUM_LENGTH],
    })
}

fn crc32c(bytes: &[u8]) -> u32 {
    // The checksum has 32 bits; the crate returns every width as 64.
    crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, bytes) as u32
}
