//! What happens before a machine is loaded, and what it makes of records that are not its own.

use bytes::Bytes;

use crate::{
    CoordinatorState, GroupError, Heartbeat, Input, ListGroups, Now, Outbox, Record, Reply,
    ReplyTo, Request, Settings, Skipped,
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
