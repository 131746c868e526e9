//! `OffsetFetch`: how far groups have read.
//!
//! | version | |
//! |---|---|
//! | 1 | the oldest of Kafka 4 (KIP-896); an error of the group is that of every partition |
//! | 2 | null means all topics; an error of the group is the response's |
//! | 3–4 | throttle time |
//! | 5 | leader epochs (KIP-320) |
//! | 6 | flexible |
//! | 7 | offsets of open transactions may be refused (KIP-447) |
//! | 8 | several groups (KIP-709) |
//! | 9 | members of the consumer protocol (KIP-848) |
//! | 10 | topics are named by their ids |
//!
//! - A partition without a committed offset has offset -1, and that is no error.
//! - The member and epoch of version 9 are of no concern to classic groups.

use thalweg_broker::{FetchedOffset, GroupError, OffsetFetch, TopicPartitions};
use thalweg_kafka_wire::ErrorCode;
use thalweg_kafka_wire::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};
use thalweg_kafka_wire::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use thalweg_kafka_wire::messages::{OffsetFetchRequest, OffsetFetchResponse};
use thalweg_types::{LeaderEpoch, Offset, TopicId};

use super::topic_names::{TopicNaming, resolve};
use crate::call::Call;
use crate::error_code::{AsErrorCode, code_of};

/// The first version with an error for the whole response.
const TOP_LEVEL_ERROR: i16 = 2;
/// The first version with several groups.
const SEVERAL_GROUPS: i16 = 8;
/// The first version that names topics by their ids.
const BY_TOPIC_ID: i16 = 10;

pub(super) async fn handle(call: Call, request: OffsetFetchRequest) -> OffsetFetchResponse {
    let require_stable = request.require_stable;
    if call.version >= SEVERAL_GROUPS {
        let mut groups = Vec::with_capacity(request.groups.len());
        for group in request.groups {
            groups.push(fetch(&call, group, require_stable).await);
        }
        return OffsetFetchResponse { groups, ..Default::default() };
    }
    let topics = request.topics.map(|topics| {
        let topics = topics.into_iter().map(|topic| OffsetFetchRequestTopics {
            name: topic.name,
            partition_indexes: topic.partition_indexes,
            ..Default::default()
        });
        topics.collect()
    });
    let group =
        OffsetFetchRequestGroup { group_id: request.group_id, topics, ..Default::default() };
    let fetched = fetch(&call, group, require_stable).await;
    OffsetFetchResponse {
        topics: fetched.topics.into_iter().map(in_one_group).collect(),
        error_code: if call.version >= TOP_LEVEL_ERROR { fetched.error_code } else { 0 },
        ..Default::default()
    }
}

async fn fetch(
    call: &Call,
    asked: OffsetFetchRequestGroup,
    require_stable: bool,
) -> OffsetFetchResponseGroup {
    let OffsetFetchRequestGroup { group_id, topics, .. } = asked;
    let naming = TopicNaming::new(call.version >= BY_TOPIC_ID);
    let mut refused = Vec::new();
    let known = topics.map(|topics| {
        let mut known = Vec::with_capacity(topics.len());
        for topic in topics {
            match resolve(call, naming, &topic.name, TopicId(topic.topic_id)) {
                Ok((name, id)) => {
                    known.push(TopicPartitions { name, id, partitions: topic.partition_indexes });
                }
                Err(error) => refused.push(refuse(topic, error)),
            }
        }
        known
    });
    let question =
        OffsetFetch { group_id: group_id.as_str().into(), topics: known.clone(), require_stable };
    match call.broker().fetch_offsets(&call.session, question).await {
        Ok(fetched) => {
            let mut topics = refused;
            topics.extend(fetched.into_iter().filter_map(|topic| answer(call, naming, topic)));
            OffsetFetchResponseGroup { group_id, topics, error_code: ErrorCode::None.code() }
        }
        Err(error) => failed(call, group_id, known.unwrap_or_default(), error),
    }
}

/// The answer for a topic. By id there is none for a topic that does not exist any more.
fn answer(
    call: &Call,
    naming: TopicNaming,
    topic: TopicPartitions<FetchedOffset>,
) -> Option<OffsetFetchResponseTopics> {
    let mut id = topic.id;
    if naming == TopicNaming::Ids && id.is_zero() {
        let key = thalweg_broker::TopicKey::Name(topic.name.as_str());
        id = call.broker().table().topic(key).ok()?.id();
    }
    let (name, topic_id) = naming.on_the_wire(topic.name, id);
    let partitions = topic.partitions.into_iter().map(partition).collect();
    Some(OffsetFetchResponseTopics { name, topic_id: topic_id.0, partitions })
}

fn partition(fetched: FetchedOffset) -> OffsetFetchResponsePartitions {
    OffsetFetchResponsePartitions {
        partition_index: fetched.partition,
        committed_offset: fetched.offset.0,
        committed_leader_epoch: fetched.leader_epoch.0,
        error_code: code_of(&fetched.result),
        metadata: Some(fetched.metadata),
    }
}

/// The group's error; the oldest version has place for it only in partitions.
fn failed(
    call: &Call,
    group_id: String,
    asked: Vec<TopicPartitions<i32>>,
    error: GroupError,
) -> OffsetFetchResponseGroup {
    let error_code = error.error_code();
    let topics = asked.into_iter().filter(|_| call.version < TOP_LEVEL_ERROR).map(|topic| {
        let topic = OffsetFetchRequestTopics {
            name: topic.name.into(),
            partition_indexes: topic.partitions,
            ..Default::default()
        };
        refuse(topic, error_code)
    });
    OffsetFetchResponseGroup { topics: topics.collect(), group_id, error_code: error_code.code() }
}

fn refuse(topic: OffsetFetchRequestTopics, error: ErrorCode) -> OffsetFetchResponseTopics {
    let partitions = topic.partition_indexes.iter().map(|&partition_index| {
        OffsetFetchResponsePartitions {
            partition_index,
            committed_offset: Offset::NONE.0,
            committed_leader_epoch: LeaderEpoch::NONE.0,
            metadata: Some(String::new()),
            error_code: error.code(),
        }
    });
    OffsetFetchResponseTopics {
        partitions: partitions.collect(),
        name: topic.name,
        topic_id: topic.topic_id,
    }
}

/// The same in the words of older versions.
fn in_one_group(topic: OffsetFetchResponseTopics) -> OffsetFetchResponseTopic {
    let partitions = topic.partitions.into_iter().map(|fetched| OffsetFetchResponsePartition {
        partition_index: fetched.partition_index,
        committed_offset: fetched.committed_offset,
        committed_leader_epoch: fetched.committed_leader_epoch,
        metadata: fetched.metadata,
        error_code: fetched.error_code,
    });
    OffsetFetchResponseTopic { partitions: partitions.collect(), name: topic.name }
}
