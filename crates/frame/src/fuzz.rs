//! The fuzz target: a plain function, driven by the tests and by cargo-fuzz alike.

use crate::{decode, encode};

const KIND: [u8; 4] = *b"FUZZ";

/// Decodes `input`; and whatever decodes must be found again in its own encoding.
pub fn decode_any(input: &[u8]) {
    let Ok(decoded) = decode(KIND, u16::MAX, input) else { return };
    let again = encode(KIND, decoded.version, &decoded.payload);
    assert_eq!(
        decoded.damaged_twin,
        again != input,
        "a frame is whole exactly if encoding its content gives the same bytes"
    );
}
