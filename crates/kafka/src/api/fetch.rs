//! `Fetch`: record batches from offsets on.
//!
//! | version | |
//! |---|---|
//! | 4–6 | the oldest of Kafka 4 (KIP-896); 5: log start offset |
//! | 7 | sessions (KIP-227) |
//! | 9 | the client's leader epoch is checked (KIP-320) |
//! | 11 | rack of the client; there is no other replica to send it to (KIP-392) |
//! | 12 | flexible; the epoch of the last record, to find where logs part (KIP-595) |
//! | 13 | topics are named by their ids (KIP-516) |
//! | 15 | the replica's state instead of its id (KIP-903) |
//! | 16 | who leads the partition, if the client has an old epoch (KIP-951) |
//! | 17–18 | for followers |
//!
//! - A batch that begins before the wanted offset comes whole: clients skip what they do not want.
//! - The first partition with records gives at least one batch, whatever the limits (KIP-74).
//! - An incremental response names a partition only if there is something new to tell of it.
//! - Aborted transactions are null for `read_uncommitted`, and a list for `read_committed`, however
//!   short: those with records among the returned ones.

use std::time::Duration;

use thalweg_broker::{
    BrokerError, FetchPartition, FetchRequest as Question, Fetched, Isolation, MemoryPermit,
};
use thalweg_kafka_wire::messages::fetch_request::{FetchTopic, ForgottenTopic};
use thalweg_kafka_wire::messages::fetch_response::{
    AbortedTransaction, EpochEndOffset, FetchableTopicResponse, LeaderIdAndEpoch, NodeEndpoint,
    PartitionData,
};
use thalweg_kafka_wire::messages::{FetchRequest, FetchResponse};
use thalweg_kafka_wire::{ErrorCode, Segment};
use thalweg_types::{LeaderEpoch, Offset, TopicId};

use super::Answer;
use crate::call::Call;
use crate::error_code::AsErrorCode;
use crate::sessions::{OpenSession, PartitionKey, Seen, SessionRequest, TopicRef, Wanted};

/// The first version that names topics by their ids.
const BY_TOPIC_ID: i16 = 13;
/// The first version that tells who leads.
const LEADER_HINTS: i16 = 16;

pub(super) async fn handle(call: Call, request: FetchRequest) -> Answer<FetchResponse> {
    let now = call.door.env.now();
    let session = SessionRequest {
        id: request.session_id,
        epoch: request.session_epoch,
        by_topic_id: call.version >= BY_TOPIC_ID,
    };
    let limits = Limits::read(&call, &request);
    let wanted = request.topics.into_iter().flat_map(|topic| wanted(&call, topic)).collect();
    let gone = request.forgotten_topics_data.into_iter();
    let forgotten: Vec<PartitionKey> = gone.flat_map(|topic| forgotten(&call, topic)).collect();
    let mut session = match call.door.fetch_sessions.open(now, session, wanted, &forgotten) {
        Ok(session) => session,
        Err(error) => {
            return FetchResponse { error_code: error.code(), ..Default::default() }.into();
        }
    };
    let (mut response, memory) = fetch(&call, &mut session, limits).await;
    let env = &call.door.env;
    let session_id = call.door.fetch_sessions.keep(env.now(), session, || env.random_u64());
    response.session_id = session_id;
    Answer::Holding(response, memory)
}

/// What applies to the response as a whole.
#[derive(Clone, Copy)]
struct Limits {
    bytes_min: usize,
    bytes_max: usize,
    wait_max: Duration,
    isolation: Isolation,
}

impl Limits {
    fn read(call: &Call, request: &FetchRequest) -> Self {
        Self {
            bytes_min: size(request.min_bytes),
            bytes_max: size(request.max_bytes).min(call.door.options.fetch_bytes_max),
            wait_max: Duration::from_millis(request.max_wait_ms.max(0).unsigned_abs().into()),
            isolation: match request.isolation_level {
                0 => Isolation::ReadUncommitted,
                _ => Isolation::ReadCommitted,
            },
        }
    }
}

/// Reads what the session wants, and picks what is to be told.
async fn fetch(
    call: &Call,
    session: &mut OpenSession,
    limits: Limits,
) -> (FetchResponse, MemoryPermit) {
    let Limits { bytes_min, bytes_max, wait_max, isolation } = limits;
    let partitions = session.partitions.iter().map(|(_, wanted)| question(wanted)).collect();
    let question = Question { partitions, bytes_min, bytes_max, wait_max, isolation };
    let answer = call.broker().fetch(&call.session, &question).await;
    let places: Vec<(u64, PartitionKey)> =
        session.partitions.iter().map(|(place, wanted)| (place, wanted.key.clone())).collect();

    let mut told = Told::default();
    for ((place, key), fetched) in places.into_iter().zip(answer.partitions) {
        let is_new = session.partitions.tell(place, seen(&fetched));
        if is_new || !session.is_incremental() {
            told.add(key, |partition| data(call, partition, fetched, isolation));
        }
    }
    let node_endpoints = if told.has_hints { vec![this_node(call)] } else { Vec::new() };
    let response = FetchResponse { responses: told.topics, node_endpoints, ..Default::default() };
    (response, answer.memory)
}

/// The partitions of a response; neighbours of one topic share its entry.
#[derive(Default)]
struct Told {
    topics: Vec<FetchableTopicResponse>,
    last: Option<TopicRef>,
    has_hints: bool,
}

