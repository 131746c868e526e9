//! The commands of a transcript.
//!
//! ```text
//! set NAME=VALUE                       a setting, before the first other command
//! join GROUP client=C [member=M] [instance=I] [type=T] [protocols=NAME:METADATA;…] [session=MS]
//!      [rebalance=MS] [reason=R] [v=N]
//! sync GROUP MEMBER GENERATION [instance=I] [type=T] [protocol=P] [assign=MEMBER:ASSIGNMENT;…]
//! heartbeat GROUP MEMBER GENERATION [instance=I]
//! beat GROUP MEMBER GENERATION for N(s|m|h|d)       heartbeats every five minutes; only what else happens is shown
//! leave GROUP MEMBER[/INSTANCE]… [reason=R]         `-` for no member id
//! commit GROUP TOPIC[/ID]:PARTITION=OFFSET[@EPOCH][~METADATA]… [member=M] [gen=N] [instance=I] [retention=MS] [v=N]
//! txn PRODUCER@EPOCH commit GROUP …      the same within a transaction
//! end PRODUCER commit|abort             its marker
//! fetch GROUP [TOPIC[/ID]:PARTITION…] [stable=no]
//! forget GROUP TOPIC:PARTITION…         OffsetDelete
//! describe GROUP… [v=N]
//! list [states=S,…] [types=T,…]
//! delete GROUP…                        `-` for the empty group id
//! gone TOPIC/ID                         the topic is deleted
//! advance N(ms|s|m|h|d)
//! crash                                the machine is dropped and loaded again from its records
//! state                                what the records say
//! ```
//! Metadata `{a,b}more` is a consumer's subscription to topics a and b with `more` behind it. Fresh uuids
//! are `1`, `2`, … in the order of `join`s.

use std::collections::BTreeMap;

use bytes::{BufMut, Bytes, BytesMut};
use thalweg_types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, TopicId, TopicName};
use uuid::Uuid;

use crate::{
    CommitPartition, DeleteGroups, DeletedTopic, DescribeGroups, GroupId, Heartbeat, Input,
    InstanceId, JoinGroup, LeaveGroup, Leaver, ListGroups, MemberId, OffsetCommit, OffsetDelete,
    OffsetFetch, Producer, Protocol, Request, Settings, SyncGroup, TopicPartitions,
    TxnOffsetCommit, TxnOutcome,
};

pub enum Command {
    Request(Request),
    Input(Input),
    Advance(u64),
    Beat(Heartbeat, u64),
    Crash,
    State,
}

/// The words of a line: those with a known name and `=`, and the others.
struct Words<'a> {
    named: BTreeMap<&'a str, &'a str>,
    plain: Vec<&'a str>,
}

const NAMES: [&str; 17] = [
    "client",
    "member",
    "instance",
    "type",
    "protocols",
    "protocol",
    "session",
    "rebalance",
    "reason",
    "v",
    "assign",
    "gen",
    "retention",
    "stable",
    "states",
    "types",
    "uuid",
];

impl<'a> Words<'a> {
    fn new(words: impl Iterator<Item = &'a str>) -> Self {
        let (mut named, mut plain) = (BTreeMap::new(), Vec::new());
        for word in words {
            match word.split_once('=') {
                Some((name, value)) if NAMES.contains(&name) => {
                    named.insert(name, value);
                }
                _ => plain.push(word),
            }
        }
        Self { named, plain }
    }

    fn text(&self, name: &str, default: &'a str) -> &'a str {
        self.named.get(name).copied().unwrap_or(default)
    }

    fn number(&self, name: &str, default: i64) -> i64 {
        self.named.get(name).map_or(default, |value| value.parse().unwrap())
    }

    fn int(&self, name: &str, default: i32) -> i32 {
        i32::try_from(self.number(name, default.into())).unwrap()
    }

    fn maybe(&self, name: &str) -> Option<&'a str> {
        self.named.get(name).copied()
    }

    fn instance(&self) -> Option<InstanceId> {
        self.maybe("instance").map(Into::into)
    }

    fn group(&self) -> GroupId {
        group(self.plain[0])
    }

    fn list(&self, name: &str) -> Vec<String> {
        self.maybe(name)
            .map(|list| list.split(',').map(str::to_owned).collect())
            .unwrap_or_default()
    }
}

fn group(name: &str) -> GroupId {
    if name == "-" { GroupId::default() } else { name.into() }
}

