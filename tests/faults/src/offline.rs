//! Reading a data directory without a process around it: thousands of openings a minute.

use std::net::Ipv4Addr;
use std::path::Path;

use thalweg_broker::{
    Broker, BrokerOptions, FetchPartition, FetchRequest, Isolation, ListOffset, OffsetSpec,
    Session, TopicKey,
};
use thalweg_env::Env;
use thalweg_records::BatchReader;
use thalweg_types::{LeaderEpoch, Offset};

use crate::contents::{Contents, Served};
use crate::failure::Failure;
use crate::stage::{READ_ONLY, SMALL_FILES};

const BYTES_MAX: usize = 1 << 20;

/// Opens the directory, reads everything, and closes it.
pub async fn read(data_dir: &Path) -> Result<Contents, Failure> {
    let mut options = BrokerOptions::new(data_dir);
    for setting in SMALL_FILES.into_iter().chain([READ_ONLY]) {
        let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
        options = options.set(name, value);
    }
    let refused = |error| Failure::Other(format!("the directory does not open: {error}"));
    let (broker, _) = Broker::open(&Env::real(), options).await.map_err(refused)?;
    let contents = read_all(&broker).await;
    broker.close().await;
    contents
}

async fn read_all(broker: &Broker) -> Result<Contents, Failure> {
    let mut contents = Contents::default();
    for topic in broker.table().topics() {
        for partition in 0..topic.partition_count() {
            let name = topic.name().to_string();
            let served = read_partition(broker, &name, partition).await?;
            contents.0.insert((name, partition), served);
        }
    }
    Ok(contents)
}

/// Who reads, to the broker.
fn session() -> Session {
    Session::anonymous("faults", Ipv4Addr::LOCALHOST.into(), "PLAINTEXT")
}

async fn read_partition(broker: &Broker, topic: &str, partition: i32) -> Result<Served, Failure> {
    let start = bound(broker, topic, partition, OffsetSpec::Earliest).await?;
    let end = bound(broker, topic, partition, OffsetSpec::Latest).await?;
    let mut served = Served { start, end, ..Served::default() };
    let mut position = start;
    while position < end {
        let request = FetchRequest {
            partitions: vec![FetchPartition {
                topic: TopicKey::Name(topic),
                partition,
                offset: Offset(position),
                bytes_max: BYTES_MAX,
                current_leader_epoch: LeaderEpoch::NONE,
                last_fetched_epoch: LeaderEpoch::NONE,
            }],
            bytes_min: 0,
            bytes_max: BYTES_MAX,
            wait_max: std::time::Duration::ZERO,
            isolation: Isolation::ReadUncommitted,
        };
        let response = broker.fetch(&session(), &request).await;
        let Some(Ok(fetched)) = response.partitions.into_iter().next() else {
            // One offset further another batch may begin.
            served.add_hole(position, position + 1);
            position += 1;
            continue;
        };
        let mut next = position;
        for batch in fetched.records.parts.into_iter().flat_map(BatchReader::new) {
            let batch = batch?;
            served.add(&batch)?;
            next = next.max(batch.next_offset().0);
        }
        if next == position {
            return Err(Failure::Other(format!("{topic}-{partition} has nothing at {position}")));
        }
        position = next;
    }
    Ok(served)
}

async fn bound(
    broker: &Broker,
    topic: &str,
    partition: i32,
    spec: OffsetSpec,
) -> Result<i64, Failure> {
    let asked = ListOffset {
        topic: TopicKey::Name(topic),
        partition,
        spec,
        isolation: Isolation::ReadUncommitted,
        current_leader_epoch: LeaderEpoch::NONE,
    };
    let listed = broker.list_offset(&session(), asked).await;
    let listed = listed.map_err(|error| Failure::Other(format!("{topic}-{partition}: {error}")))?;
    Ok(listed.offset.0)
}
