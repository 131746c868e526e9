//! Rules 1–14: what is accepted, and how it is answered.

use thalweg_kafka_wire::messages::ProduceRequest;
use thalweg_kafka_wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use thalweg_kafka_wire::messages::produce_response::PartitionProduceResponse;
use thalweg_records::Compression;
use thalweg_types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence};

use super::fetch::{fetch_all, fetch_request};
use super::*;

/// The newest version with topic names.
const NEWEST_BY_NAME: i16 = 12;
/// Where the fields of a batch are.
const MAGIC_AT: usize = 16;
const CRC_AT: usize = 17;

pub fn produce_request(topic: &str, acks: i16, records: BytesMut) -> ProduceRequest {
    let partition = PartitionProduceData { index: 0, records: Some(records) };
    let topic = TopicProduceData {
        name: topic.to_owned(),
        partition_data: vec![partition],
        ..Default::default()
    };
    ProduceRequest { acks, timeout_ms: 30_000, topic_data: vec![topic], ..Default::default() }
}

pub async fn produce_as(
    client: &mut Client,
    version: i16,
    records: BytesMut,
) -> PartitionProduceResponse {
    let response = client.call(version, &produce_request("t", -1, records)).await;
    response.responses.into_iter().next().unwrap().partition_responses.into_iter().next().unwrap()
}

pub async fn produce(client: &mut Client, records: BytesMut) -> PartitionProduceResponse {
    produce_as(client, NEWEST_BY_NAME, records).await
}

/// Puts the right checksum into a batch that was changed.
fn with_checksum(mut batch: BytesMut) -> BytesMut {
    // The records crate computes it when a batch is parsed: its error says what it should be.
    let error = thalweg_records::Batch::parse(batch.clone().freeze())
        .and_then(|batch| batch.verify_crc())
        .unwrap_err();
    let thalweg_records::RecordsError::Checksum { computed, .. } = error else { panic!("{error}") };
    batch[CRC_AT..CRC_AT + 4].copy_from_slice(&computed.to_be_bytes());
    batch
}

fn changed(at: usize, bytes: &[u8]) -> BytesMut {
    let mut batch = batch(&["a", "b"]);
    batch[at..at + bytes.len()].copy_from_slice(bytes);
    if at > CRC_AT { with_checksum(batch) } else { batch }
}

#[test]
fn rule_01_exactly_one_batch_of_the_newest_format() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[]).await;
        let mut two = batch(&["a"]);
        two.extend_from_slice(&batch(&["b"]));
        for records in [two, BytesMut::new(), changed(MAGIC_AT, &[1])] {
            let refused = produce(&mut client, records).await;
            assert_error(refused.error_code, ErrorCode::InvalidRecord);
            assert_eq!(refused.base_offset, -1);
        }
        assert_eq!(produce(&mut client, batch(&["a"])).await.base_offset, 0);
    });
}

#[test]
fn rule_01_zstd_needs_version_7() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[]).await;
        let zstd = || build(BatchBuilder::new().codec(Compression::Zstd), &["a", "b"]);
        let refused = produce_as(&mut client, 6, zstd()).await;
        assert_error(refused.error_code, ErrorCode::UnsupportedCompressionType);
        assert_eq!(produce_as(&mut client, 7, zstd()).await.error_code, 0);
    });
}

#[test]
fn rule_02_offset_checksum_and_sizes() {
    simulate(|world| async move {
        let configs = [("max.message.bytes", "1000"), ("segment.bytes", "1048576")];
        let mut client = world.with_topic(1, &configs).await;
        let offset = build(BatchBuilder::new().at(Offset(5), LeaderEpoch(0)), &["a"]);
        assert_error(produce(&mut client, offset).await.error_code, ErrorCode::InvalidRecord);
        let damaged = changed(CRC_AT, &[1, 2, 3, 4]);
        assert_error(produce(&mut client, damaged).await.error_code, ErrorCode::CorruptMessage);
        let large = batch(&[&"x".repeat(1000)]);
        assert_error(produce(&mut client, large).await.error_code, ErrorCode::MessageTooLarge);

        create_topic(
            &mut client,
            "small",
            1,
            &[("max.message.bytes", "3000000"), ("segment.bytes", "1048576")],
        )
        .await;
        let huge = batch(&[&"x".repeat(2 << 20)]);
        let response = client.call(9, &produce_request("small", -1, huge)).await;
        let refused = &response.responses[0].partition_responses[0];
        assert_error(refused.error_code, ErrorCode::RecordListTooLarge);
    });
}

#[test]
fn rule_03_counts_control_bits_and_sequences() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[]).await;
        let count = changed(57, &7_i32.to_be_bytes());
        let control = build(BatchBuilder::new().control(), &["a"]);
        let no_sequence = build(
            BatchBuilder::new().producer(ProducerId(1), ProducerEpoch(0), Sequence(-1)),
            &["a"],
        );
        for records in [count, control, no_sequence] {
            let refused = produce(&mut client, records).await;
            assert_error(refused.error_code, ErrorCode::InvalidRecord);
            assert_eq!(refused.log_start_offset, 0, "the log has seen it");
        }
    });
}