impl Command {
    pub fn parse(line: &str) -> Self {
        let mut words = line.split_whitespace();
        let verb = words.next().unwrap();
        let words = Words::new(words);
        match verb {
            "join" => Self::Request(Request::JoinGroup(join(&words))),
            "sync" => Self::Request(Request::SyncGroup(sync(&words))),
            "heartbeat" => Self::Request(Request::Heartbeat(heartbeat(&words))),
            "beat" => Self::Beat(heartbeat(&words), duration_ms(words.plain[4])),
            "leave" => Self::Request(Request::LeaveGroup(leave(&words))),
            "commit" => Self::Request(Request::OffsetCommit(commit(&words))),
            "txn" => Self::Request(Request::TxnOffsetCommit(TxnOffsetCommit {
                producer: producer(words.plain[0]),
                commit: commit(&Words { plain: words.plain[2..].to_vec(), named: words.named }),
            })),
            "end" => Self::Input(Input::TransactionEnded {
                producer: ProducerId(words.plain[0].parse().unwrap()),
                outcome: match words.plain[1] {
                    "commit" => TxnOutcome::Commit,
                    "abort" => TxnOutcome::Abort,
                    other => panic!("unknown outcome {other}"),
                },
            }),
            "fetch" => Self::Request(Request::OffsetFetch(fetch(&words))),
            "forget" => {
                let topics = words.plain[1..].iter().map(|word| partition(word)).collect();
                Self::Request(Request::OffsetDelete(OffsetDelete {
                    group_id: words.group(),
                    topics,
                }))
            }
            "describe" => Self::Request(Request::DescribeGroups(DescribeGroups {
                group_ids: words.plain.iter().map(|name| group(name)).collect(),
                reports_missing_group: words.number("v", 6) >= 6,
            })),
            "list" => {
                let (states, types) = (words.list("states"), words.list("types"));
                Self::Request(Request::ListGroups(ListGroups { states, types }))
            }
            "delete" => {
                let group_ids = words.plain.iter().map(|name| group(name)).collect();
                Self::Request(Request::DeleteGroups(DeleteGroups { group_ids }))
            }
            "gone" => {
                let (name, id) = topic(words.plain[0]);
                Self::Input(Input::TopicsDeleted(vec![DeletedTopic { name, id }]))
            }
            "advance" => Self::Advance(duration_ms(words.plain[0])),
            "crash" => Self::Crash,
            "state" => Self::State,
            other => panic!("unknown command {other}"),
        }
    }
}

fn join(words: &Words) -> JoinGroup {
    let version = words.number("v", 9);
    let client = words.text("client", "c");
    let metadata = |text: &str| {
        let (name, metadata) = text.split_once(':').unwrap();
        Protocol { name: name.into(), metadata: bytes(metadata) }
    };
    let protocols = words.text("protocols", "range:{t}");
    JoinGroup {
        group_id: group(words.plain[0]),
        member_id: words.text("member", "").into(),
        instance_id: words.instance(),
        client_id: client.into(),
        client_host: "/127.0.0.1".into(),
        protocol_type: words.text("type", "consumer").into(),
        protocols: protocols.split(';').filter(|p| !p.is_empty()).map(metadata).collect(),
        session_timeout_ms: words.int("session", 10_000),
        rebalance_timeout_ms: words.int("rebalance", 60_000),
        require_known_member_id: version >= 4,
        supports_skip_assignment: version >= 9,
        reason: words.maybe("reason").map(str::to_owned),
        fresh_uuid: words.text("uuid", "1").into(),
    }
}

fn sync(words: &Words) -> SyncGroup {
    let assignment = |text: &str| {
        let (member, assignment) = text.split_once(':').unwrap();
        (member.into(), bytes(assignment))
    };
    let assignments = words.text("assign", "").split(';').filter(|a| !a.is_empty());
    SyncGroup {
        group_id: words.group(),
        member_id: words.plain[1].into(),
        generation: words.plain[2].parse().unwrap(),
        instance_id: words.instance(),
        protocol_type: words.maybe("type").map(Into::into),
        protocol: words.maybe("protocol").map(Into::into),
        assignments: assignments.map(assignment).collect(),
    }
}

fn heartbeat(words: &Words) -> Heartbeat {
    Heartbeat {
        group_id: group(words.plain[0]),
        member_id: words.plain[1].into(),
        generation: words.plain[2].parse().unwrap(),
        instance_id: words.instance(),
    }
}