impl Told {
    fn add(&mut self, key: PartitionKey, data: impl FnOnce(i32) -> PartitionData) {
        let data = data(key.partition);
        self.has_hints |= data.current_leader != LeaderIdAndEpoch::default();
        if self.last.as_ref() != Some(&key.topic) {
            let (topic, topic_id) = match &key.topic {
                TopicRef::Name(name) => (name.to_string(), TopicId::ZERO),
                TopicRef::Id(id) => (String::new(), *id),
            };
            let (topic_id, partitions) = (topic_id.0, Vec::new());
            self.topics.push(FetchableTopicResponse { topic, topic_id, partitions });
            self.last = Some(key.topic);
        }
        if let Some(topic) = self.topics.last_mut() {
            topic.partitions.push(data);
        }
    }
}

fn topic_ref(call: &Call, name: &str, id: TopicId) -> TopicRef {
    match call.version {
        BY_TOPIC_ID.. => TopicRef::Id(id),
        _ => TopicRef::Name(name.into()),
    }
}

fn wanted(call: &Call, topic: FetchTopic) -> Vec<Wanted> {
    let name = topic_ref(call, &topic.topic, TopicId(topic.topic_id));
    let partitions = topic.partitions.into_iter().map(|partition| Wanted {
        key: PartitionKey { topic: name.clone(), partition: partition.partition },
        offset: Offset(partition.fetch_offset),
        bytes_max: partition.partition_max_bytes,
        current_leader_epoch: LeaderEpoch(partition.current_leader_epoch),
        last_fetched_epoch: LeaderEpoch(partition.last_fetched_epoch),
    });
    partitions.collect()
}

fn forgotten(call: &Call, topic: ForgottenTopic) -> Vec<PartitionKey> {
    let name = topic_ref(call, &topic.topic, TopicId(topic.topic_id));
    let partitions = topic.partitions.into_iter();
    partitions.map(|partition| PartitionKey { topic: name.clone(), partition }).collect()
}

fn question(wanted: &Wanted) -> FetchPartition<'_> {
    FetchPartition {
        topic: wanted.key.topic.key(),
        partition: wanted.key.partition,
        offset: wanted.offset,
        bytes_max: size(wanted.bytes_max),
        current_leader_epoch: wanted.current_leader_epoch,
        last_fetched_epoch: wanted.last_fetched_epoch,
    }
}

fn seen(fetched: &Result<Fetched, BrokerError>) -> Seen {
    match fetched {
        Ok(fetched) => Seen {
            has_records: fetched.records.len > 0,
            is_urgent: fetched.diverging_epoch.is_some(),
            high_watermark: fetched.high_watermark,
            log_start: fetched.log_start,
        },
        Err(_) => Seen {
            has_records: false,
            is_urgent: true,
            high_watermark: Offset::NONE,
            log_start: Offset::NONE,
        },
    }
}

fn data(
    call: &Call,
    partition_index: i32,
    fetched: Result<Fetched, BrokerError>,
    isolation: Isolation,
) -> PartitionData {
    let fetched = match fetched {
        Ok(fetched) => fetched,
        Err(error) => return failed(call, partition_index, &error),
    };
    let diverging_epoch = fetched
        .diverging_epoch
        .map(|end| EpochEndOffset { epoch: end.leader_epoch.0, end_offset: end.end_offset.0 });
    let has_list = isolation == Isolation::ReadCommitted && diverging_epoch.is_none();
    let aborted = fetched.aborted.iter().map(|aborted| AbortedTransaction {
        producer_id: aborted.producer_id.0,
        first_offset: aborted.first_offset.0,
    });
    PartitionData {
        partition_index,
        high_watermark: fetched.high_watermark.0,
        last_stable_offset: fetched.last_stable_offset.0,
        log_start_offset: fetched.log_start.0,
        diverging_epoch: diverging_epoch.unwrap_or_default(),
        aborted_transactions: has_list.then(|| aborted.collect()),
        records: Some(fetched.records.parts.into_iter().map(Segment::Bytes).collect()),
        ..Default::default()
    }
}

fn failed(call: &Call, partition_index: i32, error: &BrokerError) -> PartitionData {
    let code = error.error_code();
    let is_misled = matches!(code, ErrorCode::NotLeaderOrFollower | ErrorCode::FencedLeaderEpoch);
    let current_leader = (is_misled && call.version >= LEADER_HINTS).then(|| LeaderIdAndEpoch {
        leader_id: call.broker().node().0,
        leader_epoch: call.broker().leader_epoch().0,
    });
    // Of a partition that could not be read Kafka has no list, of one that it does not find an empty one.
    let is_unknown = matches!(
        code,
        ErrorCode::UnknownTopicOrPartition
            | ErrorCode::UnknownTopicId
            | ErrorCode::TopicAuthorizationFailed
    );
    PartitionData {
        partition_index,
        error_code: code.code(),
        high_watermark: Offset::NONE.0,
        last_stable_offset: Offset::NONE.0,
        log_start_offset: Offset::NONE.0,
        current_leader: current_leader.unwrap_or_default(),
        aborted_transactions: is_unknown.then(Vec::new),
        records: Some(Default::default()),
        ..Default::default()
    }
}

fn this_node(call: &Call) -> NodeEndpoint {
    let node = call.node();
    NodeEndpoint { node_id: node.id, host: node.host, port: node.port, rack: node.rack }
}

/// A size that may be negative on the wire.
fn size(bytes: i32) -> usize {
    usize::try_from(bytes).unwrap_or_default()
}
