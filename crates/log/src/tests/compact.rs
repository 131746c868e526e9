//! Compaction: the newest record of each key, whatever else happens.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use thalweg_env::simulated::{Crash, SimWorld};
use thalweg_records::{Batch, BatchBuilder, BatchMut};
use thalweg_types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};

use super::consumer::{Seen, batches, records, table};
use super::harness::{append, id, keep_all, open_with, simulate};
use crate::{Cleanup, Log, Partition, PartitionConfig, ReadLimits};

pub(super) const LATER: Duration = Duration::from_mins(2);
pub(super) const HOUR: Duration = Duration::from_hours(1);

pub(super) fn compacted() -> PartitionConfig {
    PartitionConfig {
        cleanup: Cleanup { delete: false, compact: true },
        delete_retention: HOUR,
        ..keep_all()
    }
}

/// A record to be: key and value; no value is a tombstone.
pub(super) type Change<'a> = (&'a str, Option<u64>);

pub(super) fn keyed(changes: &[Change<'_>]) -> BatchMut {
    build(BatchBuilder::new(), changes)
}

pub(super) fn build(mut builder: BatchBuilder, changes: &[Change<'_>]) -> BatchMut {
    for (key, value) in changes {
        let value = value.map(|value| {
            let mut bytes = value.to_be_bytes().to_vec();
            bytes.resize(700, 0xcd);
            bytes
        });
        builder.push(Timestamp(1000), Some(key.as_bytes()), value.as_deref(), &[]);
    }
    builder.build().expect("a batch")
}

/// Everything from the log start on, and the batches without records.
fn consume(partition: &Partition) -> (Vec<Seen>, Vec<(Offset, Sequence)>) {
    let (mut seen, mut empty) = (Vec::new(), Vec::new());
    for batch in batches(partition) {
        if batch.header().count == 0 {
            empty.push((batch.header().last_offset(), batch.header().last_sequence()));
        }
        seen.extend(records(&batch, Offset::ZERO));
    }
    (seen, empty)
}

/// Rolls several files of changes over `keys` keys; returns the table.
pub(super) async fn churn(
    partition: &Arc<Partition>,
    keys: u64,
    values: std::ops::Range<u64>,
) -> BTreeMap<String, u64> {
    let mut table = BTreeMap::new();
    for value in values {
        let key = format!("k{}", value % keys);
        append(partition, keyed(&[(&key, Some(value))])).await.expect("append");
        table.insert(key, value);
    }
    table
}

pub(super) fn passes(log: &Log) -> u64 {
    log.metrics().compactions.load(Relaxed)
}

#[test]
fn the_newest_record_of_each_key_stays_at_its_offset() {
    simulate(1, |env, world: SimWorld| async move {
        let log = open_with(&env, 0, 1, &compacted());
        let partition = log.partition(id(0)).expect("partition");
        let expected = churn(&partition, 7, 0..400).await;
        let before = partition.bytes();
        env.sleep(LATER).await;
        assert!(passes(&log) > 0);
        assert!(partition.bytes() < before * 3 / 4, "{} of {before}", partition.bytes());
        let (seen, _) = consume(&partition);
        assert_eq!(table(&seen), expected);
        assert!(seen.windows(2).all(|pair| pair[0].offset < pair[1].offset));
        assert!(seen.iter().all(|record| record.value == Some(record.offset as u64)));
        world.crash(Crash::PowerCut);
        drop(log);
        let env = world.restart();
        let log = open_with(&env, 1, 1, &compacted());
        let partition = log.partition(id(0)).expect("partition");
        assert_eq!(table(&consume(&partition).0), expected);
        let ends = partition.end_of_epoch(LeaderEpoch(0));
        assert_eq!(ends, Some((LeaderEpoch(0), Offset(400))), "epochs do not depend on records");
        assert_eq!(append(&partition, keyed(&[("k", None)])).await.expect("append"), Offset(400));
    });
}

#[test]
fn rule_49_a_tombstone_stays_for_its_time_and_goes_in_a_later_pass() {
    simulate(2, |env, _world| async move {
        let log = open_with(&env, 0, 1, &compacted());
        let partition = log.partition(id(0)).expect("partition");
        append(&partition, keyed(&[("gone", Some(1))])).await.expect("append");
        append(&partition, keyed(&[("gone", None), ("stays", Some(2))])).await.expect("append");
        churn(&partition, 5, 0..300).await;
        env.sleep(LATER).await;
        let marked =
            |seen: &[Seen]| seen.iter().filter(|r| r.key.as_deref() == Some("gone")).count();
        let (seen, _) = consume(&partition);
        assert_eq!(marked(&seen), 1, "the value went, the tombstone stays");
        churn(&partition, 5, 300..600).await;
        env.sleep(LATER).await;
        assert_eq!(marked(&consume(&partition).0), 1, "not before its horizon");
        env.sleep(HOUR).await;
        churn(&partition, 5, 600..1200).await;
        env.sleep(LATER).await;
        let (seen, _) = consume(&partition);
        assert_eq!(marked(&seen), 0);
        assert_eq!(table(&seen).get("stays"), Some(&2));
    });
}

#[test]
fn rule_14_the_last_batch_of_a_producer_stays_without_its_records() {
    simulate(3, |env, _world| async move {
        let log = open_with(&env, 0, 1, &compacted());
        let partition = log.partition(id(0)).expect("partition");
        for sequence in 0..3 {
            let builder =
                BatchBuilder::new().producer(ProducerId(4), ProducerEpoch(0), Sequence(sequence));
            let batch = build(builder, &[("k1", Some(7))]);
            append(&partition, batch).await.expect("append");
        }
        churn(&partition, 5, 0..300).await;
        env.sleep(LATER).await;
        let (_, empty) = consume(&partition);
        assert_eq!(empty, [(Offset(2), Sequence(2))]);
        let largest = partition.find_max_timestamp().expect("find").expect("a record");
        assert_eq!(largest.timestamp, Timestamp(1000));
    });
}

#[test]
fn keyless_records_and_what_is_younger_than_the_lag_stay() {
    simulate(4, |env, _world| async move {
        let config = PartitionConfig { compaction_lag_min: HOUR, ..compacted() };
        let log = open_with(&env, 0, 1, &config);
        let partition = log.partition(id(0)).expect("partition");
        let keyless = super::harness::batch_at(env.wall(), &[99], 0);
        append(&partition, keyless).await.expect("append");
        for value in 0..300u64 {
            let mut builder = BatchBuilder::new();
            builder.push(env.wall(), Some(b"k"), Some(&[value as u8; 700]), &[]);
            append(&partition, builder.build().expect("batch")).await.expect("append");
        }
        env.sleep(LATER).await;
        assert_eq!(passes(&log), 0, "everything is too young");
        env.sleep(HOUR).await;
        assert!(passes(&log) > 0);
        let (seen, _) = consume(&partition);
        assert_eq!(seen[0], Seen { offset: 0, key: None, value: Some(99) });
        assert!(seen.len() < 200, "{}", seen.len());
    });
}

#[test]
fn with_little_memory_a_pass_takes_a_prefix_and_the_next_goes_on() {
    simulate(5, |env, _world| async move {
        let options = crate::LogOptions { compaction_keys_max: 20, ..super::harness::options(0) };
        let live = [(id(0), compacted())].into_iter().collect();
        let (log, _) = Log::open(&env, options, live).expect("opens");
        let partition = log.partition(id(0)).expect("partition");
        let expected = churn(&partition, 50, 0..600).await;
        env.sleep(LATER).await;
        assert!(passes(&log) > 1);
        assert_eq!(table(&consume(&partition).0), expected);
    });
}

#[test]
fn compacted_and_deleted_by_age_at_once() {
    simulate(6, |env, _world| async move {
        let cleanup = Cleanup { delete: true, compact: true };
        let config = PartitionConfig { cleanup, retention_bytes: Some(1), ..compacted() };
        let log = open_with(&env, 0, 1, &config);
        let partition = log.partition(id(0)).expect("partition");
        churn(&partition, 5, 0..300).await;
        env.sleep(LATER).await;
        assert!(partition.watermarks().log_start > Offset(200));
    });
}

#[test]
fn a_batch_that_cannot_be_read_stays_and_hides_nothing_else() {
    simulate(7, |env, world: SimWorld| async move {
        let log = open_with(&env, 0, 1, &compacted());
        let partition = log.partition(id(0)).expect("partition");
        append(&partition, keyed(&[("broken", Some(1))])).await.expect("append");
        let first = std::path::Path::new(super::harness::DIR)
            .join("log")
            .join(&super::harness::files(&world, ".wal")[0]);
        world.disk().flip(&first, (4096 * 2 + 300) * 8).expect("flip");
        let expected = churn(&partition, 7, 0..400).await;
        env.sleep(LATER).await;
        assert!(passes(&log) > 0);
        let limits = ReadLimits { bytes_max: 1, at_least_one: true, end: Offset(i64::MAX) };
        assert!(partition.plan_read(Offset(0), limits).expect("plan").load().is_err());
        partition.trim(Offset(1)).expect("trim").wait().await.expect("durable");
        assert_eq!(table(&consume(&partition).0), expected);
    });
}

/// A batch whose checksum is right, and whose only record is none.
fn undecodable() -> BatchMut {
    let batch = keyed(&[("a", Some(1))]);
    let mut bytes = bytes::BytesMut::from(batch.as_bytes());
    let records = thalweg_records::HEADER_LEN;
    bytes[records..records + 4].fill(0xff);
    let crc = crate::format::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    BatchMut::from_client(bytes, 1 << 20).expect("a header and a checksum")
}

#[test]
fn what_does_not_decode_is_reported_and_what_may_depend_on_it_stays() {
    simulate(8, |env, _world| async move {
        let log = open_with(&env, 0, 1, &compacted());
        let partition = log.partition(id(0)).expect("partition");
        append(&partition, undecodable()).await.expect("append");
        append(&partition, keyed(&[("a", None)])).await.expect("append");
        for _ in 0..3 {
            churn(&partition, 5, 0..300).await;
            env.sleep(2 * HOUR).await;
        }
        let metrics = log.metrics();
        assert_eq!(metrics.compaction_unreadable.load(Relaxed), 1);
        assert!(metrics.compaction_dropped_records.load(Relaxed) > 500);
        let all = batches(&partition);
        assert!(all[0].records(1 << 20).expect("no codec").next().expect("one").is_err());
        assert_eq!(records(&all[1], Offset(0))[0].value, None, "the tombstone stays");
        // Later passes do not note it again, and still know.
        let later = append(&partition, keyed(&[("a", None)])).await.expect("append");
        for _ in 0..3 {
            churn(&partition, 5, 0..300).await;
            env.sleep(2 * HOUR).await;
        }
        let stays = |batch: &Batch| batch.header().base_offset == later;
        assert!(batches(&partition).iter().any(stays), "this one, too");
    });
}

#[test]
fn crashes_in_the_middle_of_passes_leave_the_table_as_it_was() {
    for seed in 100..115 {
        simulate(seed, |env, world: SimWorld| async move {
            let mut random = world.fork_random();
            let log = open_with(&env, 0, 1, &compacted());
            let partition = log.partition(id(0)).expect("partition");
            let expected = churn(&partition, 9, 0..300).await;
            let crash = if random.bool() { Crash::Kill } else { Crash::PowerCut };
            world.disk().crash_at(random.u64(1..200), crash);
            let _ = env.timeout(LATER, world.down()).await;
            drop((log, partition));
            world.disk().clear_faults();
            let env = world.restart();
            let log = open_with(&env, 1, 1, &compacted());
            let partition = log.partition(id(0)).expect("partition");
            assert_eq!(table(&consume(&partition).0), expected, "seed {seed}");
            env.sleep(LATER).await;
            assert_eq!(table(&consume(&partition).0), expected, "seed {seed}, later");
        });
    }
}
