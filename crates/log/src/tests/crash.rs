//! Random work, random crashes: acknowledged is there, nothing else is invented, nothing twice.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use thalweg_env::Env;
use thalweg_env::simulated::{Crash, Failure, Operation, SimWorld};
use thalweg_types::Offset;

use super::harness::{DIR, append, batch, id, idempotent, keep_all, keyed_batch};
use super::harness::{read_all, simulate, try_open_with};
use crate::verify;
use crate::{Cleanup, Durability, Log, LogError, Partition, PartitionConfig, RecoveryReport};

/// Partitions that keep everything.
const KEEPING: i32 = 3;
/// Loses its oldest segments, and is trimmed.
const TRIMMED: i32 = 3;
/// Keeps the newest record of each key.
const COMPACTED: i32 = 4;
const PARTITIONS: i32 = 5;
const INCARNATIONS: u32 = 6;
const KEYS: u64 = 10;

fn config(n: i32) -> PartitionConfig {
    match n {
        TRIMMED => {
            PartitionConfig { retention_bytes: Some(30_000), segment_bytes: 10_000, ..keep_all() }
        }
        COMPACTED => {
            PartitionConfig { cleanup: Cleanup { delete: false, compact: true }, ..keep_all() }
        }
        _ => keep_all(),
    }
}

fn open(env: &Env, incarnation: u32) -> Result<(Log, RecoveryReport), LogError> {
    try_open_with(env, incarnation, PARTITIONS, config)
}

/// What each partition must hold: acknowledged offset → value, and values never acknowledged.
#[derive(Default)]
struct Expected {
    acknowledged: BTreeMap<(i32, i64), u64>,
    attempted: BTreeMap<u64, i32>,
    /// The last acknowledged batch of each idempotent producer: its sequence and offset.
    sequences: BTreeMap<(i32, i64), (i32, Offset)>,
    /// The highest acknowledged trim.
    trimmed_to: i64,
}

type Shared = Arc<Mutex<Expected>>;

async fn produce(partition: Arc<Partition>, n: i32, from: u64, world: SimWorld, expected: Shared) {
    for value in (from..from + 200).step_by(2) {
        let values = [value, value + 1];
        expected.lock().expect("lock").attempted.extend(values.map(|value| (value, n)));
        let pad = (value % 700) as usize;
        let batch =
            if n == COMPACTED { keyed_batch(&values, KEYS, pad) } else { batch(&values, pad) };
        let Ok(base) = append(&partition, batch).await else { return };
        if !world.is_up() {
            return;
        }
        let mut expected = expected.lock().expect("lock");
        expected.acknowledged.insert((n, base.0), value);
        expected.acknowledged.insert((n, base.0 + 1), value + 1);
    }
}

/// Sends numbered batches until one fails.
async fn produce_idempotent(
    partition: Arc<Partition>,
    n: i32,
    producer: i64,
    world: SimWorld,
    expected: Shared,
) {
    for sequence in 0..40 {
        let sent = append(&partition, idempotent(producer, sequence, &[u64::MAX])).await;
        let Ok(offset) = sent else { return };
        if !world.is_up() {
            return;
        }
        expected.lock().expect("lock").sequences.insert((n, producer), (sequence, offset));
    }
}

/// Trims behind the producers.
async fn trim(env: Env, partition: Arc<Partition>, world: SimWorld, expected: Shared) {
    for back in (0..30).rev() {
        env.sleep(Duration::from_millis(20)).await;
        let to = Offset((partition.watermarks().high_watermark.0 - back).max(0));
        let Ok(ticket) = partition.trim(to) else { return };
        if ticket.wait().await.is_err() || !world.is_up() {
            return;
        }
        let mut expected = expected.lock().expect("lock");
        expected.trimmed_to = expected.trimmed_to.max(to.0);
    }
}

