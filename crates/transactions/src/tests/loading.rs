//! What happens before a machine is loaded, and what it makes of records that are not its own.

use bytes::Bytes;
use thalweg_types::{LeaderEpoch, ProducerId, Timestamp};

use crate::record::Entry;
use crate::{
    CoordinatorState, Input, ListTransactions, ListedTransactions, Millis, Now, Outbox, Record,
    Reply, ReplyTo, Request, Settings, Skipped, TransactionError, TransactionMetadata,
    TransactionState, TransactionalId,
};

fn list(machine: &mut CoordinatorState) -> Reply {
    let mut out = Outbox::default();
    let request = Request::ListTransactions(ListTransactions::default());
    machine.step(Now::default(), Input::Request { reply_to: ReplyTo(1), request }, &mut out);
    assert!(out.records.is_empty());
    out.replies.pop().unwrap().1
}

#[test]
fn requests_wait_for_the_load() {
    let mut machine = CoordinatorState::new(Settings::default());
    let loading = Reply::ListTransactions(Err(TransactionError::CoordinatorLoadInProgress));
    assert_eq!(list(&mut machine), loading);
    assert_eq!(machine.deadline(), None);

    let loaded = Input::Loaded { coordinator_epoch: LeaderEpoch(0) };
    machine.step(Now::default(), loaded, &mut Outbox::default());
    assert_eq!(list(&mut machine), Reply::ListTransactions(Ok(ListedTransactions::default())));
    assert!(machine.deadline().is_some());
}

/// A step does not forget more ids than it should, and the next goes on where it stopped.
#[test]
fn many_ids_expire_in_several_steps() {
    let mut machine = CoordinatorState::new(Settings::default());
    for number in 0..2_500 {
        let transactional_id = TransactionalId::new(&number.to_string()).unwrap();
        let metadata = TransactionMetadata::born(ProducerId(number), 1, Timestamp(0));
        machine.replay(&Entry { transactional_id, metadata: Some(metadata) }.encode());
    }
    let mut now = Now { monotonic: Millis(0), wall: Timestamp(i64::MAX) };
    let loaded = Input::Loaded { coordinator_epoch: LeaderEpoch(0) };
    machine.step(now, loaded, &mut Outbox::default());
    for expected in [1_000, 1_000, 500] {
        now.monotonic = machine.deadline().unwrap();
        let mut out = Outbox::default();
        machine.step(now, Input::Timeout, &mut out);
        assert_eq!(out.records.len(), expected);
    }
    assert!(machine.durable().transactions().is_empty());
}

#[test]
fn the_oldest_open_transaction_is_known() {
    let mut machine = CoordinatorState::new(Settings::default());
    let mut begin = |name: &str, started_at, state| {
        let metadata = TransactionMetadata {
            state,
            started_at: Timestamp(started_at),
            ..TransactionMetadata::born(ProducerId(1), 1, Timestamp(0))
        };
        let transactional_id = TransactionalId::new(name).unwrap();
        machine.replay(&Entry { transactional_id, metadata: Some(metadata) }.encode());
        machine.durable().oldest_open().map(|(id, _)| id.to_string())
    };
    assert_eq!(begin("complete", 1, TransactionState::CompleteCommit), None);
    assert_eq!(begin("young", 9, TransactionState::Ongoing).as_deref(), Some("young"));
    assert_eq!(begin("stuck", 5, TransactionState::PrepareAbort).as_deref(), Some("stuck"));
    assert_eq!(begin("between", 7, TransactionState::Ongoing).as_deref(), Some("stuck"));
}

#[test]
fn records_of_others_are_counted_and_skipped() {
    let record = |key: &'static [u8], value: &'static [u8]| Record {
        key: Bytes::from_static(key),
        value: Some(Bytes::from_static(value)),
    };
    let mut machine = CoordinatorState::new(Settings::default());
    // A key and a value from the future, and half a record.
    machine.replay(&record(b"\0\x01\0\x01t", b"\0\x01"));
    machine.replay(&record(b"\0\0\0\x01t", b"\0\x02"));
    machine.replay(&record(b"\0\0\0\x01t", b"\0\x01\0\0"));
    assert_eq!(machine.durable().skipped(), Skipped { unknown: 2, malformed: 1 });
    assert!(machine.durable().transactions().is_empty());
}
