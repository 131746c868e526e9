//! Transactions: what readers of committed records may see, have to see, and must not.

use super::{
    TOPIC, accused, acked, check, clean, commit, committed, end, keyed, read, seek, send, value,
};
use crate::{Checker, Class, Event, Malformed};

/// Transaction `transaction` of producer 1.
fn begin(transaction: u32) -> Event<'static> {
    begin_with(transaction, 1, None)
}

fn begin_with(transaction: u32, producer: u32, consumer: Option<u32>) -> Event<'static> {
    Event::TxnBegin { transaction, producer, consumer }
}

fn ask(transaction: u32) -> Event<'static> {
    Event::TxnCommit { transaction }
}

fn confirmed(transaction: u32) -> Event<'static> {
    Event::TxnCommitted { transaction }
}

fn aborted(transaction: u32) -> Event<'static> {
    Event::TxnAborted { transaction }
}

/// Consumer 0 reads what is committed, from the start.
fn isolated() -> [Event<'static>; 2] {
    [Event::ReadCommitted { consumer: 0 }, seek(0, 0)]
}

/// A transaction of records 0 and 1, at offsets 0 and 1, before anybody ends it.
fn open() -> Vec<Event<'static>> {
    let own = [begin(7), send(1, 0), send(1, 1), acked(1, 0, 0), acked(1, 1, 1)];
    [&own[..], &isolated()].concat()
}

fn with(before: &[Event<'static>], rest: &[Event<'static>]) -> Vec<Event<'static>> {
    [before, rest].concat()
}

#[test]
fn nothing_is_read_of_a_transaction_before_its_commit_is_asked_for() {
    accused(&with(&open(), &[read(0, 0, 1, 0)]), &[Class::PrecommittedRead]);
    clean(&with(&open(), &[seek(5, 0), read(5, 0, 1, 0)]));
    clean(&with(&open(), &[ask(7), read(0, 0, 1, 0)]));
    // Not even by the transaction itself.
    let own = [
        Event::ReadCommitted { consumer: 0 },
        begin_with(7, 1, Some(0)),
        send(1, 0),
        acked(1, 0, 0),
        seek(0, 0),
        read(0, 0, 1, 0),
    ];
    accused(&own, &[Class::PrecommittedRead]);
}

#[test]
fn nothing_is_read_of_an_aborted_transaction() {
    accused(&with(&open(), &[aborted(7), read(0, 1, 1, 1)]), &[Class::AbortedRead]);
    accused(&with(&open(), &[ask(7), aborted(7), read(0, 1, 1, 1)]), &[Class::AbortedRead]);
    let late = [ask(7), read(0, 0, 1, 0), read(0, 1, 1, 1), aborted(7)];
    accused(&with(&open(), &late), &[Class::AbortedRead]);
    clean(&with(&open(), &[aborted(7), end(0, 3)]));
    // Others see it, and have to.
    clean(&with(&open(), &[aborted(7), seek(5, 0), read(5, 0, 1, 0), read(5, 1, 1, 1)]));
    accused(&with(&open(), &[aborted(7), seek(5, 0), read(5, 1, 1, 1)]), &[Class::Lost]);
}

#[test]
fn a_committed_transaction_is_read_whole() {
    let asked = with(&open(), &[ask(7)]);
    clean(&with(&asked, &[confirmed(7), read(0, 0, 1, 0), read(0, 1, 1, 1), end(0, 3)]));
    accused(&with(&asked, &[confirmed(7), read(0, 0, 1, 0), end(0, 3)]), &[Class::Lost]);
    // Nobody has heard what became of it: then it is all, or nothing.
    clean(&with(&asked, &[read(0, 0, 1, 0), read(0, 1, 1, 1), end(0, 3)]));
    clean(&with(&asked, &[end(0, 3)]));
    accused(&with(&asked, &[read(0, 0, 1, 0), end(0, 3)]), &[Class::TornTransaction]);
    accused(&with(&asked, &[read(0, 1, 1, 1), end(0, 3)]), &[Class::TornTransaction]);
    let two_readers =
        [read(0, 0, 1, 0), Event::ReadCommitted { consumer: 1 }, seek(1, 1), end(1, 3)];
    accused(&with(&asked, &two_readers), &[Class::TornTransaction]);
    // Who passes it before it is confirmed passes it all the same.
    accused(&with(&asked, &[end(0, 3), confirmed(7)]), &[Class::Lost]);
}

