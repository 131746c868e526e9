//! `ListOffsets`: offsets by time, and those with a name.
//!
//! | version | |
//! |---|---|
//! | 1–3 | the oldest of Kafka 4 (KIP-896); 2: isolation level |
//! | 4–5 | leader epochs (KIP-320) |
//! | 6 | flexible |
//! | 7 | -3: the record with the largest timestamp (KIP-734) |
//! | 8 | -4: the first offset on the broker itself (KIP-405) |
//! | 9 | -5: the last offset in a remote store (KIP-1005) |
//! | 10 | timeout for looking into a remote store (KIP-1075) |
//! | 11 | -6: the first offset that waits for its copy (KIP-1023) |
//!
//! - A name that is younger than the version is `UNSUPPORTED_VERSION` for its partition.
//! - A partition that is asked for twice is `INVALID_REQUEST`.
//! - Any replica id may ask: there are no followers that could answer otherwise.

use std::collections::BTreeSet;

use thalweg_broker::{Isolation, ListOffset, ListedOffset, OffsetSpec, TopicKey};
use thalweg_kafka_wire::ErrorCode;
use thalweg_kafka_wire::messages::list_offsets_request::{
    ListOffsetsPartition, ListOffsetsTopic,
};
use thalweg_kafka_wire::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use thalweg_kafka_wire::messages::{ListOffsetsRequest, ListOffsetsResponse};
use thalweg_types::{LeaderEpoch, Offset, Timestamp};

use super::duplicates::named_twice;
use crate::call::Call;
use crate::error_code::AsErrorCode;

/// The first version with leader epochs.
const LEADER_EPOCHS: i16 = 4;

pub(super) async fn handle(call: Call, request: ListOffsetsRequest) -> ListOffsetsResponse {
    let isolation = match request.isolation_level {
        0 => Isolation::ReadUncommitted,
        _ => Isolation::ReadCommitted,
    };
    let mut twice = asked_twice(&request.topics);
    let mut answered = BTreeSet::new();
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for asked in topic.partitions {
            let name = (topic.name.clone(), asked.partition_index);
            let outcome = if twice.remove(&name) {
                answered.insert(name);
                Err(ErrorCode::InvalidRequest)
            } else if answered.contains(&name) {
                continue;
            } else {
                look_up(&call, &topic.name, &asked, isolation).await
            };
            partitions.push(response(&call, asked.partition_index, outcome));
        }
        topics.push(ListOffsetsTopicResponse { name: topic.name, partitions });
    }
    ListOffsetsResponse { throttle_time_ms: 0, topics }
}

fn asked_twice(topics: &[ListOffsetsTopic]) -> BTreeSet<(String, i32)> {
    named_twice(topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|asked| (topic.name.clone(), asked.partition_index))
    }))
}

async fn look_up(
    call: &Call,
    topic: &str,
    asked: &ListOffsetsPartition,
    isolation: Isolation,
) -> Result<ListedOffset, ErrorCode> {
    let spec = spec(asked.timestamp, call.version).ok_or(ErrorCode::UnsupportedVersion)?;
    let asked = ListOffset {
        topic: TopicKey::Name(topic),
        partition: asked.partition_index,
        spec,
        isolation,
        current_leader_epoch: LeaderEpoch(asked.current_leader_epoch),
    };
    call.broker().list_offset(&call.session, asked).await.map_err(|error| error.error_code())
}

/// What a timestamp means; `None` if the version does not have it.
fn spec(timestamp: i64, version: i16) -> Option<OffsetSpec> {
    let (spec, since) = match timestamp {
        0.. => (OffsetSpec::Timestamp(Timestamp(timestamp)), 0),
        -1 => (OffsetSpec::Latest, 0),
        -2 => (OffsetSpec::Earliest, 0),
        -3 => (OffsetSpec::MaxTimestamp, 7),
        -4 => (OffsetSpec::EarliestLocal, 8),
        -5 => (OffsetSpec::LatestTiered, 9),
        -6 => (OffsetSpec::EarliestPendingUpload, 11),
        _ => return None,
    };
    (version >= since).then_some(spec)
}

fn response(
    call: &Call,
    partition_index: i32,
    outcome: Result<ListedOffset, ErrorCode>,
) -> ListOffsetsPartitionResponse {
    let error_code = outcome.as_ref().map_or_else(|error| error.code(), |_| 0);
    let listed = outcome.unwrap_or(ListedOffset {
        offset: Offset::NONE,
        timestamp: Timestamp::NONE,
        leader_epoch: LeaderEpoch::NONE,
    });
    let leader_epoch = match call.version {
        LEADER_EPOCHS.. => listed.leader_epoch,
        _ => LeaderEpoch::NONE,
    };
    ListOffsetsPartitionResponse {
        partition_index,
        error_code,
        timestamp: listed.timestamp.0,
        offset: listed.offset.0,
        leader_epoch: leader_epoch.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_24_each_name_has_its_first_version() {
        for (timestamp, first) in [(-1, 1), (-2, 1), (-3, 7), (-4, 8), (-5, 9), (-6, 11)] {
            assert!(spec(timestamp, first).is_some(), "{timestamp}");
            assert!(first == 1 || spec(timestamp, first - 1).is_none(), "{timestamp}");
        }
        assert_eq!(spec(-7, 11), None);
        assert_eq!(spec(5, 1), Some(OffsetSpec::Timestamp(Timestamp(5))));
    }

    #[test]
    fn rule_24_what_is_asked_twice_is_found() {
        let topic = |name: &str, partitions: &[i32]| ListOffsetsTopic {
            name: name.to_owned(),
            partitions: partitions
                .iter()
                .map(|&partition_index| ListOffsetsPartition {
                    partition_index,
                    ..Default::default()
                })
                .collect(),
        };
        let twice = asked_twice(&[topic("a", &[0, 1, 0]), topic("b", &[0]), topic("a", &[1])]);
        assert_eq!(twice, BTreeSet::from([("a".to_owned(), 0), ("a".to_owned(), 1)]));
    }
}
