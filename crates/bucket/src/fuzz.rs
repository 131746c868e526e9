//! The fuzz target: a plain function, driven by the tests and by cargo-fuzz alike.

use crate::object::{self, Kind};

/// Decodes `input` as an entry and as a snapshot; what decodes is found again in its encoding.
pub fn decode_object(input: &[u8]) {
    for kind in [Kind::Entry, Kind::Snapshot] {
        if let Ok(object) = object::decode(kind, 0, "fuzz", input) {
            let again = object::encode(kind, 0, object.nonce, &object.payload);
            let decoded = object::decode(kind, 0, "fuzz", &again);
            assert!(
                decoded.is_ok_and(|other| other.payload == object.payload && !other.damaged_twin),
                "what was read must survive being written again"
            );
        }
    }
}