#[test]
fn offsets_of_a_transaction_count_from_its_commit_on() {
    let offset = |transaction, offset| Event::TxnOffset { transaction, commit: commit(offset) };
    let begun = [begin(7), offset(7, 5)];
    clean(&with(&begun, &[committed(None)]));
    accused(&with(&begun, &[committed(Some(5))]), &[Class::CommitLost]);
    clean(&with(&begun, &[ask(7), committed(Some(5))]));
    clean(&with(&begun, &[ask(7), committed(None)]));
    clean(&with(&begun, &[ask(7), confirmed(7), committed(Some(5))]));
    accused(&with(&begun, &[ask(7), confirmed(7), committed(None)]), &[Class::CommitLost]);
    accused(&with(&begun, &[ask(7), aborted(7), committed(Some(5))]), &[Class::CommitLost]);
    // The same offset again, before the first is known to have failed.
    let again = [ask(7), begin(8), offset(8, 5), ask(8), aborted(7), committed(Some(5))];
    clean(&with(&begun, &again));
}

#[test]
fn what_is_aborted_overtakes_nothing() {
    let older = [keyed(0, 9, false), acked(1, 0, 0), begin(7), keyed(1, 9, false), acked(1, 1, 1)];
    let rest = |how: &[Event<'static>]| with(&with(&older, how), &[seek(5, 0), end(5, 2)]);
    accused(&rest(&[aborted(7)]), &[Class::Lost]);
    accused(&rest(&[]), &[Class::Lost]);
    let kept = [seek(5, 0), read(5, 1, 1, 1), end(5, 2)];
    clean(&with(&with(&older, &[ask(7), confirmed(7)]), &kept));
    clean(&with(&with(&older, &[ask(7)]), &kept));
    // A tombstone of an aborted transaction deletes nothing either.
    let deleted = [keyed(0, 9, false), acked(1, 0, 0), begin(7), keyed(1, 9, true)];
    accused(&with(&deleted, &[aborted(7), seek(5, 0), end(5, 2)]), &[Class::Lost]);
}

#[test]
fn an_aborted_record_may_be_compacted_away() {
    let sent = [begin(7), keyed(0, 9, false), acked(1, 0, 0), aborted(7), seek(5, 0), end(5, 2)];
    clean(&sent);
    assert_eq!(check(&sent).unread, 0, "what compaction took is accounted for");
}

#[test]
fn transactions_do_not_read_from_each_other_in_a_circle() {
    let circle = |second_reads: &[Event<'static>]| {
        let first = [
            Event::ReadCommitted { consumer: 0 },
            Event::ReadCommitted { consumer: 1 },
            begin_with(7, 1, Some(0)),
            begin_with(8, 3, Some(1)),
            send(1, 0),
            of_another(0),
            acked(1, 0, 0),
            acked(3, 0, 1),
            ask(7),
            ask(8),
        ];
        let rest = [read(0, 1, 3, 0), confirmed(7), confirmed(8)];
        [&first[..], second_reads, &rest].concat()
    };
    clean(&circle(&[]));
    accused(&circle(&[read(1, 0, 1, 0)]), &[Class::Cycle]);
    let report = check(&circle(&[]));
    assert_eq!((report.committed, report.write_cycles), (2, 1), "7 wrote first, and read from 8");
}

#[test]
fn what_kafka_allows_is_counted() {
    let crossed = [
        begin(7),
        begin_with(8, 3, None),
        send(1, 0),
        of_another(0),
        send(1, 1),
        acked(1, 0, 0),
        acked(3, 0, 1),
        acked(1, 1, 2),
        ask(7),
        ask(8),
        confirmed(7),
        confirmed(8),
    ];
    clean(&crossed);
    let report = check(&crossed);
    assert_eq!((report.interleaved, report.write_cycles), (1, 1));
}

/// A record of the idempotent producer 3.
fn of_another(number: u32) -> Event<'static> {
    let (key, tombstone) = (None, false);
    let topic = TOPIC.into();
    let value = value(3, number);
    Event::Send { value, idempotent: true, key, tombstone, topic, partition: 0 }
}

#[test]
fn a_transaction_goes_one_way() {
    let fault = |history: &[Event<'_>]| {
        let mut checker = Checker::new();
        history.iter().find_map(|event| checker.observe(event).err())
    };
    let wrong = Some(Malformed::Transaction(7));
    assert_eq!(fault(&[ask(7)]), wrong);
    assert_eq!(fault(&[begin(7), begin(7)]), wrong);
    assert_eq!(fault(&[begin(7), confirmed(7)]), wrong);
    assert_eq!(fault(&[begin(7), ask(7), confirmed(7), aborted(7)]), wrong);
    assert_eq!(fault(&[begin(7), ask(7), send(1, 0)]), wrong);
    assert_eq!(fault(&[send(2, 0), begin_with(7, 2, None)]), wrong, "not idempotent");
    assert_eq!(fault(&[begin(7), ask(7), aborted(7), begin(8), send(1, 0)]), None);
}