/// A topic that lives for a moment.
async fn create_and_delete(env: Env, log: Arc<Log>, incarnation: u32) {
    let topic = thalweg_types::TopicId::from_bytes([incarnation as u8 + 100; 16]);
    let id = thalweg_types::TopicPartition::new(topic, 0);
    let partition = log.create(id, keep_all());
    for value in 0..20 {
        if append(&partition, batch(&[value], 1000)).await.is_err() {
            break;
        }
    }
    env.sleep(Duration::from_secs(3)).await;
    log.delete(id);
}

fn check(log: &Log, expected: &Expected, seed: u64) {
    for n in 0..PARTITIONS {
        let partition = log.partition(id(n)).expect("partition");
        let start = partition.watermarks().log_start;
        let records = read_all(&partition, start).expect("everything reads");
        for (_, value) in &records {
            let invented = *value != u64::MAX && expected.attempted.get(value) != Some(&n);
            assert!(!invented, "seed {seed}: value {value} in {n} was never sent");
        }
        let acknowledged = expected.acknowledged.range((n, start.0)..(n + 1, 0));
        let acknowledged = acknowledged.map(|((_, offset), value)| (*offset, *value));
        match n {
            COMPACTED => check_newest(&records, acknowledged, seed),
            _ => check_dense(start, &records, acknowledged, &format!("seed {seed} partition {n}")),
        }
        match n {
            TRIMMED => assert!(start.0 >= expected.trimmed_to, "seed {seed}: a trim was undone"),
            _ => assert_eq!(start, Offset::ZERO, "seed {seed}"),
        }
    }
}

/// A producer that did not hear the last answer sends the batch again: it gets the same answer.
fn check_sequences(log: &Log, expected: &Expected, seed: u64) {
    for ((n, producer), (sequence, offset)) in &expected.sequences {
        let partition = log.partition(id(*n)).expect("partition");
        let again = partition.append(idempotent(*producer, *sequence, &[u64::MAX]));
        let Ok(again) = again else { continue };
        assert_eq!((again.duplicate, again.base_offset), (true, *offset), "seed {seed}");
    }
}

fn check_dense(
    start: Offset,
    records: &[(i64, u64)],
    acknowledged: impl Iterator<Item = (i64, u64)>,
    at: &str,
) {
    for (nth, (offset, _)) in records.iter().enumerate() {
        assert_eq!(*offset, start.0 + nth as i64, "{at}: offsets are dense");
    }
    for (offset, value) in acknowledged {
        let found = records.get((offset - start.0) as usize).map(|(_, value)| *value);
        assert_eq!(found, Some(value), "{at} offset {offset}");
    }
}

/// Every acknowledged record is there, or a newer one with its key is.
fn check_newest(records: &[(i64, u64)], acknowledged: impl Iterator<Item = (i64, u64)>, seed: u64) {
    assert!(records.is_sorted_by_key(|(offset, _)| *offset), "seed {seed}: order");
    for (offset, value) in acknowledged {
        let found = records.iter().any(|(at, other)| {
            (*at, *other) == (offset, value) || (*at > offset && other % KEYS == value % KEYS)
        });
        assert!(found, "seed {seed}: {value} at {offset} is gone and nothing replaces it");
    }
}

async fn live_once(env: &Env, world: &SimWorld, incarnation: u32, expected: &Shared) {
    let Ok((log, _)) = open(env, incarnation) else { return };
    let log = Arc::new(log);
    for n in 0..PARTITIONS {
        let partition = log.partition(id(n)).expect("partition");
        let from = (u64::from(incarnation) * 10 + n as u64) * 1000;
        env.spawn("produce", produce(partition.clone(), n, from, world.clone(), expected.clone()));
        if n < KEEPING {
            let (world, expected) = (world.clone(), expected.clone());
            let producer = i64::from(incarnation);
            env.spawn("produce", produce_idempotent(partition, n, producer, world, expected));
        } else if n == TRIMMED {
            env.spawn("trim", trim(env.clone(), partition, world.clone(), expected.clone()));
        }
    }
    env.spawn("come and go", create_and_delete(env.clone(), log.clone(), incarnation));
    // The work may be done before the crash comes.
    let _ = env.timeout(Duration::from_mins(1), world.down()).await;
}

