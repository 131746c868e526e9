//! Random work, random crashes: acknowledged is there, nothing else is invented, nothing twice.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use thalweg_env::Env;
use thalweg_env::simulated::{Crash, Failure, Operation, SimWorld};
use thalweg_types::Offset;

use super::harness::{append, batch, id, idempotent, read_all, simulate, try_open};
use crate::{Log, Partition};

const PARTITIONS: i32 = 3;
const INCARNATIONS: u32 = 6;

/// What each partition must hold: acknowledged offset → value, and values never acknowledged.
#[derive(Default)]
struct Expected {
    acknowledged: BTreeMap<(i32, i64), u64>,
    attempted: BTreeMap<u64, i32>,
}

type Shared = Arc<Mutex<Expected>>;

async fn produce(partition: Arc<Partition>, n: i32, from: u64, world: SimWorld, expected: Shared) {
    for value in (from..from + 200).step_by(2) {
        let values = [value, value + 1];
        values.iter().for_each(|v| {
            expected.lock().expect("lock").attempted.insert(*v, n);
        });
        let pad = (value % 700) as usize;
        let Ok(base) = append(&partition, batch(&values, pad)).await else { return };
        if !world.is_up() {
            return;
        }
        let mut expected = expected.lock().expect("lock");
        expected.acknowledged.insert((n, base.0), value);
        expected.acknowledged.insert((n, base.0 + 1), value + 1);
    }
}

/// Retries each batch until it is acknowledged, as an idempotent client does.
async fn produce_idempotent(partition: Arc<Partition>, n: i32, incarnation: u32, world: SimWorld) {
    for sequence in 0..40 {
        let batch = idempotent(i64::from(incarnation), sequence, &[u64::MAX]);
        if append(&partition, batch).await.is_err() || !world.is_up() {
            return;
        }
    }
    let _ = n;
}

fn check(log: &Log, expected: &Expected, seed: u64) {
    for n in 0..PARTITIONS {
        let partition = log.partition(id(n)).expect("partition");
        let records = read_all(&partition, Offset::ZERO).expect("everything reads");
        for (at, (offset, _)) in records.iter().enumerate() {
            assert_eq!(*offset, at as i64, "seed {seed}: offsets of {n} are dense");
        }
        for ((_, offset), value) in expected.acknowledged.range((n, 0)..(n + 1, 0)) {
            let found = records.get(*offset as usize).map(|(_, value)| *value);
            assert_eq!(found, Some(*value), "seed {seed}: partition {n} offset {offset}");
        }
        for (_, value) in &records {
            let invented = *value != u64::MAX && expected.attempted.get(value) != Some(&n);
            assert!(!invented, "seed {seed}: value {value} in {n} was never sent");
        }
    }
}

async fn live_once(env: &Env, world: &SimWorld, incarnation: u32, expected: &Shared) {
    let Ok((log, _)) = try_open(env, incarnation, PARTITIONS) else { return };
    for n in 0..PARTITIONS {
        let partition = log.partition(id(n)).expect("partition");
        let from = (u64::from(incarnation) * 10 + n as u64) * 1000;
        env.spawn("produce", produce(partition.clone(), n, from, world.clone(), expected.clone()));
        env.spawn("produce", produce_idempotent(partition, n, incarnation, world.clone()));
    }
    // The work may be done before the crash comes.
    let _ = env.timeout(Duration::from_secs(60), world.down()).await;
}

fn crash_and_recover(seed: u64, prepare: fn(&SimWorld, &mut fastrand::Rng)) {
    simulate(seed, |env, world| async move {
        let mut random = world.fork_random();
        let expected = Shared::default();
        let mut env = env;
        for incarnation in 0..INCARNATIONS {
            let crash = if random.bool() { Crash::Kill } else { Crash::PowerCut };
            world.disk().crash_at(random.u64(20..400), crash);
            prepare(&world, &mut random);
            live_once(&env, &world, incarnation, &expected).await;
            if world.is_up() {
                world.crash(crash);
            }
            world.disk().clear_faults();
            env = world.restart();
            let (log, _) =
                try_open(&env, incarnation + 100, PARTITIONS).expect("opens after a crash");
            check(&log, &expected.lock().expect("lock"), seed);
            drop(log);
            env = world.restart();
        }
    });
}

#[test]
fn acknowledged_records_survive_kills_and_power_cuts() {
    for seed in 0..40 {
        crash_and_recover(seed, |_, _| {});
    }
}

#[test]
fn acknowledged_records_survive_disk_errors_and_crashes() {
    for seed in 1000..1040 {
        crash_and_recover(seed, |world, random| {
            let operation = *random
                .choice(&[
                    Operation::Write,
                    Operation::Sync,
                    Operation::Create,
                    Operation::Allocate,
                ])
                .expect("one of them");
            let failure = if random.bool() { Failure::Io } else { Failure::NoSpace };
            world.disk().fail_nth(operation, random.u64(5..60), failure);
        });
    }
}
