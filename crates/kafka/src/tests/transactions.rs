//! Rules 19, 20 and 26–34: transactions, from `InitProducerId` to what readers see.

use std::time::Duration;

use thalweg_kafka_wire::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use thalweg_kafka_wire::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};
use thalweg_kafka_wire::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use thalweg_kafka_wire::messages::{
    AddPartitionsToTxnRequest, EndTxnRequest, InitProducerIdRequest, InitProducerIdResponse,
    OffsetFetchRequest, TxnOffsetCommitRequest,
};
use thalweg_types::{ProducerEpoch, ProducerId, Sequence};

use super::fetch::fetch_request;
use super::produce::{produce, produce_request};
use super::*;

const NEWEST_PRODUCE_BY_NAME: i16 = 12;
/// The newest version of clients that add partitions themselves.
const OLD_PRODUCE: i16 = 10;

/// A transactional producer.
struct Producer {
    client: Client,
    id: i64,
    epoch: i16,
    sequence: i32,
}

async fn init(client: &mut Client, expected: Option<(i64, i16)>) -> InitProducerIdResponse {
    let (producer_id, producer_epoch) = expected.unwrap_or((-1, -1));
    let request = InitProducerIdRequest {
        transactional_id: Some("payments".to_owned()),
        transaction_timeout_ms: 60_000,
        producer_id,
        producer_epoch,
        ..Default::default()
    };
    client.call(5, &request).await
}

impl Producer {
    /// Takes over the transactional id, as soon as its last transaction has ended.
    async fn begin(world: &World) -> Self {
        let mut client = world.connect();
        loop {
            let response = init(&mut client, None).await;
            if response.error_code == ErrorCode::ConcurrentTransactions.code() {
                world.env.sleep(Duration::from_millis(20)).await;
                continue;
            }
            assert_eq!(response.error_code, 0);
            let (id, epoch) = (response.producer_id, response.producer_epoch);
            return Self { client, id, epoch, sequence: 0 };
        }
    }

    /// Sends a record; returns the error.
    async fn send(&mut self, version: i16, value: &str) -> i16 {
        let producer = (ProducerId(self.id), ProducerEpoch(self.epoch), Sequence(self.sequence));
        let builder = BatchBuilder::new().producer(producer.0, producer.1, producer.2);
        let mut request = produce_request("t", -1, build(builder.transactional(), &[value]));
        request.transactional_id = Some("payments".to_owned());
        let response = self.client.call(version, &request).await;
        let error = response.responses[0].partition_responses[0].error_code;
        self.sequence += i32::from(error == 0);
        error
    }

    /// The same as often as the broker says "later".
    async fn send_patiently(&mut self, value: &str) -> i16 {
        loop {
            let error = self.send(NEWEST_PRODUCE_BY_NAME, value).await;
            if error != ErrorCode::ConcurrentTransactions.code() {
                return error;
            }
        }
    }

    async fn write(&mut self, value: &str) {
        assert_eq!(self.send(NEWEST_PRODUCE_BY_NAME, value).await, 0);
    }

    async fn end(&mut self, version: i16, committed: bool) -> i16 {
        let request = EndTxnRequest {
            transactional_id: "payments".to_owned(),
            producer_id: self.id,
            producer_epoch: self.epoch,
            committed,
        };
        let response = self.client.call(version, &request).await;
        if response.error_code == 0 && version >= 5 {
            assert_ne!(response.producer_epoch, self.epoch, "each transaction has its epoch");
            (self.id, self.epoch) = (response.producer_id, response.producer_epoch);
            self.sequence = 0;
        }
        response.error_code
    }

    async fn add_partition(&mut self) -> i16 {
        let topics = vec![AddPartitionsToTxnTopic { name: "t".to_owned(), partitions: vec![0] }];
        let request = AddPartitionsToTxnRequest {
            v3_and_below_transactional_id: "payments".to_owned(),
            v3_and_below_producer_id: self.id,
            v3_and_below_producer_epoch: self.epoch,
            v3_and_below_topics: topics,
            ..Default::default()
        };
        let response = self.client.call(3, &request).await;
        response.results_by_topic_v3_and_below[0].results_by_partition[0].partition_error_code
    }

    async fn commit_offset(&mut self, offset: i64) -> i16 {
        let partition =
            TxnOffsetCommitRequestPartition { committed_offset: offset, ..Default::default() };
        let request = TxnOffsetCommitRequest {
            transactional_id: "payments".to_owned(),
            group_id: "g".to_owned(),
            producer_id: self.id,
            producer_epoch: self.epoch,
            topics: vec![TxnOffsetCommitRequestTopic {
                name: "t".to_owned(),
                partitions: vec![partition],
                ..Default::default()
            }],
            ..Default::default()
        };
        self.client.call(5, &request).await.topics[0].partitions[0].error_code
    }
}

