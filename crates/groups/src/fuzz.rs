//! An entry for fuzzers.

use bytes::{Buf, Bytes};
use thalweg_types::ProducerId;

use crate::durable::DurableState;
use crate::record::Entry;
use crate::{CoordinatorState, Input, Now, Outbox, Record, Settings, TxnOutcome};

/// Producers have numbers below this.
const PRODUCERS: u8 = 64;

/// What a log holds.
enum Logged {
    Record(Record, Option<ProducerId>),
    Marker(ProducerId, TxnOutcome),
}

/// Takes `data` for a log, decodes its records, and loads a coordinator from it. What is understood must
/// survive being written again, and nothing may be left of transactions that have ended.
///
/// A byte says what comes, in its two lower bits, and the number of a producer in the others: a record
/// (0), a record of a transaction (1), the marker of a commit (2) or an abort (3). A record is the length of its
/// key (one byte), the length of its value (two bytes), the key, the value; without value, a tombstone.
pub fn fuzz(data: &[u8]) {
    let mut data = Bytes::copy_from_slice(data);
    let mut machine = CoordinatorState::new(Settings::default());
    let mut replayed = DurableState::default();
    while let Some(logged) = take(&mut data) {
        match logged {
            Logged::Record(record, transaction) => {
                check_codec(&record);
                machine.replay(&record, transaction);
                replayed.replay(&record, transaction);
            }
            Logged::Marker(producer, outcome) => {
                machine.replay_end(producer, outcome);
                replayed.end(producer, outcome);
            }
        }
    }
    let mut out = Outbox::default();
    machine.step(Now::default(), Input::Loaded, &mut out);
    out.records.iter().for_each(|write| replayed.replay(&write.record, None));
    assert!(machine.durable() == &replayed, "loading changed what is durable without a record");
    (0..PRODUCERS).for_each(|id| replayed.end(ProducerId(id.into()), TxnOutcome::Abort));
    assert!(replayed.pending_count() == 0, "offsets wait for transactions that have ended");
    assert!(replayed.offsets() == machine.durable().offsets(), "an abort changed an offset");
}

fn take(data: &mut Bytes) -> Option<Logged> {
    let kind = data.try_get_u8().ok()?;
    let producer = ProducerId((kind / 4).into());
    Some(match kind % 4 {
        0 => Logged::Record(take_record(data)?, None),
        1 => Logged::Record(take_record(data)?, Some(producer)),
        2 => Logged::Marker(producer, TxnOutcome::Commit),
        _ => Logged::Marker(producer, TxnOutcome::Abort),
    })
}

/// The next record, cut short where the data ends.
fn take_record(data: &mut Bytes) -> Option<Record> {
    let key_length = data.try_get_u8().ok()?;
    let value_length = data.try_get_u16().ok()?;
    let key = data.split_to(data.len().min(key_length.into()));
    let value = data.split_to(data.len().min(value_length.into()));
    Some(Record { key, value: (!value.is_empty()).then_some(value) })
}

fn check_codec(record: &Record) {
    if let Ok(entry) = Entry::decode(record)
        && let Ok(again) = entry.encode(usize::MAX)
    {
        assert!(Entry::decode(&again).as_ref() == Ok(&entry), "a record changed by being written");
    }
}
