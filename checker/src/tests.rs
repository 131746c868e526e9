//! Every class of violation with a smallest history that has it and one beside it that has not.

mod model;
mod transactions;

use crate::{Checker, Class, Commit, Event, LineError, Malformed, Report, Value, check_lines};

const TOPIC: &str = "t";

fn value(producer: u32, number: u32) -> Value {
    Value { producer, number }
}

/// A record of the idempotent producer 1 (or the plain producer 2) to partition 0.
fn send(producer: u32, number: u32) -> Event<'static> {
    let value = value(producer, number);
    Event::Send {
        value,
        idempotent: producer == 1,
        key: None,
        tombstone: false,
        topic: TOPIC.into(),
        partition: 0,
    }
}

/// A record to a compacted topic.
fn keyed(number: u32, key: u64, tombstone: bool) -> Event<'static> {
    let (value, key) = (value(1, number), Some(key));
    Event::Send { value, idempotent: true, key, tombstone, topic: TOPIC.into(), partition: 0 }
}

fn retry(producer: u32, number: u32) -> Event<'static> {
    Event::Retry { value: value(producer, number) }
}

fn acked(producer: u32, number: u32, offset: i64) -> Event<'static> {
    Event::Acked { value: value(producer, number), offset: Some(offset) }
}

fn failed(producer: u32, number: u32) -> Event<'static> {
    Event::Failed { value: value(producer, number) }
}

fn read(consumer: u32, offset: i64, producer: u32, number: u32) -> Event<'static> {
    let value = value(producer, number);
    Event::Read { consumer, topic: TOPIC.into(), partition: 0, offset, value }
}

fn seek(consumer: u32, offset: i64) -> Event<'static> {
    Event::Seek { consumer, topic: TOPIC.into(), partition: 0, offset }
}

fn end(consumer: u32, offset: i64) -> Event<'static> {
    Event::End { consumer, topic: TOPIC.into(), partition: 0, offset }
}

fn trimmed(offset: i64) -> Event<'static> {
    Event::Trimmed { topic: TOPIC.into(), partition: 0, offset }
}

fn cut(offset: i64) -> Event<'static> {
    Event::Cut { topic: TOPIC.into(), partition: 0, offset }
}

fn commit(offset: i64) -> Commit<'static> {
    Commit { group: "g".into(), topic: TOPIC.into(), partition: 0, offset }
}

fn committed(offset: Option<i64>) -> Event<'static> {
    Event::Committed { group: "g".into(), topic: TOPIC.into(), partition: 0, offset }
}

