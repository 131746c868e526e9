//! Rules 15–23: what is read, and when it is told.

use std::time::Duration;

use thalweg_kafka_wire::messages::fetch_request::{FetchPartition, FetchTopic};
use thalweg_kafka_wire::messages::fetch_response::PartitionData;
use thalweg_kafka_wire::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use thalweg_kafka_wire::messages::{FetchRequest, FetchResponse, OffsetForLeaderEpochRequest};

use super::produce::{produce, produce_request};
use super::*;

/// Fetches of these partitions from these offsets, without waiting.
pub fn fetch_request(topic: &str, partitions: &[(i32, i64)]) -> FetchRequest {
    let partitions = partitions.iter().map(|&(partition, fetch_offset)| FetchPartition {
        partition,
        fetch_offset,
        partition_max_bytes: 1 << 20,
        ..Default::default()
    });
    let topic = FetchTopic {
        topic: topic.to_owned(),
        partitions: partitions.collect(),
        ..Default::default()
    };
    FetchRequest {
        max_wait_ms: 0,
        min_bytes: 1,
        max_bytes: 1 << 20,
        session_id: 0,
        session_epoch: -1,
        topics: vec![topic],
        ..Default::default()
    }
}

pub async fn fetch_all(client: &mut Client, topic: &str) -> Vec<String> {
    let response = client.call(12, &fetch_request(topic, &[(0, 0)])).await;
    values_of(response.responses[0].partitions[0].records.as_ref().unwrap())
}

async fn fetch_from(client: &mut Client, offset: i64) -> PartitionData {
    let response = client.call(12, &fetch_request("t", &[(0, offset)])).await;
    response.responses[0].partitions[0].clone()
}

fn records(partition: &PartitionData) -> Vec<String> {
    values_of(partition.records.as_ref().unwrap())
}

/// The numbers of the partitions in a response.
fn told(response: &FetchResponse) -> Vec<i32> {
    let partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
    partitions.map(|partition| partition.partition_index).collect()
}

async fn produce_to(client: &mut Client, partition: i32, value: &str) {
    let mut request = produce_request("t", -1, batch(&[value]));
    request.topic_data[0].partition_data[0].index = partition;
    let response = client.call(9, &request).await;
    assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
}

#[test]
fn rule_15_a_batch_comes_whole() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[]).await;
        produce(&mut client, batch(&["a", "b", "c"])).await;
        for offset in 0..3 {
            assert_eq!(records(&fetch_from(&mut client, offset).await), ["a", "b", "c"]);
        }
        assert!(records(&fetch_from(&mut client, 3).await).is_empty());
    });
}

#[test]
fn rule_16_a_poll_waits_for_records_and_for_nothing_else() {
    simulate(|world| async move {
        let mut client = world.with_topic(2, &[]).await;
        let mut poll = fetch_request("t", &[(0, 0), (1, 0)]);
        poll.max_wait_ms = 10_000;
        let started = world.env.now();
        client.send(12, &poll).await;
        world.env.sleep(Duration::from_secs(2)).await;
        produce_to(&mut world.connect(), 1, "late").await;
        let (_, response) = client.receive::<FetchRequest>(12).await;
        let waited = world.env.now() - started;
        assert!(waited >= Duration::from_secs(2) && waited < Duration::from_secs(5), "{waited:?}");
        assert_eq!(records(&response.responses[0].partitions[1]), ["late"]);

        // An error is told at once, beside a partition that has nothing.
        let mut wrong = fetch_request("t", &[(0, 0), (1, 99)]);
        wrong.max_wait_ms = 10_000;
        let started = world.env.now();
        let response = client.call(12, &wrong).await;
        assert_error(response.responses[0].partitions[1].error_code, ErrorCode::OffsetOutOfRange);
        assert!(world.env.now() - started < Duration::from_secs(5));
    });
}

