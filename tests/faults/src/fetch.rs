//! Fetching: the records of a partition from an offset on, each byte of them checked.

use thalweg_checker::Value;
use thalweg_kafka_wire::messages::FetchRequest;
use thalweg_kafka_wire::messages::fetch_request::{FetchPartition, FetchTopic};
use thalweg_kafka_wire::messages::fetch_response::PartitionData;
use thalweg_kafka_wire::{ErrorCode, Segments};
use thalweg_records::{Batch, BatchReader};
use thalweg_types::{ProducerEpoch, ProducerId};

use crate::aborted::Aborted;
use crate::connection::Connection;
use crate::failure::Failure;
use crate::payload::{self, Source};

const BYTES_MAX: i32 = 1 << 20;
const DECOMPRESSED_MAX: usize = 16 << 20;

/// Which records of transactions a client wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// All there are.
    #[default]
    Uncommitted,
    /// Those of committed transactions.
    Committed,
}

impl Isolation {
    /// The number on the wire.
    pub fn level(self) -> i8 {
        match self {
            Self::Uncommitted => 0,
            Self::Committed => 1,
        }
    }
}

/// Who wrote a batch of a transaction, or whose transaction a marker ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The producer.
    pub producer: ProducerId,
    /// Its epoch.
    pub epoch: ProducerEpoch,
    /// It is a marker.
    pub is_marker: bool,
}

/// A record as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// Its offset.
    pub offset: i64,
    /// What it carries; nothing if it is not a record that this test wrote.
    pub value: Option<Value>,
    /// Of what it is a copy.
    pub source: Option<Source>,
}

/// What a fetch brought from one partition.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The partition.
    pub partition: i32,
    /// The broker's verdict.
    pub code: ErrorCode,
    /// Where the log starts and ends, as far as consumers may see.
    pub bounds: (i64, i64),
    /// What is before it has been decided.
    pub stable_end: i64,
    /// The records from the offset asked for.
    pub records: Vec<Read>,
    /// The offset after the last batch.
    pub next: i64,
    /// The batches of transactions and their markers.
    pub stamps: Vec<Stamp>,
}

/// Fetches from partitions of a topic, each from an offset of its own.
pub async fn fetch(
    connection: &mut Connection,
    topic: &str,
    from: &[(i32, i64)],
    wait_ms: i32,
    isolation: Isolation,
) -> Result<Vec<Fetched>, Failure> {
    let answers = fetch_raw(connection, topic, from, wait_ms, isolation).await?;
    answers.into_iter().map(|answer| decode(answer, from)).collect()
}

/// The same, without a look at the records.
pub async fn fetch_raw(
    connection: &mut Connection,
    topic: &str,
    from: &[(i32, i64)],
    wait_ms: i32,
    isolation: Isolation,
) -> Result<Vec<PartitionData>, Failure> {
    let partitions = from.iter().map(|(partition, offset)| FetchPartition {
        partition: *partition,
        fetch_offset: *offset,
        partition_max_bytes: BYTES_MAX,
        ..Default::default()
    });
    let request = FetchRequest {
        replica_id: -1,
        max_wait_ms: wait_ms,
        min_bytes: 1,
        max_bytes: 4 * BYTES_MAX,
        isolation_level: isolation.level(),
        session_id: 0,
        session_epoch: -1,
        topics: vec![FetchTopic {
            topic: topic.to_owned(),
            partitions: partitions.collect(),
            ..Default::default()
        }],
        ..Default::default()
    };
    let response = connection.call(&request).await?;
    Failure::check("Fetch", response.error_code)?;
    Ok(response.responses.into_iter().flat_map(|topic| topic.partitions).collect())
}

fn decode(answer: PartitionData, from: &[(i32, i64)]) -> Result<Fetched, Failure> {
    let partition = answer.partition_index;
    let asked = from.iter().find(|(other, _)| *other == partition).map_or(0, |(_, at)| *at);
    let mut fetched = Fetched {
        partition,
        code: ErrorCode::from_code(answer.error_code).unwrap_or(ErrorCode::UnknownServerError),
        bounds: (answer.log_start_offset, answer.high_watermark),
        stable_end: answer.last_stable_offset,
        records: Vec::new(),
        next: asked,
        stamps: Vec::new(),
    };
    let mut aborted = Aborted::new(answer.aborted_transactions.unwrap_or_default());
    read_batches(&answer.records.unwrap_or_default(), asked, &mut aborted, &mut fetched)?;
    Ok(fetched)
}

fn read_batches(
    records: &Segments,
    asked: i64,
    aborted: &mut Aborted,
    into: &mut Fetched,
) -> Result<(), Failure> {
    let bytes = records.to_bytes().map_err(Failure::Ended)?;
    for batch in BatchReader::new(bytes) {
        let batch = batch?;
        batch.verify_crc()?;
        into.stamps.extend(stamp_of(&batch));
        if aborted.shows(&batch)? {
            read_records(&batch, asked, into)?;
        }
        into.next = into.next.max(batch.next_offset().0);
    }
    Ok(())
}

fn read_records(batch: &Batch, asked: i64, into: &mut Fetched) -> Result<(), Failure> {
    for record in batch.records(DECOMPRESSED_MAX)? {
        let record = record?;
        if record.offset.0 >= asked {
            into.records.push(Read {
                offset: record.offset.0,
                value: payload::parse(&record),
                source: Source::of(&record),
            });
        }
    }
    Ok(())
}

fn stamp_of(batch: &Batch) -> Option<Stamp> {
    let header = batch.header();
    header.attributes.is_transactional().then(|| Stamp {
        producer: header.producer_id,
        epoch: header.producer_epoch,
        is_marker: header.attributes.is_control(),
    })
}
