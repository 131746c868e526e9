//! Rules 24, 25 and 50: offsets with a name, and moving the start.

use thalweg_kafka_wire::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsTopic,
};
use thalweg_kafka_wire::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use thalweg_kafka_wire::messages::list_offsets_response::ListOffsetsPartitionResponse;
use thalweg_kafka_wire::messages::{DeleteRecordsRequest, ListOffsetsRequest};

use super::fetch::fetch_request;
use super::produce::produce;
use super::*;

const NEWEST: i16 = 11;

pub fn list_request(timestamps: &[i64], replica_id: i32) -> ListOffsetsRequest {
    let partitions = timestamps.iter().map(|&timestamp| ListOffsetsPartition {
        partition_index: 0,
        timestamp,
        ..Default::default()
    });
    let topic = ListOffsetsTopic { name: "t".to_owned(), partitions: partitions.collect() };
    ListOffsetsRequest { replica_id, topics: vec![topic], ..Default::default() }
}

async fn list(client: &mut Client, version: i16, timestamp: i64) -> ListOffsetsPartitionResponse {
    let response = client.call(version, &list_request(&[timestamp], -1)).await;
    response.topics[0].partitions[0].clone()
}

pub async fn delete_before(client: &mut Client, offset: i64) -> (i16, i64) {
    let partition = DeleteRecordsPartition { partition_index: 0, offset };
    let topic = DeleteRecordsTopic { name: "t".to_owned(), partitions: vec![partition] };
    let request = DeleteRecordsRequest { topics: vec![topic], timeout_ms: 1000 };
    let response = client.call(2, &request).await;
    let result = &response.topics[0].partitions[0];
    (result.error_code, result.low_watermark)
}

/// Three batches of one record each; the second has the largest timestamp.
async fn with_records(world: &World) -> Client {
    let mut client = world.with_topic(1, &[]).await;
    for timestamp in [1000, 3000, 2000] {
        produce(&mut client, record(timestamp, None, b"v", &[])).await;
    }
    client
}

#[test]
fn rule_24_offsets_with_a_name() {
    simulate(|world| async move {
        let mut client = with_records(&world).await;
        for (timestamp, offset, found) in [
            (-1, 3, -1),
            (-2, 0, -1),
            (-3, 1, 3000),
            (-4, 0, -1),
            (-5, -1, -1),
            (-6, -1, -1),
            (0, 0, 1000),
            (1001, 1, 3000),
            (3001, -1, -1),
        ] {
            let listed = list(&mut client, NEWEST, timestamp).await;
            assert_eq!(
                (listed.error_code, listed.offset, listed.timestamp),
                (0, offset, found),
                "{timestamp}"
            );
        }
    });
}

#[test]
fn rule_24_names_that_a_version_does_not_have() {
    simulate(|world| async move {
        let mut client = with_records(&world).await;
        for (timestamp, version) in [(-3, 6), (-4, 7), (-5, 8), (-6, 10), (-7, 11)] {
            let refused = list(&mut client, version, timestamp).await;
            assert_error(refused.error_code, ErrorCode::UnsupportedVersion);
        }
        let twice = client.call(NEWEST, &list_request(&[-1, -2], -1)).await;
        for partition in &twice.topics[0].partitions {
            assert_error(partition.error_code, ErrorCode::InvalidRequest);
        }
        for version in 1..=NEWEST {
            assert_eq!(list(&mut client, version, -1).await.offset, 3, "{version}");
        }
    });
}

#[test]
fn rule_25_a_debugging_consumer_is_answered() {
    simulate(|world| async move {
        let mut client = with_records(&world).await;
        let response = client.call(NEWEST, &list_request(&[-1], -2)).await;
        assert_eq!(response.topics[0].partitions[0].offset, 3);
    });
}

#[test]
fn rule_50_records_are_deleted_up_to_what_is_visible() {
    simulate(|world| async move {
        let mut client = with_records(&world).await;
        assert_eq!(delete_before(&mut client, 1).await, (0, 1));
        let response = client.call(12, &fetch_request("t", &[(0, 0)])).await;
        let partition = &response.responses[0].partitions[0];
        assert_error(partition.error_code, ErrorCode::OffsetOutOfRange);
        assert_eq!(list(&mut client, NEWEST, -2).await.offset, 1);

        let (beyond, low_watermark) = delete_before(&mut client, 4).await;
        assert_error(beyond, ErrorCode::OffsetOutOfRange);
        assert_eq!(low_watermark, -1);
        assert_error(delete_before(&mut client, -2).await.0, ErrorCode::OffsetOutOfRange);
        assert_eq!(delete_before(&mut client, -1).await, (0, 3));
        assert_eq!(list(&mut client, NEWEST, -1).await.offset, 3);
    });
}

#[test]
fn rule_50_a_compacted_topic_keeps_its_records() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[("cleanup.policy", "compact")]).await;
        produce(&mut client, batch(&["a"])).await;
        assert_error(delete_before(&mut client, 1).await.0, ErrorCode::PolicyViolation);
    });
}