#[test]
fn rule_16_too_few_bytes_are_waited_for() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[]).await;
        produce(&mut client, batch(&["a"])).await;
        let mut poll = fetch_request("t", &[(0, 0)]);
        (poll.max_wait_ms, poll.min_bytes) = (3000, 100_000);
        let started = world.env.now();
        let response = client.call(12, &poll).await;
        assert!(world.env.now() - started >= Duration::from_secs(3));
        assert_eq!(records(&response.responses[0].partitions[0]), ["a"], "then they come");
    });
}

#[test]
fn rule_17_the_first_batch_comes_whatever_the_limits() {
    simulate(|world| async move {
        let mut client = world.with_topic(3, &[]).await;
        for partition in 1..3 {
            produce_to(&mut client, partition, &"x".repeat(1000)).await;
        }
        let mut request = fetch_request("t", &[(0, 0), (2, 0), (1, 0)]);
        request.max_bytes = 10;
        let response = client.call(12, &request).await;
        let sizes: Vec<_> = response.responses[0]
            .partitions
            .iter()
            .map(|partition| (partition.partition_index, records(partition).len()))
            .collect();
        assert_eq!(sizes, [(0, 0), (2, 1), (1, 0)], "in the order of the request");
    });
}

#[test]
fn rule_18_an_incremental_response_has_only_news() {
    simulate(|world| async move {
        let mut client = world.with_topic(3, &[]).await;
        let mut open = fetch_request("t", &[(0, 0), (1, 0), (2, 0)]);
        open.session_epoch = 0;
        let response = client.call(12, &open).await;
        let session_id = response.session_id;
        assert_ne!(session_id, 0);
        assert_eq!(told(&response), [0, 1, 2]);

        let mut next = FetchRequest {
            session_id,
            session_epoch: 1,
            topics: Vec::new(),
            ..fetch_request("t", &[])
        };
        let response = client.call(12, &next).await;
        assert_eq!((told(&response), response.session_id), (vec![], session_id));

        produce_to(&mut client, 1, "new").await;
        next.session_epoch = 2;
        let response = client.call(12, &next).await;
        assert_eq!(told(&response), [1]);
        assert_eq!(records(&response.responses[0].partitions[0]), ["new"]);

        let stale = client.call(12, &next).await;
        assert_error(stale.error_code, ErrorCode::InvalidFetchSessionEpoch);
        next.session_id += 1;
        let unknown = client.call(12, &next).await;
        assert_error(unknown.error_code, ErrorCode::FetchSessionIdNotFound);
    });
}

#[test]
fn rule_18_names_and_ids_do_not_mix() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[]).await;
        let mut open = fetch_request("t", &[(0, 0)]);
        open.session_epoch = 0;
        let session_id = client.call(12, &open).await.session_id;
        let by_id = FetchRequest {
            session_id,
            session_epoch: 1,
            topics: Vec::new(),
            ..fetch_request("t", &[])
        };
        let response = client.call(13, &by_id).await;
        assert_error(response.error_code, ErrorCode::FetchSessionTopicIdError);
    });
}

#[test]
fn rule_19_watermarks_are_in_every_response() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[]).await;
        produce(&mut client, batch(&["a", "b"])).await;
        let partition = fetch_from(&mut client, 0).await;
        assert_eq!(partition.high_watermark, 2);
        assert_eq!(partition.last_stable_offset, 2);
        assert_eq!(partition.log_start_offset, 0);
    });
}

#[test]
fn rule_20_aborted_transactions_are_null_or_empty() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[]).await;
        let uncommitted = fetch_from(&mut client, 0).await;
        assert_eq!(uncommitted.aborted_transactions, None);
        let mut request = fetch_request("t", &[(0, 0)]);
        request.isolation_level = 1;
        let response = client.call(12, &request).await;
        let committed = &response.responses[0].partitions[0];
        assert_eq!(committed.aborted_transactions.as_deref(), Some(&[][..]));
    });
}

