//! Effects as text.

use std::fmt::Write;

use bytes::Bytes;
use thalweg_types::{LeaderEpoch, Timestamp, TopicId};

use super::super::driver::EPOCH_MS;
use crate::pending::PendingOffset;
use crate::record::Entry;
use crate::{
    CommittedOffset, DescribedGroup, DurableState, Event, FetchedOffset, GroupError, GroupMetadata,
    InstanceId, Joined, PartitionResult, Reply, TopicPartitions, Write as Written,
};

pub fn write_event(event: &Event, f: &mut String) {
    match event {
        Event::RebalanceStarted { group_id, generation, reason } => {
            writeln!(f, "event {group_id}: generation {generation} ends: {reason}")
        }
        Event::GenerationStarted { group_id, generation, members } => {
            writeln!(f, "event {group_id}: generation {generation} begins with {members} members")
        }
        Event::GenerationAssigned { group_id, generation } => {
            writeln!(f, "event {group_id}: generation {generation} is assigned")
        }
        Event::MemberRemoved { group_id, member_id, reason } => {
            writeln!(f, "event {group_id}: {member_id} {reason}")
        }
        Event::OffsetsExpired { group_id, count } => {
            writeln!(f, "event {group_id}: {count} offsets expired")
        }
        Event::RecordTooLarge { group_id } => writeln!(f, "event {group_id}: record too large"),
    }
    .unwrap();
}

pub fn write_record(write: &Written, f: &mut String) {
    if let Some(producer) = write.transaction {
        write!(f, "{producer} ").unwrap();
    }
    match Entry::decode(&write.record).unwrap() {
        Entry::Offset(key, value) => {
            write!(f, "record offset {} {}:{} = ", key.group_id, key.topic, key.partition).unwrap();
            match value {
                Some(value) => write_offset(&value, f),
                None => f.push_str("gone"),
            }
            f.push('\n');
        }
        Entry::Group(id, Some(group)) => {
            write!(f, "record group {id} = ").unwrap();
            write_group(&group, f);
        }
        Entry::Group(id, None) => writeln!(f, "record group {id} = gone").unwrap(),
    }
}

pub fn write_durable(durable: &DurableState, f: &mut String) {
    for (id, group) in durable.groups() {
        write!(f, "group {id} = ").unwrap();
        write_group(group, f);
    }
    for (id, topics) in durable.offsets() {
        for (topic, partitions) in topics {
            for (partition, offset) in partitions {
                write!(f, "offset {id} {topic}:{partition} = ").unwrap();
                write_offset(offset, f);
                f.push('\n');
            }
        }
    }
    for (id, topics) in durable.pending().groups() {
        for (topic, partitions) in topics {
            for (partition, waiting) in partitions {
                for PendingOffset { producer, offset } in waiting {
                    write!(f, "pending {id} {topic}:{partition} of {producer} = ").unwrap();
                    match offset {
                        Some(offset) => write_offset(offset, f),
                        None => f.push_str("overtaken"),
                    }
                    f.push('\n');
                }
            }
        }
    }
}

fn write_group(group: &GroupMetadata, f: &mut String) {
    let GroupMetadata { protocol_type, generation, protocol, leader, since, members } = group;
    let leader = leader.as_ref().map_or("none", |leader| leader.as_str());
    write!(f, "generation {generation}, ").unwrap();
    writeln!(
        f,
        "{}/{}, leader {leader}, since {}",
        name(protocol_type.as_deref()),
        name(protocol.as_deref()),
        time(*since)
    )
    .unwrap();
    for (id, member) in members {
        write!(f, "    {id}{} ", instance(member.instance_id.as_ref())).unwrap();
        let (subscription, assignment) = (text(&member.subscription), text(&member.assignment));
        let (session, rebalance) = (member.session_timeout_ms, member.rebalance_timeout_ms);
        writeln!(f, "{subscription} -> {assignment} ({session}, {rebalance} ms)").unwrap();
    }
}

fn write_offset(value: &CommittedOffset, f: &mut String) {
    write!(f, "{}", value.offset).unwrap();
    if value.leader_epoch != LeaderEpoch::NONE {
        write!(f, "@{}", value.leader_epoch).unwrap();
    }
    if !value.metadata.is_empty() {
        write!(f, "~{}", value.metadata).unwrap();
    }
    if value.topic_id != TopicId::ZERO {
        write!(f, " of topic {}", value.topic_id.0.as_u128()).unwrap();
    }
    if let Some(expires_at) = value.expires_at {
        write!(f, " until {}", time(expires_at)).unwrap();
    }
}

