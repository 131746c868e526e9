//! What happens before a machine is loaded, and what it makes of records that are not its own.

use bytes::Bytes;
use thalweg_types::ProducerId;

use crate::{
    CoordinatorState, GroupError, Heartbeat, Input, ListGroups, Now, Outbox, Record, Reply,
    ReplyTo, Request, Settings, Skipped, TxnOutcome,
};

fn ask(machine: &mut CoordinatorState, request: Request) -> Reply {
    let mut out = Outbox::default();
    let input = Input::Request { reply_to: ReplyTo(1), request };
    machine.step(Now::default(), input, &mut out);
    assert!(out.records.is_empty());
    out.replies.pop().unwrap().1
}

fn heartbeat() -> Request {
    let (group_id, member_id) = ("g".into(), "m".into());
    Request::Heartbeat(Heartbeat { group_id, generation: 1, member_id, instance_id: None })
}

#[test]
fn requests_wait_for_the_load_and_heartbeats_are_excused() {
    let mut machine = CoordinatorState::new(Settings::default());
    let list = || Request::ListGroups(ListGroups::default());
    let loading = Reply::ListGroups(Err(GroupError::CoordinatorLoadInProgress));
    assert_eq!(ask(&mut machine, list()), loading);
    assert_eq!(ask(&mut machine, heartbeat()), Reply::Heartbeat(Ok(())));
    assert_eq!(machine.deadline(), None);

    machine.step(Now::default(), Input::Loaded, &mut Outbox::default());
    assert_eq!(ask(&mut machine, list()), Reply::ListGroups(Ok(Vec::new())));
    let unknown = Reply::Heartbeat(Err(GroupError::UnknownMemberId));
    assert_eq!(ask(&mut machine, heartbeat()), unknown);
    assert!(machine.deadline().is_some());
}

#[test]
fn records_of_others_are_counted_and_skipped() {
    let record = |key: &'static [u8], value: &'static [u8]| Record {
        key: Bytes::from_static(key),
        value: Some(Bytes::from_static(value)),
    };
    let mut machine = CoordinatorState::new(Settings::default());
    // A record of a KIP-848 group, a version from the future, and half a record.
    machine.replay(&record(b"\0\x03\0\x01g", b"\0\0\0\0\0\x01"), None);
    machine.replay(&record(b"\0\x02\0\x01g", b"\0\x63"), None);
    machine.replay(&record(b"\0\x02\0\x01g", b"\0\x03\0\x08consu"), None);
    assert_eq!(machine.durable().skipped(), Skipped { unknown: 2, malformed: 1 });
    assert!(machine.durable().groups().is_empty());
}

/// Nobody writes other records than commits into transactions. If they counted before the end, or at all,
/// they would not survive compaction as they are.
#[test]
fn within_transactions_nothing_but_commits_is_understood() {
    let record = |key: &'static [u8], value: Option<&'static [u8]>| Record {
        key: Bytes::from_static(key),
        value: value.map(Bytes::from_static),
    };
    let offset_key = b"\0\x01\0\x01g\0\x01t\0\0\0\0";
    let offset = b"\0\x02\0\0\0\0\0\0\0\x09\0\0\0\0\0\0\0\0\0\x01";
    let group = b"\0\x03\0\0\0\0\0\0\xff\xff\xff\xff\0\0\0\0\0\0\0\0\0\0\0\0";
    let mut machine = CoordinatorState::new(Settings::default());
    machine.replay(&record(offset_key, Some(offset)), None);
    machine.replay(&record(offset_key, None), Some(ProducerId(7)));
    machine.replay(&record(b"\0\x02\0\x01g", Some(group)), Some(ProducerId(7)));
    machine.replay(&record(b"\0\x02\0\x01g", None), Some(ProducerId(7)));
    machine.replay_end(ProducerId(7), TxnOutcome::Commit);
    assert_eq!(machine.durable().skipped(), Skipped { unknown: 0, malformed: 3 });
    assert!(machine.durable().groups().is_empty());
    assert_eq!(machine.durable().offset_count(), 1);
    machine.replay(&record(b"\0\x02\0\x01g", Some(group)), None);
    assert_eq!(machine.durable().groups().len(), 1);
}