#[test]
fn rule_03_batches_of_transactions_need_an_id_and_one_producer() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[]).await;
        let transactional = |id| {
            let builder =
                BatchBuilder::new().producer(ProducerId(id), ProducerEpoch(0), Sequence(0));
            build(builder.transactional(), &["a"])
        };
        let mut request = produce_request("t", -1, transactional(1));
        let response = client.call(9, &request).await;
        let refused = response.responses[0].partition_responses[0].error_code;
        assert_error(refused, ErrorCode::TransactionalIdAuthorizationFailed);
        request = produce_request("t", -1, transactional(1));
        request.transactional_id = Some("payments".to_owned());
        request.topic_data.extend(produce_request("t", -1, transactional(2)).topic_data);
        let response = client.call(9, &request).await;
        for topic in &response.responses {
            let refused = topic.partition_responses[0].error_code;
            assert_error(refused, ErrorCode::InvalidProducerIdMapping);
        }
    });
}

#[test]
fn rule_04_only_offset_and_epoch_are_stamped() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[]).await;
        produce(&mut client, batch(&["first"])).await;
        let sent = batch(&["a", "b"]);
        produce(&mut client, sent.clone()).await;
        let response = client.call(12, &fetch_request("t", &[(0, 1)])).await;
        let records = response.responses[0].partitions[0].records.clone().unwrap();
        let stored = records.to_bytes().unwrap();
        assert_eq!(stored[..8], 1_i64.to_be_bytes());
        assert_eq!(stored[8..12], sent[8..12]);
        assert_ne!(stored[12..16], (-1_i32).to_be_bytes());
        assert_eq!(stored[16..], sent[16..]);
    });
}

#[test]
fn rule_05_timestamps() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[("message.timestamp.type", "LogAppendTime")]).await;
        let stamped = produce(&mut client, record(5, None, b"a", &[])).await;
        assert!(stamped.log_append_time_ms >= NOW_MS);

        create_topic(&mut client, "created", 1, &[]).await;
        let mut builder = BatchBuilder::new();
        for hours in [0, 2] {
            let timestamp = Timestamp(NOW_MS + hours * 3_600_000);
            builder.push(timestamp, None, Some(b"a"), &[]);
        }
        let request = produce_request("created", -1, finish(builder));
        let response = client.call(8, &request).await;
        let refused = &response.responses[0].partition_responses[0];
        assert_error(refused.error_code, ErrorCode::InvalidTimestamp);
        let indexes: Vec<_> = refused.record_errors.iter().map(|e| e.batch_index).collect();
        assert_eq!(indexes, [1]);
        assert!(refused.error_message.is_some());

        let accepted =
            client.call(8, &produce_request("created", -1, record(5, None, b"a", &[]))).await;
        let accepted = &accepted.responses[0].partition_responses[0];
        assert_eq!((accepted.error_code, accepted.log_append_time_ms), (0, -1));
    });
}

#[test]
fn rule_06_a_compacted_topic_wants_keys() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[("cleanup.policy", "compact")]).await;
        let mut builder = BatchBuilder::new();
        for key in [Some(&b"k"[..]), None, None] {
            builder.push(Timestamp(NOW_MS), key, Some(b"v"), &[]);
        }
        let refused = produce(&mut client, finish(builder)).await;
        assert_error(refused.error_code, ErrorCode::InvalidRecord);
        let indexes: Vec<_> = refused.record_errors.iter().map(|e| e.batch_index).collect();
        assert_eq!(indexes, [1, 2]);
        assert!(fetch_all(&mut client, "t").await.is_empty(), "the whole batch fails");
    });
}

#[test]
fn rule_07_the_topic_chooses_the_codec() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[("compression.type", "lz4")]).await;
        let values = ["some text some text some text"; 20];
        produce(&mut client, batch(&values)).await;
        let gzip = build(BatchBuilder::new().codec(Compression::Gzip), &values);
        produce(&mut client, gzip).await;
        let response = client.call(12, &fetch_request("t", &[(0, 0)])).await;
        let records = response.responses[0].partitions[0].records.clone().unwrap();
        for batch in BatchReader::new(records.to_bytes().unwrap()) {
            let attributes = batch.unwrap().header().attributes;
            assert_eq!(attributes.compression().unwrap(), Compression::Lz4);
        }
        assert_eq!(values_of(&records).len(), 40);
    });
}

#[test]
fn rule_08_acks() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[]).await;
        for acks in [2, -2] {
            let response = client.call(9, &produce_request("t", acks, batch(&["a"]))).await;
            let refused = &response.responses[0].partition_responses[0];
            assert_error(refused.error_code, ErrorCode::InvalidRequiredAcks);
        }
        for (acks, offset) in [(1, 0), (-1, 1)] {
            let response = client.call(9, &produce_request("t", acks, batch(&["a"]))).await;
            assert_eq!(response.responses[0].partition_responses[0].base_offset, offset);
        }
        client.send(9, &produce_request("t", 0, batch(&["quiet"]))).await;
        assert_eq!(produce(&mut client, batch(&["loud"])).await.base_offset, 3);

        client.send(9, &produce_request("nowhere", 0, batch(&["a"]))).await;
        client.expect_closed().await;
    });
}

