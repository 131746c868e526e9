//! A small log in a simulated world, and short words for using it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use thalweg_env::simulated::{SimWorld, run};
use thalweg_env::{Disk, Env};
use thalweg_records::{BatchBuilder, BatchMut, BatchReader};
use thalweg_types::{Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};
use thalweg_types::{TopicId, TopicPartition};

use crate::{Log, LogError, LogOptions, Partition, PartitionConfig, ReadLimits, RecoveryReport};

pub(crate) const DIR: &str = "data";

pub(crate) fn id(partition: i32) -> TopicPartition {
    TopicPartition::new(TopicId::from_bytes([7; 16]), partition)
}

/// Small files, so that a short test rolls them often.
pub(crate) fn options(incarnation: u32) -> LogOptions {
    LogOptions {
        incarnation,
        wal_file_bytes: 64 << 10,
        chunk_bytes_max: 8 << 10,
        cache_bytes: 16 << 10,
        free_bytes_min: 0,
        ..LogOptions::new(DIR)
    }
}

pub(crate) fn open(env: &Env, incarnation: u32, partitions: i32) -> (Log, RecoveryReport) {
    try_open(env, incarnation, partitions).expect("the log opens")
}

pub(crate) fn try_open(
    env: &Env,
    incarnation: u32,
    partitions: i32,
) -> Result<(Log, RecoveryReport), LogError> {
    try_open_with(env, incarnation, partitions, |_| keep_all())
}

/// Nothing goes. The tests' timestamps are small numbers, long past any retention.
pub(crate) fn keep_all() -> PartitionConfig {
    PartitionConfig { retention: None, ..PartitionConfig::default() }
}

/// Opens the log with a configuration for each partition.
pub(crate) fn try_open_with(
    env: &Env,
    incarnation: u32,
    partitions: i32,
    config: impl Fn(i32) -> PartitionConfig,
) -> Result<(Log, RecoveryReport), LogError> {
    let live: BTreeMap<_, _> = (0..partitions).map(|n| (id(n), config(n))).collect();
    Log::open(env, options(incarnation), live)
}

/// Opens the log with one configuration for all partitions.
pub(crate) fn open_with(
    env: &Env,
    incarnation: u32,
    partitions: i32,
    config: &PartitionConfig,
) -> Log {
    try_open_with(env, incarnation, partitions, |_| config.clone()).expect("the log opens").0
}

/// The names of the log files with this extension.
pub(crate) fn files(world: &SimWorld, extension: &str) -> Vec<String> {
    let entries = world.disk().list(&Path::new(DIR).join("log")).expect("the log folder");
    let names = entries.into_iter().map(|entry| entry.name);
    names.filter(|name| name.ends_with(extension)).collect()
}

/// The log files of a closed log that hold nothing: those without an index.
pub(crate) fn made_in_advance(disk: &dyn Disk) -> Vec<PathBuf> {
    let dir = Path::new(DIR).join("log");
    let names = disk.list(&dir).expect("the log folder").into_iter();
    let paths: BTreeSet<PathBuf> = names.map(|entry| dir.join(entry.name)).collect();
    let indexed = |path: &PathBuf| paths.contains(&path.with_extension("index"));
    paths.iter().filter(|path| !indexed(path)).cloned().collect()
}

/// Bytes of the log files and their indexes.
pub(crate) fn used(world: &SimWorld) -> u64 {
    let entries = world.disk().list(&Path::new(DIR).join("log")).expect("the log folder");
    entries.iter().map(|entry| entry.len).sum()
}

/// A batch with one record for each of `values`, all created at `timestamp`.
pub(crate) fn batch_at(timestamp: Timestamp, values: &[u64], pad: usize) -> BatchMut {
    let mut builder = BatchBuilder::new();
    for value in values {
        builder.push(timestamp, None, Some(&padded(*value, pad)), &[]);
    }
    builder.build().expect("a batch")
}

fn padded(value: u64, pad: usize) -> Vec<u8> {
    let mut bytes = value.to_be_bytes().to_vec();
    bytes.resize(8 + pad, 0xab);
    bytes
}

/// Runs a scenario in the world of `seed`.
pub(crate) fn simulate<F: Future>(
    seed: u64,
    scenario: impl FnOnce(Env, SimWorld) -> F,
) -> F::Output {
    run(async {
        let (env, world) = SimWorld::new(seed);
        scenario(env, world).await
    })
    .expect("a runtime")
}

/// A batch with one record for each of `values`.
pub(crate) fn batch(values: &[u64], pad: usize) -> BatchMut {
    fill(BatchBuilder::new(), values, pad)
}

/// The same with a key each: the value modulo `keys`.
pub(crate) fn keyed_batch(values: &[u64], keys: u64, pad: usize) -> BatchMut {
    let mut builder = BatchBuilder::new();
    for value in values {
        let key = (value % keys).to_be_bytes();
        builder.push(Timestamp(*value as i64), Some(&key), Some(&padded(*value, pad)), &[]);
    }
    builder.build().expect("a batch")
}

pub(crate) fn idempotent(producer: i64, sequence: i32, values: &[u64]) -> BatchMut {
    let builder =
        BatchBuilder::new().producer(ProducerId(producer), ProducerEpoch(0), Sequence(sequence));
    fill(builder, values, 0)
}

fn fill(mut builder: BatchBuilder, values: &[u64], pad: usize) -> BatchMut {
    for value in values {
        builder.push(Timestamp(*value as i64), None, Some(&padded(*value, pad)), &[]);
    }
    builder.build().expect("a batch")
}

/// Appends and waits until it is durable.
pub(crate) async fn append(
    partition: &Arc<Partition>,
    batch: BatchMut,
) -> Result<Offset, crate::AppendError> {
    let appended = partition.append(batch)?;
    appended.ticket.wait().await?;
    Ok(appended.base_offset)
}

/// Every record from `from` to the high watermark: offset and value.
pub(crate) fn read_all(partition: &Partition, from: Offset) -> Result<Vec<(i64, u64)>, LogError> {
    let mut records = Vec::new();
    let mut next = from;
    let limits = ReadLimits { bytes_max: 5000, at_least_one: true, end: Offset(i64::MAX) };
    loop {
        let slice = partition.plan_read(next, limits)?.load()?;
        if slice.parts.is_empty() {
            return Ok(records);
        }
        for part in slice.parts {
            next = decode(part, from, &mut records);
        }
    }
}

fn decode(part: Bytes, from: Offset, records: &mut Vec<(i64, u64)>) -> Offset {
    let mut next = Offset::ZERO;
    for batch in BatchReader::new(part) {
        let batch = batch.expect("a whole batch");
        batch.verify_crc().expect("an intact batch");
        for record in batch.records(1 << 20).expect("records") {
            let record = record.expect("a record");
            let value = record.value.expect("a value");
            let value = u64::from_be_bytes(value[..8].try_into().expect("eight bytes"));
            if record.offset >= from {
                records.push((record.offset.0, value));
            }
        }
        next = batch.next_offset();
    }
    next
}