fn check(history: &[Event<'_>]) -> Report {
    let mut checker = Checker::new();
    for event in history {
        checker.observe(event).unwrap();
    }
    checker.finish()
}

/// Asserts that `history` has one violation of each of `classes`, and no other.
#[track_caller]
fn accused(history: &[Event<'_>], classes: &[Class]) {
    let report = check(history);
    let found: Vec<_> = report.verdicts.iter().map(|verdict| verdict.class).collect();
    assert_eq!(found, classes, "{report}");
}

#[track_caller]
fn clean(history: &[Event<'_>]) {
    accused(history, &[]);
}

#[test]
fn an_acknowledged_record_that_a_reader_passes_is_lost() {
    let sent = [send(1, 0), send(1, 1), acked(1, 0, 0), acked(1, 1, 1)];
    let with = |reads: &[Event<'static>]| [&sent[..], reads].concat();
    clean(&with(&[seek(0, 0), read(0, 0, 1, 0), read(0, 1, 1, 1), end(0, 2)]));
    clean(&with(&[read(0, 1, 1, 1), end(0, 2)]));
    accused(&with(&[seek(0, 0), read(0, 1, 1, 1), end(0, 2)]), &[Class::Lost]);
    accused(&with(&[seek(0, 0), read(0, 0, 1, 0), end(0, 1)]), &[Class::Lost]);
    accused(&with(&[seek(0, 0), end(0, 0)]), &[Class::Lost, Class::Lost]);
    clean(&with(&[trimmed(1), seek(0, 0), read(0, 1, 1, 1), end(0, 2)]));
}

#[test]
fn a_cut_takes_what_stood_behind_it_and_no_more() {
    let sent =
        [send(1, 0), send(1, 1), send(1, 2), acked(1, 0, 0), acked(1, 1, 1), read(0, 2, 1, 2)];
    let with =
        |rest: &[Event<'static>]| [&sent[..], &[Event::Crash, cut(1), seek(0, 0)], rest].concat();
    clean(&with(&[read(0, 0, 1, 0), end(0, 1)]));
    accused(&with(&[end(0, 0)]), &[Class::Lost]);
    accused(&with(&[end(0, 1)]), &[Class::Lost]);
    // Offsets are used again, by others and by what is sent once more.
    let again = [read(0, 0, 1, 0), send(2, 0), retry(1, 2), acked(2, 0, 1), acked(1, 2, 4)];
    clean(&with(&again));
    accused(&with(&[&again[..], &[read(0, 1, 1, 1)]].concat()), &[Class::OffsetReused]);
    let report = check(&with(&[read(0, 0, 1, 0), end(0, 1)]));
    assert_eq!(report.unread, 0, "what the cut took is accounted for");
}

#[test]
fn an_acknowledgement_behind_a_reader_is_a_loss() {
    let before = [send(1, 0), send(2, 0), seek(0, 0), read(0, 1, 2, 0)];
    clean(&before);
    accused(&[&before[..], &[acked(1, 0, 0)]].concat(), &[Class::Lost]);
}

#[test]
fn compaction_takes_records_whose_key_comes_again() {
    let sent = [keyed(0, 7, false), acked(1, 0, 0), keyed(1, 7, false), keyed(2, 8, false)];
    let with = |rest: &[Event<'static>]| [&sent[..], &[seek(0, 0)], rest].concat();
    clean(&with(&[read(0, 1, 1, 1), end(0, 2)]));
    clean(&with(&[acked(1, 1, 1), read(0, 1, 1, 1), read(0, 2, 1, 2), end(0, 3)]));
    accused(&with(&[read(0, 2, 1, 2), end(0, 3)]), &[Class::Lost]);
    accused(&with(&[end(0, 0)]), &[Class::Lost]);
    let report = check(&with(&[read(0, 1, 1, 1), end(0, 2)]));
    assert_eq!(report.unread, 0, "what compaction took is accounted for");
    // Nobody has yet seen what would excuse it; who goes elsewhere never will.
    clean(&with(&[read(0, 2, 1, 2)]));
    clean(&with(&[read(0, 2, 1, 2), seek(0, 3), end(0, 3)]));
}

#[test]
fn a_tombstone_takes_its_key_and_goes() {
    let sent = [keyed(0, 7, false), acked(1, 0, 0), keyed(1, 7, true), seek(0, 0)];
    let with = |rest: &[Event<'static>]| [&sent[..], rest].concat();
    clean(&with(&[end(0, 2)]));
    clean(&with(&[acked(1, 1, 1), end(0, 2)]));
    accused(&with(&[failed(1, 1), end(0, 2)]), &[Class::Lost]);
}

#[test]
fn a_compacted_record_may_be_acknowledged_late() {
    let sent = [keyed(0, 7, false), keyed(1, 7, false), seek(0, 0), read(0, 1, 1, 1)];
    let with = |rest: &[Event<'static>]| [&sent[..], rest].concat();
    clean(&with(&[acked(1, 0, 0), end(0, 2)]));
    accused(&with(&[read(1, 0, 1, 0)]), &[Class::Lost]);
}

#[test]
fn what_was_read_once_stays() {
    let sent = [send(2, 0), send(2, 1), read(0, 0, 2, 0), Event::Crash, seek(0, 0)];
    clean(&[&sent[..], &[read(0, 0, 2, 0), read(0, 1, 2, 1)]].concat());
    accused(&[&sent[..], &[read(0, 1, 2, 1)]].concat(), &[Class::Lost]);
    accused(&[&sent[..], &[end(0, 0)]].concat(), &[Class::Lost]);
}

#[test]
fn a_record_acknowledged_without_an_offset_is_lost_if_nowhere() {
    let sent = [send(1, 0), Event::Acked { value: value(1, 0), offset: None }];
    clean(&[&sent[..], &[read(0, 5, 1, 0)]].concat());
    accused(&[&sent[..], &[seek(0, 0), end(0, 0)]].concat(), &[Class::Lost]);
    let report = check(&[&sent[..], &[seek(0, 5), end(0, 8)]].concat());
    assert!(report.is_clean() && report.unread == 1, "nobody read offsets 0 to 4");
}

#[test]
fn acknowledged_records_that_nobody_looked_for_are_counted() {
    let report =
        check(&[send(1, 0), send(1, 1), acked(1, 0, 0), acked(1, 1, 1), seek(0, 1), end(0, 2)]);
    assert_eq!((report.unread, report.acked, report.sent), (1, 2, 2));
}

#[test]
fn an_idempotent_record_has_one_offset() {
    let reads = [read(0, 0, 1, 0), read(0, 1, 1, 0)];
    accused(&[&[send(1, 0), retry(1, 0)], &reads[..]].concat(), &[Class::Duplicated]);
    clean(&[send(1, 0), retry(1, 0), read(0, 0, 1, 0), read(1, 0, 1, 0)]);
}

#[test]
fn a_plain_record_has_as_many_offsets_as_attempts() {
    let reads = [read(0, 0, 2, 0), read(0, 1, 2, 0)];
    accused(&[&[send(2, 0)], &reads[..]].concat(), &[Class::Duplicated]);
    clean(&[&[send(2, 0), retry(2, 0), acked(2, 0, 1)], &reads[..]].concat());
    accused(
        &[&[send(2, 0), retry(2, 0)], &reads[..], &[read(0, 2, 2, 0)]].concat(),
        &[Class::Duplicated],
    );
}

#[test]
fn idempotent_records_stand_in_the_order_of_sending() {
    let order = |producer| {
        [send(producer, 0), send(producer, 1), read(0, 0, producer, 1), read(0, 1, producer, 0)]
    };
    accused(&order(1), &[Class::Reordered]);
    clean(&order(2));
    // Two readers, neither of which saw both.
    let halves = [send(1, 0), send(1, 1), read(0, 1, 1, 0), read(1, 0, 1, 1)];
    accused(&halves, &[Class::Reordered]);
    accused(&[send(1, 0), send(1, 1), acked(1, 0, 6), acked(1, 1, 5)], &[Class::Reordered]);
    clean(&[send(1, 0), send(1, 1), read(0, 0, 1, 1), failed(1, 0)]);
}

#[test]
fn a_reader_goes_forward() {
    let sent = [send(2, 0), send(2, 1), read(0, 0, 2, 0), read(0, 1, 2, 1)];
    accused(&[&sent[..], &[read(0, 0, 2, 0)]].concat(), &[Class::Reordered]);
    clean(&[&sent[..], &[seek(0, 0), read(0, 0, 2, 0)]].concat());
}

#[test]
fn only_what_was_sent_there_can_be_read() {
    accused(&[read(0, 0, 1, 0)], &[Class::Phantom]);
    accused(&[send(1, 0), read(0, 0, 1, 1)], &[Class::Phantom]);
    accused(&[send(1, 0), failed(1, 0), read(0, 0, 1, 0)], &[Class::Phantom]);
    accused(&[send(1, 0), read(0, 0, 1, 0), failed(1, 0)], &[Class::Phantom]);
    clean(&[send(1, 0), Event::Unknown { value: value(1, 0) }, read(0, 0, 1, 0)]);
    let elsewhere = Event::Read {
        consumer: 0,
        topic: TOPIC.into(),
        partition: 1,
        offset: 0,
        value: value(1, 0),
    };
    accused(&[send(1, 0), elsewhere], &[Class::Phantom]);
}

#[test]
fn an_offset_has_one_record_for_ever() {
    let sent = [send(1, 0), send(2, 0)];
    let with = |first, second| [&sent[..], &[first, Event::Crash, second]].concat();
    accused(&with(read(0, 3, 1, 0), read(1, 3, 2, 0)), &[Class::OffsetReused]);
    accused(&with(acked(1, 0, 3), acked(2, 0, 3)), &[Class::OffsetReused]);
    accused(&with(acked(1, 0, 3), read(0, 3, 2, 0)), &[Class::OffsetReused]);
    clean(&with(acked(1, 0, 3), read(0, 3, 1, 0)));
}

#[test]
fn a_record_is_read_where_it_was_acknowledged() {
    accused(&[send(1, 0), acked(1, 0, 3), read(0, 4, 1, 0)], &[Class::Misacknowledged]);
    accused(&[send(1, 0), read(0, 4, 1, 0), acked(1, 0, 3)], &[Class::Misacknowledged]);
    clean(&[send(1, 0), read(0, 4, 1, 0), acked(1, 0, 4), read(1, 4, 1, 0)]);
}

#[test]
fn an_acknowledged_commit_stays() {
    let acked = |offset| [Event::Commit(commit(offset)), Event::CommitAcked(commit(offset))];
    let first = [acked(5), acked(9)].concat();
    let with = |rest: &[Event<'static>]| [&first[..], rest].concat();
    clean(&with(&[Event::Crash, committed(Some(9))]));
    accused(&with(&[Event::Crash, committed(Some(5)), committed(Some(5))]), &[Class::CommitLost]);
    accused(&with(&[committed(None)]), &[Class::CommitLost]);
    accused(&with(&[committed(Some(10))]), &[Class::CommitLost]);
    clean(&[committed(None)]);
    accused(&[committed(Some(0))], &[Class::CommitLost]);
    clean(&[with(&acked(5)), vec![committed(Some(5))]].concat());
}

#[test]
fn an_open_commit_may_take_effect_once() {
    let open = [Event::Commit(commit(5)), Event::CommitAcked(commit(5)), Event::Commit(commit(9))];
    let with = |rest: &[Event<'static>]| [&open[..], rest].concat();
    clean(&with(&[Event::CommitUnknown(commit(9)), committed(Some(5)), committed(Some(9))]));
    accused(&with(&[committed(Some(9)), committed(Some(5))]), &[Class::CommitLost]);
    accused(&with(&[Event::CommitFailed(commit(9)), committed(Some(9))]), &[Class::CommitLost]);
    // The crash decides: not stored before it, never stored.
    accused(&with(&[Event::Crash, committed(Some(5)), committed(Some(9))]), &[Class::CommitLost]);
    clean(&with(&[Event::Crash, committed(Some(9))]));
    let newer = [Event::Crash, Event::Commit(commit(7)), Event::CommitAcked(commit(7))];
    accused(&with(&[&newer[..], &[committed(Some(9))]].concat()), &[Class::CommitLost]);
}

#[test]
fn of_overlapping_commits_either_may_be_last() {
    let overlapping = [
        Event::Commit(commit(5)),
        Event::Commit(commit(9)),
        Event::CommitAcked(commit(9)),
        Event::CommitAcked(commit(5)),
    ];
    let with = |rest: &[Event<'static>]| [&overlapping[..], rest].concat();
    clean(&with(&[committed(Some(9))]));
    clean(&with(&[committed(Some(5))]));
    accused(&with(&[committed(Some(5)), committed(Some(9))]), &[Class::CommitLost]);
    let next = [Event::Commit(commit(12)), Event::CommitAcked(commit(12)), committed(Some(5))];
    accused(&with(&next), &[Class::CommitLost]);
}

#[test]
fn what_is_no_history_is_said_to_be_none() {
    let fault = |history: &[Event<'_>]| {
        let mut checker = Checker::new();
        history.iter().find_map(|event| checker.observe(event).err())
    };
    assert_eq!(fault(&[send(1, 1)]), Some(Malformed::Number(value(1, 1))));
    assert_eq!(fault(&[acked(1, 0, 0)]), Some(Malformed::NotSent(value(1, 0))));
    assert_eq!(fault(&[retry(1, 0)]), Some(Malformed::NotSent(value(1, 0))));
    let twice = [send(1, 0), acked(1, 0, 0), failed(1, 0)];
    assert_eq!(fault(&twice), Some(Malformed::SecondOutcome(value(1, 0))));
    assert_eq!(fault(&[send(1, 0), acked(1, 0, 1 << 60)]), Some(Malformed::Offset(1 << 60)));
    assert_eq!(fault(&[read(0, -1, 1, 0)]), Some(Malformed::Offset(-1)));
}

#[test]
fn one_loss_is_reported_once_and_details_are_bounded() {
    let mut history = vec![send(1, 0), send(2, 0), acked(1, 0, 0)];
    for consumer in 0..300 {
        history.extend([seek(consumer, 0), read(consumer, 1, 2, 0)]);
    }
    accused(&history, &[Class::Lost]);
    let report = check(&(0..300).map(|offset| read(0, offset, 9, 9)).collect::<Vec<_>>());
    assert_eq!((report.violations[&Class::Phantom], report.verdicts.len()), (300, 100));
}

#[test]
fn lines_say_what_is_wrong_and_where() {
    let lines = "{\"event\":\"send\",\"producer\":1,\"number\":0,\"idempotent\":true,\"topic\":\"t\",\"partition\":0}\n\
        \n{\"event\":\"acked\",\"producer\":1,\"number\":0,\"offset\":0}\n\
        {\"event\":\"seek\",\"consumer\":1,\"topic\":\"t\",\"partition\":0,\"offset\":0}\n\
        {\"event\":\"end\",\"consumer\":1,\"topic\":\"t\",\"partition\":0,\"offset\":0}\n";
    let report = check_lines(lines.as_bytes()).unwrap();
    assert_eq!(report.violations[&Class::Lost], 1);
    assert!(matches!(check_lines(&b"\n{}\n"[..]), Err(LineError::Json { line: 2, .. })));
    let early = &lines[lines.find("{\"event\":\"acked").unwrap()..];
    assert!(matches!(check_lines(early.as_bytes()), Err(LineError::Malformed { line: 1, .. })));
}
