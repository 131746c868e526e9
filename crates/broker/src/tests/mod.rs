//! The broker end to end, in simulated worlds.

mod acls;
mod groups;
mod metadata;
mod real;
mod records;
mod trouble;

use std::collections::BTreeMap;
use std::future::Future;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use thalweg_env::Env;
use thalweg_env::simulated::{SimWorld, run};
use thalweg_records::{BatchBuilder, BatchReader};
use thalweg_types::{LeaderEpoch, Offset, Timestamp};

use crate::{
    AppendOptions, Appended, Broker, BrokerError, BrokerOptions, FetchPartition, FetchRequest,
    FetchResponse, Isolation, NewTopic, Session, TopicKey,
};

/// Runs `scenario` in a world of its own.
fn simulate<F: Future<Output = ()>>(seed: u64, scenario: impl FnOnce(Env, SimWorld) -> F) {
    run(async move {
        let (env, world) = SimWorld::new(seed);
        scenario(env, world).await;
    })
    .unwrap();
}

fn options() -> BrokerOptions {
    BrokerOptions::new("/data")
        .set("wal.file.bytes", "1048576")
        .set("disk.free.min.bytes", "0")
        .set("offsets.topic.num.partitions", "3")
        .set("group.initial.rebalance.delay.ms", "0")
}

async fn open(env: &Env) -> Broker {
    Broker::open(env, options()).await.unwrap().0
}

/// A process that ends in good order, and the one after it.
async fn restart(broker: Broker, world: &SimWorld) -> Broker {
    broker.close().await;
    drop(broker);
    open(&world.restart()).await
}

fn session() -> Session {
    Session::anonymous("client", Ipv4Addr::LOCALHOST.into(), "PLAINTEXT")
}

fn new_topic(name: &str, partitions: i32, configs: &[(&str, &str)]) -> NewTopic {
    let setting = |(name, value): &(&str, &str)| ((*name).to_owned(), Some((*value).to_owned()));
    NewTopic {
        name: name.to_owned(),
        partitions,
        replication_factor: 1,
        assignments: Vec::new(),
        configs: configs.iter().map(setting).collect::<BTreeMap<_, _>>(),
    }
}

async fn create(broker: &Broker, name: &str, partitions: i32, configs: &[(&str, &str)]) {
    let topics = vec![new_topic(name, partitions, configs)];
    for outcome in broker.create_topics(&session(), topics, false).await.unwrap() {
        outcome.unwrap();
    }
}

/// A batch with these values, as a client sends it.
fn batch(values: &[&str]) -> BytesMut {
    build(BatchBuilder::new(), values)
}

fn build(mut builder: BatchBuilder, values: &[&str]) -> BytesMut {
    for value in values {
        builder.push(Timestamp(1_767_225_600_000), Some(b"key"), Some(value.as_bytes()), &[]);
    }
    BytesMut::from(builder.build().unwrap().as_bytes())
}

async fn append(
    broker: &Broker,
    topic: &str,
    partition: i32,
    records: BytesMut,
) -> Result<Appended, BrokerError> {
    let options = AppendOptions::default();
    broker.append(&session(), TopicKey::Name(topic), partition, records, &options).await
}

/// Appends and waits; returns the base offset.
async fn produce(
    broker: &Broker,
    topic: &str,
    partition: i32,
    values: &[&str],
) -> Result<i64, BrokerError> {
    let appended = append(broker, topic, partition, batch(values)).await?;
    appended.durable.wait().await?;
    Ok(appended.base_offset.0)
}

fn partition(topic: &str, partition: i32, offset: i64) -> FetchPartition<'_> {
    FetchPartition {
        topic: TopicKey::Name(topic),
        partition,
        offset: Offset(offset),
        bytes_max: 1 << 20,
        current_leader_epoch: LeaderEpoch::NONE,
        last_fetched_epoch: LeaderEpoch::NONE,
    }
}

async fn fetch(
    broker: &Broker,
    partitions: Vec<FetchPartition<'_>>,
    wait_max: Duration,
) -> FetchResponse {
    let request = FetchRequest {
        partitions,
        bytes_min: 1,
        bytes_max: 1 << 20,
        wait_max,
        isolation: Isolation::ReadUncommitted,
    };
    broker.fetch(&session(), &request).await
}

/// The values of a partition from `offset` on.
async fn values(broker: &Broker, topic: &str, number: i32, offset: i64) -> Vec<String> {
    let response = fetch(broker, vec![partition(topic, number, offset)], Duration::ZERO).await;
    let fetched = response.partitions.into_iter().next().unwrap().unwrap();
    let all = fetched.records.parts.into_iter().flat_map(values_of);
    all.collect()
}

fn values_of(part: Bytes) -> Vec<String> {
    let batches = BatchReader::new(part).map(Result::unwrap);
    let records = batches.flat_map(|batch| batch.records(1 << 20).unwrap().map(Result::unwrap));
    records.map(|record| String::from_utf8(record.value.unwrap().to_vec()).unwrap()).collect()
}

fn text(text: &str) -> Arc<str> {
    text.into()
}