fn leave(words: &Words) -> LeaveGroup {
    let leaver = |word: &&str| {
        let (member, instance) = word.split_once('/').map_or((*word, None), |(m, i)| (m, Some(i)));
        Leaver {
            member_id: if member == "-" { MemberId::default() } else { member.into() },
            instance_id: instance.map(Into::into),
            reason: words.maybe("reason").map(str::to_owned),
        }
    };
    LeaveGroup { group_id: words.group(), members: words.plain[1..].iter().map(leaver).collect() }
}

fn commit(words: &Words) -> OffsetCommit {
    let item = |word: &&str| {
        let (place, value) = word.split_once('=').unwrap();
        let (value, metadata) = value.split_once('~').map_or((value, None), |(v, m)| (v, Some(m)));
        let (offset, epoch) = value.split_once('@').unwrap_or((value, "-1"));
        partition(place).map(|_, partition| CommitPartition {
            partition,
            offset: Offset(offset.parse().unwrap()),
            leader_epoch: LeaderEpoch(epoch.parse().unwrap()),
            metadata: metadata.map(str::to_owned),
        })
    };
    OffsetCommit {
        group_id: words.group(),
        generation: words.int("gen", -1),
        member_id: words.text("member", "").into(),
        instance_id: words.instance(),
        retention_ms: words.named.contains_key("retention").then(|| words.number("retention", 0)),
        reports_missing_group: words.number("v", 9) >= 9,
        topics: words.plain[1..].iter().map(item).collect(),
    }
}

fn producer(word: &str) -> Producer {
    let (id, epoch) = word.split_once('@').unwrap();
    Producer::new(ProducerId(id.parse().unwrap()), ProducerEpoch(epoch.parse().unwrap()))
}

fn fetch(words: &Words) -> OffsetFetch {
    let topics: Vec<_> = words.plain[1..].iter().map(|word| partition(word)).collect();
    OffsetFetch {
        group_id: words.group(),
        topics: (!topics.is_empty()).then_some(topics),
        require_stable: words.text("stable", "yes") == "yes",
    }
}

fn partition(word: &str) -> TopicPartitions<i32> {
    let (name, partition) = word.split_once(':').unwrap();
    let (name, id) = topic(name);
    TopicPartitions { name, id, partitions: vec![partition.parse().unwrap()] }
}

fn topic(word: &str) -> (TopicName, TopicId) {
    let (name, id) = word.split_once('/').unwrap_or((word, "0"));
    (TopicName::new(name).unwrap(), TopicId(Uuid::from_u128(id.parse().unwrap())))
}

fn bytes(text: &str) -> Bytes {
    let Some((topics, more)) = text.strip_prefix('{').and_then(|text| text.split_once('}')) else {
        return Bytes::copy_from_slice(text.as_bytes());
    };
    let topics: Vec<_> = topics.split(',').filter(|topic| !topic.is_empty()).collect();
    let mut bytes = BytesMut::new();
    bytes.put_i16(1);
    bytes.put_i32(topics.len() as i32);
    for topic in topics {
        bytes.put_i16(topic.len() as i16);
        bytes.put_slice(topic.as_bytes());
    }
    bytes.put_slice(more.as_bytes());
    bytes.freeze()
}

fn duration_ms(text: &str) -> u64 {
    let digits = text.trim_end_matches(char::is_alphabetic);
    let number: u64 = digits.parse().unwrap();
    number
        * match &text[digits.len()..] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            other => panic!("unknown unit {other}"),
        }
}

pub fn set(settings: &mut Settings, setting: &str) {
    let (name, value) = setting.split_once('=').unwrap();
    let value: i64 = value.parse().unwrap();
    match name {
        "initial_rebalance_delay_ms" => settings.initial_rebalance_delay_ms = value as i32,
        "group_size_max" => settings.group_size_max = value as usize,
        "groups_max" => settings.groups_max = value as usize,
        "offsets_max" => settings.offsets_max = value as usize,
        "members_bytes_max" => settings.members_bytes_max = value as usize,
        "record_bytes_max" => settings.record_bytes_max = value as usize,
        "offset_metadata_length_max" => settings.offset_metadata_length_max = value as usize,
        "new_member_join_timeout_ms" => settings.new_member_join_timeout_ms = value as i32,
        other => panic!("unknown setting {other}"),
    }
}