#[test]
fn rule_21_leader_epochs_are_checked() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[]).await;
        produce(&mut client, batch(&["a"])).await;
        let current = world.door.broker.leader_epoch().0;
        for (epoch, expected) in [
            (current - 1, ErrorCode::FencedLeaderEpoch),
            (current, ErrorCode::None),
            (current + 1, ErrorCode::UnknownLeaderEpoch),
        ] {
            let mut request = fetch_request("t", &[(0, 0)]);
            request.topics[0].partitions[0].current_leader_epoch = epoch;
            let response = client.call(12, &request).await;
            assert_error(response.responses[0].partitions[0].error_code, expected);
        }

        // A client with records of an epoch that this log has never seen.
        let mut request = fetch_request("t", &[(0, 1)]);
        request.topics[0].partitions[0].last_fetched_epoch = current - 1;
        let response = client.call(12, &request).await;
        let partition = &response.responses[0].partitions[0];
        assert_eq!(partition.error_code, 0);
        assert_ne!(partition.diverging_epoch.end_offset, -1, "{partition:?}");
        assert!(records(partition).is_empty());
    });
}

#[test]
fn rule_10_a_fenced_client_is_told_who_leads() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[]).await;
        let id = topic_id(&mut client, "t").await;
        let mut request = fetch_request("", &[(0, 0)]);
        request.topics[0].topic_id = id.0;
        request.topics[0].partitions[0].current_leader_epoch = 0;
        let response = client.call(16, &request).await;
        let partition = &response.responses[0].partitions[0];
        assert_error(partition.error_code, ErrorCode::FencedLeaderEpoch);
        assert_eq!(partition.current_leader.leader_epoch, world.door.broker.leader_epoch().0);
        assert_eq!(response.node_endpoints[0].host, "broker.example");
        assert!(client.call(15, &request).await.node_endpoints.is_empty());
    });
}

#[test]
fn rule_22_ends_of_epochs() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[]).await;
        produce(&mut client, batch(&["a", "b"])).await;
        let current = world.door.broker.leader_epoch().0;
        for (asked, leader_epoch, end_offset) in
            [(current, current, 2), (current + 5, -1, -1), (current - 1, current - 1, 0)]
        {
            let partition = OffsetForLeaderPartition {
                partition: 0,
                leader_epoch: asked,
                ..Default::default()
            };
            let topic = OffsetForLeaderTopic { topic: "t".to_owned(), partitions: vec![partition] };
            let request = OffsetForLeaderEpochRequest { topics: vec![topic], ..Default::default() };
            let response = client.call(4, &request).await;
            let end = &response.topics[0].partitions[0];
            assert_eq!((end.leader_epoch, end.end_offset), (leader_epoch, end_offset));
        }
    });
}

#[test]
fn rule_23_offsets_out_of_range_are_told_at_once() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[]).await;
        produce(&mut client, batch(&["a"])).await;
        for offset in [-1, 2] {
            let partition = fetch_from(&mut client, offset).await;
            assert_error(partition.error_code, ErrorCode::OffsetOutOfRange);
        }
        let response = client.call(12, &fetch_request("t", &[(9, 0)])).await;
        assert_error(
            response.responses[0].partitions[0].error_code,
            ErrorCode::UnknownTopicOrPartition,
        );
    });
}

#[test]
fn every_version_is_answered() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[]).await;
        produce(&mut client, batch(&["a"])).await;
        let id = topic_id(&mut client, "t").await;
        for version in 4..=18 {
            let mut request = fetch_request(if version < 13 { "t" } else { "" }, &[(0, 0)]);
            if version >= 13 {
                request.topics[0].topic_id = id.0;
            }
            let response = client.call(version, &request).await;
            assert_eq!(records(&response.responses[0].partitions[0]), ["a"], "{version}");
        }
        let mut unknown = fetch_request("", &[(0, 0)]);
        unknown.topics[0].topic_id = TopicId::from_bytes([9; 16]).0;
        let response = client.call(13, &unknown).await;
        let partition = &response.responses[0].partitions[0];
        assert_error(partition.error_code, ErrorCode::UnknownTopicId);
    });
}