/// What readers of committed records see; aborted ones are left out as clients do it.
async fn committed(world: &World) -> Vec<String> {
    let mut request = fetch_request("t", &[(0, 0)]);
    request.isolation_level = 1;
    let mut client = world.connect();
    let response = client.call(12, &request).await;
    let partition = &response.responses[0].partitions[0];
    let aborted = partition.aborted_transactions.clone().unwrap();
    let bytes = partition.records.as_ref().unwrap().to_bytes().unwrap();
    let mut skipped = std::collections::BTreeSet::new();
    let mut values = Vec::new();
    for batch in BatchReader::new(bytes).map(Result::unwrap) {
        let header = batch.header();
        let id = header.producer_id.0;
        let begun = |a: &&thalweg_kafka_wire::messages::fetch_response::AbortedTransaction| {
            a.producer_id == id && a.first_offset == header.base_offset.0
        };
        skipped.extend(aborted.iter().filter(begun).map(|aborted| aborted.producer_id));
        if header.attributes.is_control() {
            skipped.remove(&id);
        } else if !(header.attributes.is_transactional() && skipped.contains(&id)) {
            let records = batch.records(1 << 20).unwrap().map(Result::unwrap);
            let value = |record: thalweg_records::Record| record.value.unwrap().to_vec();
            values.extend(records.map(|record| String::from_utf8(value(record)).unwrap()));
        }
    }
    values
}

/// Markers follow the answer of `EndTxn`.
async fn settle(world: &World) {
    world.env.sleep(Duration::from_secs(1)).await;
}

/// The group's offset, or the error.
async fn group_offset(world: &World, require_stable: bool) -> Result<i64, ErrorCode> {
    let topics = vec![OffsetFetchRequestTopics {
        name: "t".to_owned(),
        partition_indexes: vec![0],
        ..Default::default()
    }];
    let group = OffsetFetchRequestGroup {
        group_id: "g".to_owned(),
        topics: Some(topics),
        ..Default::default()
    };
    let request = OffsetFetchRequest { groups: vec![group], require_stable, ..Default::default() };
    let response = world.connect().call(8, &request).await;
    let partition = &response.groups[0].topics[0].partitions[0];
    match ErrorCode::from_code(partition.error_code).unwrap() {
        ErrorCode::None => Ok(partition.committed_offset),
        error => Err(error),
    }
}

#[test]
fn rule_19_and_20_committed_records_are_seen_aborted_ones_are_named() {
    simulate(|world| async move {
        world.with_topic(1, &[]).await;
        let mut producer = Producer::begin(&world).await;
        producer.write("a").await;
        producer.write("b").await;
        assert_eq!(committed(&world).await, [""; 0]);
        assert_eq!(producer.end(5, true).await, 0);
        settle(&world).await;
        assert_eq!(committed(&world).await, ["a", "b"]);
        producer.write("c").await;
        assert_eq!(producer.end(5, false).await, 0);
        // The markers follow the answer (rule 27), and a broker has some patience for them.
        producer.write("d").await;
        assert_eq!(producer.end(5, true).await, 0);
        settle(&world).await;
        assert_eq!(committed(&world).await, ["a", "b", "d"]);
    });
}

#[test]
fn rule_26_whoever_takes_over_an_id_aborts_what_was_open() {
    simulate(|world| async move {
        world.with_topic(1, &[]).await;
        let mut old = Producer::begin(&world).await;
        old.write("lost").await;
        let first = init(&mut world.connect(), None).await;
        assert_error(first.error_code, ErrorCode::ConcurrentTransactions);
        let mut new = Producer::begin(&world).await;
        assert_eq!(new.id, old.id);
        assert_error(
            old.send(NEWEST_PRODUCE_BY_NAME, "late").await,
            ErrorCode::InvalidProducerEpoch,
        );
        assert_error(old.end(5, true).await, ErrorCode::ProducerFenced);
        new.write("kept").await;
        assert_eq!(new.end(5, true).await, 0);
        settle(&world).await;
        assert_eq!(committed(&world).await, ["kept"]);
    });
}

#[test]
fn rule_26_an_id_comes_with_an_epoch() {
    simulate(|world| async move {
        let mut client = world.connect();
        for (producer_id, producer_epoch) in [(-1, 0), (7, -1)] {
            for transactional_id in [None, Some("payments".to_owned())] {
                let request = InitProducerIdRequest {
                    transactional_id,
                    transaction_timeout_ms: 60_000,
                    producer_id,
                    producer_epoch,
                    ..Default::default()
                };
                let response = client.call(5, &request).await;
                assert_error(response.error_code, ErrorCode::InvalidRequest);
            }
        }
    });
}

