//! An entry for fuzzers.

use bytes::Bytes;

use crate::durable::DurableState;
use crate::record::Entry;
use crate::{CoordinatorState, Input, Now, Outbox, Record, Settings};

/// Takes `data` for a record (the length of the key in one byte, the key, the value), decodes it, and
/// loads a coordinator from it. What is understood must survive being written again.
pub fn fuzz(data: &[u8]) {
    let Some((&key_length, rest)) = data.split_first() else { return };
    let (key, value) = rest.split_at(rest.len().min(key_length.into()));
    let record = Record {
        key: Bytes::copy_from_slice(key),
        value: (!value.is_empty()).then(|| Bytes::copy_from_slice(value)),
    };
    if let Ok(entry) = Entry::decode(&record)
        && let Ok(again) = entry.encode(usize::MAX)
    {
        assert!(Entry::decode(&again).as_ref() == Ok(&entry), "a record changed by being written");
    }

    let mut machine = CoordinatorState::new(Settings::default());
    machine.replay(&record, None);
    let mut out = Outbox::default();
    machine.step(Now::default(), Input::Loaded, &mut out);
    let mut replayed = DurableState::default();
    replayed.replay(&record, None);
    out.records.iter().for_each(|write| replayed.replay(&write.record, None));
    assert!(machine.durable() == &replayed, "loading changed what is durable without a record");
}