pub(super) fn crash_and_recover(seed: u64, prepare: fn(&SimWorld, &mut fastrand::Rng)) {
    simulate(seed, |env, world| async move {
        let mut random = world.fork_random();
        let expected = Shared::default();
        let mut env = env;
        for incarnation in 0..INCARNATIONS {
            let crash = if random.bool() { Crash::Kill } else { Crash::PowerCut };
            world.disk().crash_at(random.u64(20..900), crash);
            prepare(&world, &mut random);
            live_once(&env, &world, incarnation, &expected).await;
            if world.is_up() {
                world.crash(crash);
            }
            world.disk().clear_faults();
            env = world.restart();
            let found = verify(env.disk(), Path::new(DIR)).expect("a check");
            assert_eq!(found.damage, [], "seed {seed}: a crash damages nothing");
            let (log, _) = open(&env, incarnation + 100).expect("opens after a crash");
            check(&log, &expected.lock().expect("lock"), seed);
            check_sequences(&log, &expected.lock().expect("lock"), seed);
            drop(log);
            env = world.restart();
        }
    });
}

#[test]
fn acknowledged_records_survive_kills_and_power_cuts() {
    for seed in 0..14 {
        crash_and_recover(seed, |_, _| {});
    }
}

#[test]
fn acknowledged_records_survive_disk_errors_and_crashes() {
    for seed in 1000..1014 {
        crash_and_recover(seed, break_the_disk);
    }
}

/// Lets one call to the disk fail.
pub(super) fn break_the_disk(world: &SimWorld, random: &mut fastrand::Rng) {
    let operation = *random
        .choice(&[Operation::Write, Operation::Sync, Operation::Create, Operation::Allocate])
        .expect("one of them");
    let failure = if random.bool() { Failure::Io } else { Failure::NoSpace };
    world.disk().fail_nth(operation, random.u64(5..60), failure);
}

/// Appends to a partition with `durability = os`, loses power, and appends what was lost again; true if
/// something was.
fn lose_power_before_the_flush(seed: u64) -> bool {
    const BATCHES: i32 = 30;
    let os = |_| PartitionConfig { durability: Durability::Os, ..keep_all() };
    simulate(seed, |env, world| async move {
        let (log, _) = try_open_with(&env, 0, 2, os).expect("the log opens");
        let [partition, filler] = [0, 1].map(|n| log.partition(id(n)).expect("partition"));
        for value in 0..BATCHES {
            append(&partition, idempotent(7, value, &[value as u64])).await.expect("accepted");
            // Files fill, and checkpoints follow, which tell of more than the last flush has reached.
            append(&filler, batch(&[0], 6000)).await.expect("accepted");
        }
        world.crash(Crash::PowerCut);
        let env = world.restart();
        let (log, _) = try_open_with(&env, 1, 2, os).expect("opens after a crash");
        let partition = log.partition(id(0)).expect("partition");
        let left = read_all(&partition, Offset::ZERO).expect("everything reads");
        let end = partition.watermarks().high_watermark;
        assert_eq!(end.0, left.len() as i64, "seed {seed}: nothing is claimed that is not there");
        for (at, (offset, value)) in left.iter().enumerate() {
            assert_eq!((*offset, *value), (at as i64, at as u64), "seed {seed}: a prefix is left");
        }
        let again = append(&partition, idempotent(7, end.0 as i32, &[end.0 as u64])).await;
        assert_eq!(again.expect("what is lost can be sent again"), end, "seed {seed}");
        left.len() < BATCHES as usize
    })
}

#[test]
fn a_checkpoint_does_not_claim_what_a_power_cut_took() {
    let lost = (0..40).filter(|seed| lose_power_before_the_flush(*seed)).count();
    assert!(lost > 0, "power cuts took something");
}
