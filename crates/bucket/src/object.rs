//! How entries and snapshots look as objects: a mirrored frame that repeats their number.

use bytes::Bytes;
use thalweg_frame::Decoded;

use crate::BucketError;

/// The newest format that this program writes and reads.
const VERSION: u16 = 1;
const NUMBER_LENGTH: usize = 8;
const NONCE_LENGTH: usize = 16;

/// Tells one writer's object from another one's of equal content.
pub(crate) type Nonce = [u8; NONCE_LENGTH];

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Entry,
    Snapshot,
}

impl Kind {
    const fn magic(self) -> [u8; 4] {
        match self {
            Self::Entry => *b"TWCE",
            Self::Snapshot => *b"TWCS",
        }
    }
}

/// A decoded object.
pub(crate) struct Object {
    pub nonce: Nonce,
    pub payload: Bytes,
    pub damaged_twin: bool,
}

pub(crate) fn encode(kind: Kind, number: u64, nonce: Nonce, payload: &[u8]) -> Bytes {
    let content = [&number.to_le_bytes(), nonce.as_slice(), payload].concat();
    thalweg_frame::encode(kind.magic(), VERSION, &content).into()
}

/// Reads the object `name`, which must be of `kind` and written for `number`.
pub(crate) fn decode(
    kind: Kind,
    number: u64,
    name: &str,
    object: &[u8],
) -> Result<Object, BucketError> {
    let Decoded { payload, damaged_twin, .. } =
        thalweg_frame::decode(kind.magic(), VERSION, object)
            .map_err(|source| BucketError::Object { name: name.to_owned(), source })?;
    let content = Bytes::from(payload);
    let header = content
        .split_first_chunk::<NUMBER_LENGTH>()
        .and_then(|(found, rest)| Some((u64::from_le_bytes(*found), *rest.first_chunk()?)));
    match header {
        Some((found, nonce)) if found == number => {
            let payload = content.slice(NUMBER_LENGTH + NONCE_LENGTH..);
            Ok(Object { nonce, payload, damaged_twin })
        }
        _ => Err(BucketError::Misplaced(name.to_owned())),
    }
}
