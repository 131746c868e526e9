//! The fuzz target: a plain function, driven by the tests and by cargo-fuzz alike.

use crate::{ClusterState, Entry};

/// Decodes `input` as an entry and replays it; what can be replayed survives a snapshot.
pub fn decode_entry(input: &[u8]) {
    let Ok(entry) = Entry::decode(input) else { return };
    let Ok(state) = ClusterState::from_snapshot(&entry) else { return };
    let again = state.snapshot().encode().and_then(|bytes| Entry::decode(&bytes));
    let restored = again.and_then(|snapshot| ClusterState::from_snapshot(&snapshot));
    assert!(restored.is_ok_and(|restored| restored == state), "a snapshot is the state");
}
