//! Compaction of transactions: what ended, how, and what still tells of it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use thalweg_env::Env;
use thalweg_env::simulated::{Failure, Operation, SimWorld};
use thalweg_records::{BatchBuilder, BatchMut};
use thalweg_types::{Offset, ProducerEpoch, ProducerId, Sequence, TxnOutcome};

use super::compact::{Change, HOUR, LATER, build, churn, compacted, keyed, passes};
use super::compact_early::{SOON, roomy};
use super::consumer::{batches, committed, marker as outcome_of, records, table};
use super::harness::{DIR, append, files, id, open_with, simulate};
use super::transactions::{end, marker, write};
use crate::{Log, Partition, PartitionConfig};

/// A batch of a transaction.
pub(super) fn txn(producer: i64, epoch: i16, sequence: i32, changes: &[Change<'_>]) -> BatchMut {
    let (producer, epoch) = (ProducerId(producer), ProducerEpoch(epoch));
    let builder = BatchBuilder::new().producer(producer, epoch, Sequence(sequence));
    build(builder.transactional(), changes)
}

/// A log that compacts what was written when it is asked for a pass, and not before.
fn open(env: &Env) -> (Log, Arc<Partition>) {
    let lag = Some(Duration::from_secs(1));
    roomy(env, &PartitionConfig { compaction_lag_max: lag, ..compacted() })
}

/// Lets one pass take everything that was written so far.
async fn pass(env: &Env, log: &Log, partition: &Arc<Partition>) {
    let before = passes(log);
    append(partition, keyed(&[("filler", Some(0))])).await.expect("append");
    env.sleep(SOON).await;
    assert_eq!(passes(log), before + 1);
}

/// The values of `key` that are in the log, committed or not.
fn values(partition: &Partition, key: &str) -> Vec<Option<u64>> {
    let all = batches(partition).into_iter().flat_map(|batch| records(&batch, Offset::ZERO));
    all.filter(|seen| seen.key.as_deref() == Some(key)).map(|seen| seen.value).collect()
}

fn markers(partition: &Partition) -> BTreeSet<Offset> {
    let markers = batches(partition).into_iter().filter(|batch| outcome_of(batch).is_some());
    markers.map(|batch| batch.header().base_offset).collect()
}

fn aborted(partition: &Partition) -> Vec<Offset> {
    let all = partition.aborted_transactions(Offset::ZERO, Offset(i64::MAX));
    all.iter().map(|aborted| aborted.last_offset).collect()
}

#[test]
fn rule_48_a_pass_stops_at_the_last_stable_offset() {
    simulate(1, |env, _world| async move {
        let log = open_with(&env, 0, 1, &compacted());
        let partition = log.partition(id(0)).expect("partition");
        churn(&partition, 5, 0..100).await;
        let first = write(&partition, txn(1, 0, 0, &[("k1", Some(1000))])).await;
        churn(&partition, 5, 0..200).await;
        env.sleep(LATER).await;
        assert!(passes(&log) > 0, "what is stable is compacted");
        let offsets: Vec<i64> = {
            let all = batches(&partition).into_iter();
            all.flat_map(|batch| records(&batch, first)).map(|seen| seen.offset).collect()
        };
        assert_eq!(offsets, (first.0..first.0 + 201).collect::<Vec<_>>());
        end(&partition, marker(1, 1, TxnOutcome::Abort)).await;
        churn(&partition, 5, 0..100).await;
        env.sleep(LATER).await;
        assert!(values(&partition, "k1").iter().all(|value| *value != Some(1000)));
    });
}

#[test]
fn rule_49_a_tombstone_outlives_what_it_deletes_in_a_transaction() {
    simulate(2, |env, _world| async move {
        let (log, partition) = open(&env);
        write(&partition, txn(1, 0, 0, &[("gone", Some(1)), ("stays", Some(2))])).await;
        end(&partition, marker(1, 1, TxnOutcome::Commit)).await;
        write(&partition, txn(1, 1, 0, &[("gone", None)])).await;
        end(&partition, marker(1, 2, TxnOutcome::Commit)).await;
        pass(&env, &log, &partition).await;
        assert_eq!(values(&partition, "gone"), [None]);
        env.sleep(HOUR).await;
        pass(&env, &log, &partition).await;
        assert_eq!(values(&partition, "gone"), []);
        assert_eq!(table(&committed(&partition, Offset(0), 1000)).get("stays"), Some(&2));
    });
}

#[test]
fn rule_49_aborted_records_go_and_replace_nothing() {
    simulate(3, |env, _world| async move {
        let (log, partition) = open(&env);
        append(&partition, keyed(&[("a", Some(1)), ("b", Some(1))])).await.expect("append");
        write(&partition, txn(1, 0, 0, &[("a", Some(2)), ("b", None), ("c", Some(2))])).await;
        end(&partition, marker(1, 1, TxnOutcome::Abort)).await;
        // The producer goes on, and this time it counts.
        write(&partition, txn(1, 1, 0, &[("d", Some(3))])).await;
        end(&partition, marker(1, 2, TxnOutcome::Commit)).await;
        pass(&env, &log, &partition).await;
        let of = |key| values(&partition, key);
        assert_eq!([of("a"), of("b"), of("c")], [vec![Some(1)], vec![Some(1)], vec![]]);
        assert_eq!(of("d"), [Some(3)]);
    });
}

/// When the marker of a transaction goes whose records are gone. Another transaction of the producer follows.
fn a_marker_goes_late(seed: u64, outcome: TxnOutcome) {
    simulate(seed, |env, _world| async move {
        let (log, partition) = open(&env);
        write(&partition, txn(1, 0, 0, &[("a", Some(1))])).await;
        let ended = end(&partition, marker(1, 1, outcome)).await;
        append(&partition, keyed(&[("a", Some(2))])).await.expect("append");
        write(&partition, txn(1, 1, 0, &[("b", Some(3))])).await;
        let last = end(&partition, marker(1, 2, TxnOutcome::Commit)).await;
        let expected: Vec<Offset> =
            (outcome == TxnOutcome::Abort).then_some(ended).into_iter().collect();

        // The first pass finds records, and takes them; no time is enough for the marker.
        pass(&env, &log, &partition).await;
        assert_eq!(values(&partition, "a"), [Some(2)]);
        env.sleep(2 * HOUR).await;
        // The second finds none.
        pass(&env, &log, &partition).await;
        assert_eq!(markers(&partition), [ended, last].into());
        pass(&env, &log, &partition).await;
        assert_eq!(markers(&partition), [ended, last].into(), "not before its horizon");
        assert_eq!(aborted(&partition), expected);
        let before = partition.transactions_forgotten();
        env.sleep(HOUR).await;
        pass(&env, &log, &partition).await;
        assert_eq!(markers(&partition), [last].into(), "its records are there");
        assert_eq!(aborted(&partition), []);
        assert_eq!(partition.transactions_forgotten() - before, expected.len() as u64);
    });
}

#[test]
fn rule_49_a_marker_goes_once_its_records_are_gone_and_its_horizon_has_passed() {
    a_marker_goes_late(4, TxnOutcome::Commit);
    a_marker_goes_late(5, TxnOutcome::Abort);
}

#[test]
fn rule_14_the_last_marker_of_a_producer_stays_as_long_as_that_is_known() {
    simulate(6, |env, _world| async move {
        let (log, partition) = open(&env);
        write(&partition, txn(1, 0, 0, &[("k1", Some(1))])).await;
        let last = end(&partition, marker(1, 1, TxnOutcome::Abort)).await;
        for _ in 0..3 {
            pass(&env, &log, &partition).await;
            env.sleep(HOUR + LATER).await;
        }
        pass(&env, &log, &partition).await;
        assert_eq!(markers(&partition), [last].into());
        assert_eq!(aborted(&partition), [last]);
        env.sleep(24 * HOUR).await;
        pass(&env, &log, &partition).await;
        pass(&env, &log, &partition).await;
        assert_eq!(partition.producers(), [], "it is forgotten with a checkpoint");
        assert_eq!((markers(&partition), aborted(&partition)), (BTreeSet::new(), vec![]));
    });
}

#[test]
fn the_batch_before_the_last_stable_offset_stays_without_records() {
    simulate(7, |env, _world| async move {
        let lag = Some(Duration::from_secs(1));
        // Each batch is an extent, so that a pass ends exactly there.
        let config = PartitionConfig { compaction_lag_max: lag, segment_bytes: 1, ..compacted() };
        let (log, partition) = roomy(&env, &config);
        churn(&partition, 3, 0..10).await;
        write(&partition, txn(1, 0, 0, &[("k1", Some(100))])).await;
        let open = write(&partition, txn(2, 0, 0, &[("k1", Some(200))])).await;
        end(&partition, marker(1, 1, TxnOutcome::Abort)).await;
        env.sleep(SOON).await;
        assert_eq!((passes(&log), partition.watermarks().last_stable), (1, open));
        // The last batch is the aborted one: who reads has to come by.
        assert_eq!(table(&committed(&partition, Offset(0), 1 << 20)).len(), 3);
        assert!(!values(&partition, "k1").contains(&Some(100)));
    });
}

/// Flips a bit of the records of the batch in chunk `nth` of a file, or flips it back.
fn flip(world: &SimWorld, file: &str, nth: u64) {
    let path = Path::new(DIR).join("log").join(file);
    world.disk().flip(&path, (4096 * nth + 300) * 8).expect("flip");
}

/// Batches that are extents each, so that the others are rewritten around one that cannot be read.
fn open_in_pieces(env: &Env) -> (Log, Arc<Partition>) {
    let lag = Some(Duration::from_secs(1));
    roomy(env, &PartitionConfig { compaction_lag_max: lag, segment_bytes: 1, ..compacted() })
}

/// Passes enough for everything to go that may, and hours between them.
async fn passes_and_hours(env: &Env, log: &Log, partition: &Arc<Partition>) {
    for _ in 0..4 {
        pass(env, log, partition).await;
        env.sleep(2 * HOUR).await;
    }
}

#[test]
fn what_could_not_be_read_for_a_while_brings_nothing_back() {
    simulate(8, |env, world: SimWorld| async move {
        let (log, partition) = open_in_pieces(&env);
        append(&partition, keyed(&[("a", Some(1))])).await.expect("append");
        write(&partition, txn(1, 0, 0, &[("b", Some(2))])).await;
        let wal = files(&world, ".wal")[0].clone();
        flip(&world, &wal, 2);
        flip(&world, &wal, 3);
        end(&partition, marker(1, 1, TxnOutcome::Abort)).await;
        append(&partition, keyed(&[("a", None)])).await.expect("append");
        write(&partition, txn(1, 1, 0, &[("c", Some(3))])).await;
        end(&partition, marker(1, 2, TxnOutcome::Commit)).await;
        passes_and_hours(&env, &log, &partition).await;
        assert!(log.metrics().compaction_unreadable.load(Relaxed) > 0);
        // As if it had been the cable.
        flip(&world, &wal, 2);
        flip(&world, &wal, 3);
        passes_and_hours(&env, &log, &partition).await;
        let table = table(&committed(&partition, Offset(0), 1000));
        assert_eq!(table.keys().collect::<Vec<_>>(), ["c", "filler"]);
    });
}

#[test]
fn what_became_unreadable_after_a_pass_brings_nothing_back() {
    simulate(9, |env, world: SimWorld| async move {
        let (log, partition) = open_in_pieces(&env);
        append(&partition, keyed(&[("a", Some(1))])).await.expect("append");
        pass(&env, &log, &partition).await;
        let segment = files(&world, ".seg")[0].clone();
        flip(&world, &segment, 1);
        append(&partition, keyed(&[("a", None)])).await.expect("append");
        passes_and_hours(&env, &log, &partition).await;
        assert!(log.metrics().unreadable_extents.load(Relaxed) > 0);
        flip(&world, &segment, 1);
        passes_and_hours(&env, &log, &partition).await;
        assert_eq!(table(&committed(&partition, Offset(0), 1000)).get("a"), None);
    });
}

/// One read fails in the middle of a pass: it may be the only one that would have told of the tombstone.
#[test]
fn a_read_that_fails_once_brings_nothing_back() {
    for nth in 1..12 {
        simulate(10, |env, world: SimWorld| async move {
            let (log, partition) = open_in_pieces(&env);
            append(&partition, keyed(&[("a", Some(1))])).await.expect("append");
            append(&partition, keyed(&[("a", None)])).await.expect("append");
            world.disk().fail_nth(Operation::Read, nth, Failure::Io);
            passes_and_hours(&env, &log, &partition).await;
            let table = table(&committed(&partition, Offset(0), 1000));
            assert_eq!(table.get("a"), None, "the {nth}th read failed");
        });
    }
}

#[test]
fn markers_are_sound_to_the_offline_check_and_outlive_a_damaged_footer() {
    simulate(11, |env, world: SimWorld| async move {
        let (log, partition) = open(&env);
        write(&partition, txn(1, 0, 0, &[("a", Some(1))])).await;
        end(&partition, marker(1, 1, TxnOutcome::Abort)).await;
        let before = aborted(&partition);
        world.crash(thalweg_env::simulated::Crash::Kill);
        drop((log, partition));
        let env = world.restart();
        let found = crate::verify(env.disk(), Path::new(DIR)).expect("a check");
        assert_eq!(found.damage, []);
        // The footer of the marker's chunk: the batches tell the same.
        let wal = Path::new(DIR).join("log").join(&files(&world, ".wal")[0]);
        let end = 4096 * 4;
        world.disk().flip(&wal, (end - 80 - 10) * 8).expect("flip");
        let log = open_with(&env, 1, 1, &compacted());
        let partition = log.partition(id(0)).expect("partition");
        assert_eq!(aborted(&partition), before);
        assert_eq!(partition.producers()[0].1.coordinator_epoch, 5);
        env.sleep(Duration::from_secs(1)).await;
    });
}