#[test]
fn rule_09_min_insync_replicas_concern_all_only() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[("min.insync.replicas", "2")]).await;
        let refused = produce(&mut client, batch(&["a"])).await;
        assert_error(refused.error_code, ErrorCode::NotEnoughReplicas);
        let response = client.call(9, &produce_request("t", 1, batch(&["a"]))).await;
        assert_eq!(response.responses[0].partition_responses[0].base_offset, 0);
    });
}

#[test]
fn rule_10_who_leads_is_told() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[]).await;
        world.door.broker.close().await;
        let response = client.call(10, &produce_request("t", -1, batch(&["a"]))).await;
        let refused = &response.responses[0].partition_responses[0];
        assert_error(refused.error_code, ErrorCode::NotLeaderOrFollower);
        assert_eq!(refused.current_leader.leader_id, world.door.broker.node().0);
        assert_eq!(response.node_endpoints[0].host, "broker.example");
        let older = client.call(9, &produce_request("t", -1, batch(&["a"]))).await;
        assert!(older.node_endpoints.is_empty());
    });
}

fn idempotent(epoch: i16, sequence: i32, values: &[&str]) -> BytesMut {
    let builder =
        BatchBuilder::new().producer(ProducerId(7), ProducerEpoch(epoch), Sequence(sequence));
    build(builder, values)
}

#[test]
fn rule_11_a_duplicate_is_answered_as_the_first_time() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[]).await;
        for sequence in 0..6 {
            produce(&mut client, idempotent(0, sequence, &["a"])).await;
        }
        for sequence in 1..6 {
            let again = produce(&mut client, idempotent(0, sequence, &["a"])).await;
            assert_eq!((again.error_code, again.base_offset), (0, i64::from(sequence)));
            assert_ne!(again.log_append_time_ms, -1, "a duplicate is told with its timestamp");
        }
        let forgotten = produce(&mut client, idempotent(0, 0, &["a"])).await;
        assert_error(forgotten.error_code, ErrorCode::OutOfOrderSequenceNumber);
        assert_eq!(fetch_all(&mut client, "t").await.len(), 6);
    });
}

#[test]
fn rule_12_sequences_and_epochs() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[]).await;
        let unknown_may_start_anywhere = idempotent(1, i32::MAX - 1, &["a", "b"]);
        assert_eq!(produce(&mut client, unknown_may_start_anywhere).await.error_code, 0);
        assert_eq!(produce(&mut client, idempotent(1, 0, &["wrapped"])).await.error_code, 0);
        let gap = produce(&mut client, idempotent(1, 5, &["a"])).await;
        assert_error(gap.error_code, ErrorCode::OutOfOrderSequenceNumber);
        let not_from_zero = produce(&mut client, idempotent(2, 1, &["a"])).await;
        assert_error(not_from_zero.error_code, ErrorCode::OutOfOrderSequenceNumber);
        assert_eq!(produce(&mut client, idempotent(2, 0, &["a"])).await.error_code, 0);
        let old = produce(&mut client, idempotent(1, 1, &["a"])).await;
        assert_error(old.error_code, ErrorCode::InvalidProducerEpoch);
    });
}

#[test]
fn rule_13_a_silent_producer_is_forgotten() {
    let settings = [("producer.id.expiration.ms", "60000")];
    simulate_with(&settings, KafkaOptions::default(), |world| async move {
        let mut client = world.with_topic(1, &[]).await;
        produce(&mut client, idempotent(0, 0, &["a"])).await;
        let gap = produce(&mut client, idempotent(0, 5, &["a"])).await;
        assert_error(gap.error_code, ErrorCode::OutOfOrderSequenceNumber);
        world.env.sleep(std::time::Duration::from_mins(5)).await;
        // With the next checkpoint at the latest.
        let world = world.restart(&settings).await;
        let anew = produce(&mut world.connect(), idempotent(0, 5, &["a"])).await;
        assert_eq!(anew.error_code, 0, "an unknown producer may start anywhere");
    });
}

#[test]
fn topics_by_id() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[]).await;
        let id = topic_id(&mut client, "t").await;
        let mut request = produce_request("", -1, batch(&["a"]));
        request.topic_data[0].topic_id = id.0;
        let response = client.call(13, &request).await;
        assert_eq!(response.responses[0].topic_id, id.0);
        assert_eq!(response.responses[0].partition_responses[0].error_code, 0);

        let mut unknown = produce_request("", -1, batch(&["a"]));
        unknown.topic_data[0].topic_id = TopicId::from_bytes([9; 16]).0;
        let response = client.call(13, &unknown).await;
        let refused = &response.responses[0].partition_responses[0];
        assert_error(refused.error_code, ErrorCode::UnknownTopicId);
    });
}

#[test]
fn every_version_is_answered() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[]).await;
        for version in 3..=NEWEST_BY_NAME {
            let answer = produce_as(&mut client, version, batch(&["a"])).await;
            assert_eq!((answer.error_code, answer.base_offset), (0, i64::from(version) - 3));
        }
    });
}
