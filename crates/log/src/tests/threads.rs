//! The real machine: writer, background worker, producers, readers and retention on threads of their
//! own. What the simulation runs one after the other happens at once here.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use thalweg_env::Env;
use thalweg_types::{LeaderEpoch, Offset};

use super::harness::{append, batch, id, keep_all, keyed_batch, read_all};
use crate::{Cleanup, Log, LogError, LogOptions, Partition, PartitionConfig, is_gone, verify};

const PARTITIONS: i32 = 6;
const COMPACTED: i32 = 5;
const BATCHES: u64 = 150;

/// A folder that goes with the test.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn options(dir: &Scratch, incarnation: u32) -> LogOptions {
    LogOptions {
        incarnation,
        wal_file_bytes: 128 << 10,
        chunk_bytes_max: 32 << 10,
        free_bytes_min: 0,
        background_interval: Duration::from_millis(20),
        open_files_max: 4,
        scattered_files: 3,
        ..LogOptions::new(&dir.0)
    }
}

fn live() -> BTreeMap<thalweg_types::TopicPartition, PartitionConfig> {
    let compact = Cleanup { delete: false, compact: true };
    let config = |n| match n {
        COMPACTED => PartitionConfig { cleanup: compact, ..keep_all() },
        _ => keep_all(),
    };
    (0..PARTITIONS).map(|n| (id(n), config(n))).collect()
}

async fn produce(partition: Arc<Partition>, n: i32) {
    for value in 0..BATCHES {
        let batch = match n {
            COMPACTED => keyed_batch(&[value], 7, 900),
            _ => batch(&[value], 900),
        };
        append(&partition, batch).await.expect("append");
    }
}

/// Reads everything; starts over while files are replaced under it.
fn read(partition: &Partition) -> Vec<(i64, u64)> {
    loop {
        match read_all(partition, Offset::ZERO) {
            Ok(records) => return records,
            Err(error) => assert!(is_gone(&error), "{error}"),
        }
    }
}

async fn read_along(env: Env, partition: Arc<Partition>, n: i32) {
    let mut seen = 0;
    while seen < BATCHES {
        let partition = partition.clone();
        let records = env.blocking(move || read(&partition)).await;
        assert!(records.is_sorted_by_key(|(offset, _)| *offset));
        seen = records.last().map_or(0, |(offset, _)| *offset as u64 + 1);
        assert!(n == COMPACTED || records.len() as u64 == seen, "{n}: a gap");
    }
}

async fn scenario(dir: Scratch) -> Result<(), LogError> {
    let env = Env::real();
    let (log, _) = Log::open(&env, options(&dir, 0), live())?;
    let mut tasks = Vec::new();
    for n in 0..PARTITIONS {
        let partition = log.partition(id(n)).expect("partition");
        tasks.push(env.spawn("produce", produce(partition.clone(), n)));
        tasks.push(env.spawn("read", read_along(env.clone(), partition, n)));
    }
    for task in tasks {
        task.join().await;
    }
    // Whatever is worth doing is done before the check of what it did.
    while log.metrics().rewrites.load(Relaxed) == 0 || log.metrics().compactions.load(Relaxed) == 0
    {
        env.sleep(Duration::from_millis(5)).await;
    }
    log.close().await;
    let found = verify(env.disk(), &dir.0)?;
    assert_eq!(found.damage, []);
    let (log, report) = Log::open(&env, options(&dir, 1), live())?;
    assert_eq!(report.damage, []);
    for n in 0..PARTITIONS {
        let partition = log.partition(id(n)).expect("partition");
        let records = read(&partition);
        assert_eq!(records.last(), Some(&(BATCHES as i64 - 1, BATCHES - 1)));
        assert!(n == COMPACTED || records.len() as u64 == BATCHES);
        let end = partition.end_of_epoch(LeaderEpoch(0));
        assert_eq!(end, Some((LeaderEpoch(0), Offset(BATCHES as i64))));
    }
    log.close().await;
    Ok(())
}

#[test]
fn everything_at_once_on_real_threads() {
    let name = format!("thalweg-log-{}-threads", std::process::id());
    let dir = Scratch(std::env::temp_dir().join(name));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build();
    runtime.expect("a runtime").block_on(scenario(dir)).expect("no error");
}