#[test]
fn rule_28_a_repeated_end_is_recognized() {
    simulate(|world| async move {
        world.with_topic(1, &[]).await;
        let mut producer = Producer::begin(&world).await;
        producer.write("a").await;
        let before = (producer.id, producer.epoch);
        assert_eq!(producer.end(5, true).await, 0);
        let after = (producer.id, producer.epoch);
        (producer.id, producer.epoch) = before;
        settle(&world).await;
        assert_eq!(producer.end(5, true).await, 0);
        assert_eq!((producer.id, producer.epoch), after);
    });
}

#[test]
fn rule_29_what_a_client_has_not_added_is_refused() {
    simulate(|world| async move {
        world.with_topic(1, &[]).await;
        let mut producer = Producer::begin(&world).await;
        assert_error(producer.send(OLD_PRODUCE, "a").await, ErrorCode::InvalidTxnState);
        assert_error(producer.send(11, "a").await, ErrorCode::TransactionAbortable);
        assert_eq!(producer.add_partition().await, 0);
        assert_eq!(producer.send(OLD_PRODUCE, "a").await, 0);
        assert_eq!(producer.end(3, true).await, 0);
        settle(&world).await;
        assert_eq!(committed(&world).await, ["a"]);
        // The same epoch goes on, but not without adding the partition again.
        assert_error(producer.send(OLD_PRODUCE, "b").await, ErrorCode::InvalidTxnState);
    });
}

/// The partition learns of the end while the coordinator is asked about the next transaction.
#[test]
fn rule_29_a_transaction_may_begin_while_the_last_one_ends() {
    simulate(|world| async move {
        world.with_topic(1, &[]).await;
        let mut producer = Producer::begin(&world).await;
        let mut taken = 0;
        for delay in 0..60 {
            let (id, epoch) = (producer.id, producer.epoch + 1);
            let mut next = Producer { client: world.connect(), id, epoch, sequence: 0 };
            producer.write("last").await;
            let begin = async {
                world.env.sleep(Duration::from_micros(delay * 50)).await;
                next.send_patiently("next").await
            };
            let (ended, sent) = tokio::join!(producer.end(5, true), begin);
            assert_eq!(ended, 0);
            if sent == 0 {
                taken += 1;
                producer = next;
                assert_eq!(producer.end(5, true).await, 0);
            } else {
                // It came before the end had been decided.
                assert_error(sent, ErrorCode::InvalidProducerEpoch);
            }
            settle(&world).await;
        }
        assert!(taken > 10, "{taken}");
    });
}

#[test]
fn rule_31_a_transaction_that_is_left_open_is_aborted() {
    simulate(|world| async move {
        world.with_topic(1, &[]).await;
        let mut producer = Producer::begin(&world).await;
        producer.write("forgotten").await;
        world.env.sleep(Duration::from_secs(90)).await;
        let mut plain = world.connect();
        produce(&mut plain, batch(&["after"])).await;
        assert_eq!(committed(&world).await, ["after"]);
        assert_ne!(producer.end(5, true).await, 0);
    });
}

#[test]
fn rule_33_offsets_count_when_the_transaction_does() {
    simulate(|world| async move {
        world.with_topic(1, &[]).await;
        let mut producer = Producer::begin(&world).await;
        assert_eq!(producer.commit_offset(7).await, 0);
        assert_eq!(group_offset(&world, false).await, Ok(-1));
        assert_eq!(group_offset(&world, true).await, Err(ErrorCode::UnstableOffsetCommit));
        assert_eq!(producer.end(5, true).await, 0);
        settle(&world).await;
        assert_eq!(group_offset(&world, true).await, Ok(7));
        assert_eq!(producer.commit_offset(9).await, 0);
        assert_eq!(producer.end(5, false).await, 0);
        settle(&world).await;
        assert_eq!(group_offset(&world, true).await, Ok(7));
    });
}

#[test]
fn transactions_outlive_the_broker() {
    simulate(|world| async move {
        world.with_topic(1, &[]).await;
        let mut producer = Producer::begin(&world).await;
        producer.write("before").await;
        assert_eq!(producer.commit_offset(3).await, 0);
        let (id, epoch, sequence) = (producer.id, producer.epoch, producer.sequence);
        let world = world.restart(&[]).await;
        let client = world.connect();
        let mut producer = Producer { client, id, epoch, sequence };
        settle(&world).await;
        producer.write("after").await;
        assert_eq!(committed(&world).await, [""; 0]);
        assert_eq!(producer.end(5, true).await, 0);
        settle(&world).await;
        assert_eq!(committed(&world).await, ["before", "after"]);
        assert_eq!(group_offset(&world, true).await, Ok(3));
    });
}