pub fn write_reply(reply: &Reply, f: &mut String) {
    match reply {
        Reply::JoinGroup(Ok(joined)) => write_joined(joined, f),
        Reply::JoinGroup(Err(refusal)) => {
            let member =
                if refusal.member_id.is_unknown() { "none" } else { refusal.member_id.as_str() };
            writeln!(f, "join: {:?}, member {member}", refusal.error).unwrap();
        }
        Reply::SyncGroup(Ok(synced)) => {
            let protocol = name(synced.protocol.as_deref());
            writeln!(f, "sync: {protocol} {}", text(&synced.assignment)).unwrap();
        }
        Reply::SyncGroup(Err(error)) => writeln!(f, "sync: {error:?}").unwrap(),
        Reply::Heartbeat(result) => writeln!(f, "heartbeat: {}", outcome(*result)).unwrap(),
        Reply::LeaveGroup(Ok(left)) => {
            f.push_str("leave:");
            for left in left {
                let instance = instance(left.instance_id.as_ref());
                write!(f, " {}{instance} {};", left.member_id, outcome(left.result)).unwrap();
            }
            f.push('\n');
        }
        Reply::OffsetCommit(Ok(topics)) => write_results("commit", topics, f),
        Reply::TxnOffsetCommit(Ok(topics)) => write_results("txn commit", topics, f),
        Reply::OffsetDelete(Ok(topics)) => write_results("forget", topics, f),
        Reply::OffsetFetch(Ok(topics)) => write_fetched(topics, f),
        Reply::DescribeGroups(Ok(groups)) => {
            f.push_str("describe:\n");
            for group in groups {
                write_described(group, f);
            }
        }
        Reply::ListGroups(Ok(groups)) => {
            f.push_str("list:");
            for group in groups {
                let (state, kind) = (group.state.as_str(), group.group_type.as_str());
                let protocol_type = name(Some(&group.protocol_type));
                write!(f, " {} ({protocol_type}, {state}, {kind});", group.group_id).unwrap();
            }
            f.push('\n');
        }
        Reply::DeleteGroups(Ok(groups)) => {
            f.push_str("delete:");
            for group in groups {
                write!(f, " {} {};", group.group_id, outcome(group.result)).unwrap();
            }
            f.push('\n');
        }
        Reply::LeaveGroup(Err(error))
        | Reply::OffsetCommit(Err(error))
        | Reply::TxnOffsetCommit(Err(error))
        | Reply::OffsetDelete(Err(error))
        | Reply::OffsetFetch(Err(error))
        | Reply::DescribeGroups(Err(error))
        | Reply::ListGroups(Err(error))
        | Reply::DeleteGroups(Err(error)) => writeln!(f, "{error:?}").unwrap(),
    }
}

fn write_joined(joined: &Joined, f: &mut String) {
    let Joined { member_id, generation, leader, skip_assignment, members, .. } = joined;
    let protocol_type = name(joined.protocol_type.as_deref());
    let protocol = name(joined.protocol.as_deref());
    write!(f, "join: {member_id} in generation {generation} of {protocol_type}/{protocol}")
        .unwrap();
    write!(f, ", leader {leader}").unwrap();
    if *skip_assignment {
        f.push_str(", skip assignment");
    }
    f.push('\n');
    for member in members {
        let instance = instance(member.instance_id.as_ref());
        writeln!(f, "    {}{instance} {}", member.member_id, text(&member.metadata)).unwrap();
    }
}

fn write_results(verb: &str, topics: &[TopicPartitions<PartitionResult>], f: &mut String) {
    write!(f, "{verb}:").unwrap();
    for topic in topics {
        for partition in &topic.partitions {
            let outcome = outcome(partition.result);
            write!(f, " {}:{} {outcome};", topic.name, partition.partition).unwrap();
        }
    }
    f.push('\n');
}

fn write_fetched(topics: &[TopicPartitions<FetchedOffset>], f: &mut String) {
    f.push_str("fetch:");
    for topic in topics {
        for fetched in &topic.partitions {
            let FetchedOffset { partition, offset, leader_epoch, metadata, result } = fetched;
            write!(f, " {}:{partition}={offset}@{leader_epoch}~{metadata}", topic.name).unwrap();
            if let Err(error) = result {
                write!(f, " {error:?}").unwrap();
            }
            f.push(';');
        }
    }
    f.push('\n');
}

fn write_described(group: &DescribedGroup, f: &mut String) {
    let DescribedGroup { group_id, result, state, protocol_type, protocol, members } = group;
    write!(f, "    {group_id}: {}, {}, ", outcome(*result), state.as_str()).unwrap();
    writeln!(f, "{}/{}", name(Some(protocol_type)), name(Some(protocol))).unwrap();
    for member in members {
        let instance = instance(member.instance_id.as_ref());
        write!(f, "        {}{instance} of {}", member.member_id, member.client_id).unwrap();
        writeln!(f, " {} -> {}", text(&member.metadata), text(&member.assignment)).unwrap();
    }
}

fn outcome(result: Result<(), GroupError>) -> String {
    result.map_or_else(|error| format!("{error:?}"), |()| "ok".to_owned())
}

fn name(name: Option<&str>) -> &str {
    name.filter(|name| !name.is_empty()).unwrap_or("none")
}

fn instance(id: Option<&InstanceId>) -> String {
    id.map(|id| format!("/{id}")).unwrap_or_default()
}

fn time(time: Timestamp) -> String {
    format!("{} ms", time.0 - EPOCH_MS)
}

/// Bytes as text, what is not printable as dots.
fn text(bytes: &Bytes) -> String {
    let printable = |b: &u8| if b.is_ascii_graphic() { char::from(*b) } else { '.' };
    if bytes.is_empty() { "nothing".to_owned() } else { bytes.iter().map(printable).collect() }
}
