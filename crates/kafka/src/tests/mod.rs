//! The door end to end: a client that speaks frames, a broker in a simulated world.
//!
//! Tests are named after the rule that they hold; `tests/rules.md` in the root lists them.

mod acls;
mod admin;
mod client;
mod denied;
mod fetch;
mod groups;
mod hostile;
mod offsets;
mod produce;
mod protocol;
mod real;
mod transactions;

use std::future::Future;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use thalweg_broker::{Broker, BrokerOptions};
use thalweg_env::simulated::{SimWorld, run};
use thalweg_env::{Env, Shutdown};
use thalweg_kafka_wire::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use thalweg_kafka_wire::messages::{CreateTopicsRequest, MetadataRequest};
use thalweg_kafka_wire::{ErrorCode, Segments};
use thalweg_records::{BatchBuilder, BatchReader, Header};
use thalweg_types::{Timestamp, TopicId};

use crate::call::Door;
use crate::connection::Connection;
use crate::{Endpoint, KafkaOptions};
use client::Client;

/// The wall clock at the start of every simulation.
const NOW_MS: i64 = 1_767_225_600_000;

/// A broker behind a door.
struct World {
    env: Env,
    sim: SimWorld,
    door: Arc<Door>,
    endpoint: Arc<Endpoint>,
    stop: Shutdown,
}

/// Runs `scenario` against a broker in a world of its own.
fn simulate<F: Future<Output = ()>>(scenario: impl FnOnce(World) -> F) {
    simulate_with(&[], KafkaOptions::default(), scenario);
}

fn simulate_with<F: Future<Output = ()>>(
    settings: &[(&str, &str)],
    options: KafkaOptions,
    scenario: impl FnOnce(World) -> F,
) {
    run(async move {
        let (env, sim) = SimWorld::new(1);
        scenario(World::open(env, sim, settings, options).await).await;
    })
    .unwrap();
}

impl World {
    /// The same after the broker has ended in good order and started again.
    async fn restart(self, settings: &[(&str, &str)]) -> Self {
        self.door.broker.close().await;
        let env = self.sim.restart();
        Self::open(env, self.sim, settings, self.door.options.clone()).await
    }

    async fn open(
        env: Env,
        sim: SimWorld,
        settings: &[(&str, &str)],
        options: KafkaOptions,
    ) -> Self {
        let base = [
            ("wal.file.bytes", "1048576"),
            ("disk.free.min.bytes", "0"),
            ("offsets.topic.num.partitions", "2"),
            ("group.initial.rebalance.delay.ms", "0"),
        ];
        let mut broker_options = BrokerOptions::new("/data");
        for (name, value) in base.iter().chain(settings) {
            broker_options = broker_options.set(name, value);
        }
        let (broker, _) = Broker::open(&env, broker_options).await.unwrap();
        let door = Arc::new(Door::new(&env, broker, options));
        let endpoint = Arc::new(Endpoint {
            name: "PLAINTEXT".into(),
            bound: "127.0.0.1:9092".parse().unwrap(),
            host: "broker.example".to_owned(),
            port: 9092,
        });
        Self { env, sim, door, endpoint, stop: Shutdown::default() }
    }

    /// A new connection.
    fn connect(&self) -> Client {
        self.connect_from("127.0.0.1")
    }

    fn connect_from(&self, peer: &str) -> Client {
        let (near, far) = tokio::io::duplex(64 << 10);
        let peer = peer.parse().unwrap();
        let connection =
            Connection::new(self.door.clone(), self.endpoint.clone(), peer, self.stop.clone());
        let (input, output) = tokio::io::split(far);
        self.env.spawn("connection", connection.serve(input, output));
        Client::new(near)
    }

    /// A connection and a topic `t`.
    async fn with_topic(&self, partitions: i32, configs: &[(&str, &str)]) -> Client {
        let mut client = self.connect();
        create_topic(&mut client, "t", partitions, configs).await;
        client
    }
}

async fn create_topic(
    client: &mut Client,
    name: &str,
    num_partitions: i32,
    configs: &[(&str, &str)],
) {
    let configs = configs.iter().map(|(name, value)| CreatableTopicConfig {
        name: (*name).to_owned(),
        value: Some((*value).to_owned()),
    });
    let topic = CreatableTopic {
        name: name.to_owned(),
        num_partitions,
        replication_factor: 1,
        configs: configs.collect(),
        ..Default::default()
    };
    let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
    let response = client.call(7, &request).await;
    assert_eq!(response.topics[0].error_code, 0, "{:?}", response.topics[0].error_message);
}

async fn topic_id(client: &mut Client, name: &str) -> TopicId {
    let topics = Some(vec![thalweg_kafka_wire::messages::metadata_request::MetadataRequestTopic {
        name: Some(name.to_owned()),
        ..Default::default()
    }]);
    let response = client.call(12, &MetadataRequest { topics, ..Default::default() }).await;
    TopicId(response.topics[0].topic_id)
}

/// A batch with these values and keys, as a client sends it.
fn batch(values: &[&str]) -> BytesMut {
    build(BatchBuilder::new(), values)
}

fn build(mut builder: BatchBuilder, values: &[&str]) -> BytesMut {
    for value in values {
        builder.push(Timestamp(NOW_MS), Some(b"key"), Some(value.as_bytes()), &[]);
    }
    finish(builder)
}

fn finish(builder: BatchBuilder) -> BytesMut {
    BytesMut::from(builder.build().unwrap().as_bytes())
}

/// A batch of one record.
fn record(timestamp: i64, key: Option<&[u8]>, value: &[u8], headers: &[Header]) -> BytesMut {
    let mut builder = BatchBuilder::new();
    builder.push(Timestamp(timestamp), key, Some(value), headers);
    finish(builder)
}

fn values_of(records: &Segments) -> Vec<String> {
    let bytes: Bytes = records.to_bytes().unwrap();
    let batches = BatchReader::new(bytes).map(Result::unwrap);
    let records = batches.flat_map(|batch| batch.records(1 << 20).unwrap().map(Result::unwrap));
    records.map(|record| String::from_utf8(record.value.unwrap().to_vec()).unwrap()).collect()
}

#[track_caller]
fn assert_error(code: i16, expected: ErrorCode) {
    assert_eq!(ErrorCode::from_code(code), Some(expected));
}
