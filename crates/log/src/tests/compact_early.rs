//! Compaction gets the log files that it waits for, and the others stay whole.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use thalweg_env::Env;
use thalweg_types::Offset;

use super::compact::{HOUR, churn, compacted, passes};
use super::consumer::{batches, records, table};
use super::harness::{id, options, simulate};
use crate::{Log, LogOptions, Partition, PartitionConfig};

pub(super) const SOON: Duration = Duration::from_secs(20);

/// A log whose files these tests do not fill.
pub(super) fn roomy(env: &Env, config: &PartitionConfig) -> (Log, Arc<Partition>) {
    let options = LogOptions { wal_file_bytes: 16 << 20, ..options(0) };
    let live = [(id(0), config.clone())].into_iter().collect();
    let (log, _) = Log::open(env, options, live).expect("opens");
    let partition = log.partition(id(0)).expect("partition");
    (log, partition)
}

fn early(log: &Log) -> u64 {
    log.metrics().early_rolls.load(Relaxed)
}

fn count(partition: &Partition) -> usize {
    batches(partition).iter().map(|batch| records(batch, Offset::ZERO).len()).sum()
}

/// Overwrites five keys ten times; they are compacted soon, without filling a file.
fn is_compacted_soon(seed: u64, config: &PartitionConfig) {
    simulate(seed, |env, _world| async move {
        let (log, partition) = roomy(&env, config);
        let expected = churn(&partition, 5, 0..50).await;
        env.sleep(SOON).await;
        assert_eq!(early(&log), 1);
        assert_eq!(passes(&log), 1);
        assert_eq!(log.metrics().compaction_dropped_records.load(Relaxed), 45);
        assert_eq!(log.metrics().compaction_dirty_bytes.load(Relaxed), 0);
        assert_eq!(log.metrics().compaction_overdue_ms.load(Relaxed), 0);
        assert_eq!(count(&partition), 5);
        let left = batches(&partition);
        let left: Vec<_> = left.iter().flat_map(|batch| records(batch, Offset(0))).collect();
        assert_eq!(table(&left), expected);
    });
}

#[test]
fn rule_48_what_waits_longer_than_the_max_lag_is_compacted_before_its_file_is_full() {
    let lag = Some(Duration::from_millis(100));
    is_compacted_soon(1, &PartitionConfig { compaction_lag_max: lag, ..compacted() });
}

#[test]
fn rule_47_what_would_be_a_segment_is_compacted_before_its_file_is_full() {
    let age = Duration::from_millis(500);
    is_compacted_soon(2, &PartitionConfig { segment_age: age, ..compacted() });
    is_compacted_soon(3, &PartitionConfig { segment_bytes: 20_000, ..compacted() });
}

#[test]
fn rule_48_what_is_not_due_ends_no_file() {
    let age = Duration::from_millis(500);
    let rolled = PartitionConfig { segment_age: age, ..compacted() };
    let plain = PartitionConfig { segment_age: age, ..super::harness::keep_all() };
    let later = PartitionConfig { compaction_lag_max: Some(HOUR), ..compacted() };
    for config in [compacted(), plain, later] {
        simulate(4, |env, _world| async move {
            let (log, partition) = roomy(&env, &config);
            churn(&partition, 5, 0..50).await;
            env.sleep(2 * SOON).await;
            assert_eq!(early(&log), 0, "{config:?}");
        });
    }
    // Little is dirty.
    simulate(5, |env, _world| async move {
        let (log, partition) = roomy(&env, &rolled);
        churn(&partition, 500, 0..500).await;
        env.sleep(SOON).await;
        churn(&partition, 5, 0..5).await;
        env.sleep(2 * SOON).await;
        assert_eq!(early(&log), 1, "of 500 records, 5 are dirty");
        assert!(log.metrics().compaction_dirty_bytes.load(Relaxed) > 0);
    });
}

#[test]
fn rule_48_the_min_lag_holds_back_what_is_younger() {
    simulate(6, |env, _world| async move {
        let config = PartitionConfig {
            segment_age: Duration::from_millis(500),
            compaction_lag_min: HOUR,
            ..compacted()
        };
        let (log, partition) = roomy(&env, &config);
        for value in 0..50u64 {
            let mut builder = thalweg_records::BatchBuilder::new();
            builder.push(env.wall(), Some(b"k"), Some(&value.to_be_bytes()), &[]);
            let batch = builder.build().expect("a batch");
            super::harness::append(&partition, batch).await.expect("append");
        }
        env.sleep(HOUR / 2).await;
        assert_eq!((early(&log), count(&partition)), (0, 50));
        env.sleep(HOUR / 2 + SOON).await;
        assert_eq!((early(&log), count(&partition)), (1, 1));
    });
}

/// How many files end early in a good minute in which a record comes every tenth of a second.
fn early_in_a_minute(seed: u64, config: &PartitionConfig) -> u64 {
    simulate(seed, |env, _world| async move {
        let live = [(id(0), config.clone())].into_iter().collect();
        // It looks much more often than it may act.
        let background_interval = Duration::from_millis(200);
        let options = LogOptions { background_interval, wal_file_bytes: 16 << 20, ..options(0) };
        let (log, _) = Log::open(&env, options, live).expect("opens");
        let partition = log.partition(id(0)).expect("partition");
        for round in 0..600 {
            churn(&partition, 5, round * 5..round * 5 + 1).await;
            env.sleep(Duration::from_millis(100)).await;
        }
        early(&log)
    })
}

#[test]
fn files_do_not_end_early_more_often_than_every_few_seconds() {
    let lag = Some(Duration::from_millis(100));
    let overdue = PartitionConfig { compaction_lag_max: lag, ..compacted() };
    let overdue = early_in_a_minute(7, &overdue);
    assert!((10..=14).contains(&overdue), "{overdue}");
    let small = PartitionConfig { segment_age: Duration::from_millis(500), ..compacted() };
    let small = early_in_a_minute(7, &PartitionConfig { dirty_percent_min: 1, ..small });
    assert!((5..=7).contains(&small), "{small}");
}

#[test]
fn an_open_transaction_ends_no_files() {
    simulate(8, |env, _world| async move {
        let lag = Some(Duration::from_millis(100));
        let config = PartitionConfig { compaction_lag_max: lag, ..compacted() };
        let (log, partition) = roomy(&env, &config);
        let open = super::compact_transactions::txn(1, 0, 0, &[("k", Some(1))]);
        super::transactions::write(&partition, open).await;
        churn(&partition, 5, 0..50).await;
        env.sleep(2 * SOON).await;
        assert_eq!((early(&log), passes(&log)), (0, 0));
        assert!(log.metrics().compaction_overdue_ms.load(Relaxed) > 10_000);
    });
}
