//! Rewriting: what is scattered, dead or small is put together, and nothing else changes.

use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use thalweg_env::Env;
use thalweg_env::simulated::{Crash, SimWorld};
use thalweg_types::Offset;

use super::harness::{DIR, append, batch, files, id, open, read_all, simulate, try_open, used};
use crate::Log;

const LATER: Duration = Duration::from_mins(2);

/// One small batch after the other, in turns over the partitions.
async fn scatter(log: &Log, partitions: i32, values: std::ops::Range<u64>) {
    for value in values {
        let partition = log.partition(id((value % partitions as u64) as i32)).expect("partition");
        append(&partition, batch(&[value], 1500)).await.expect("append");
    }
}

fn check_all(log: &Log, partitions: i32, end: u64) {
    for n in 0..partitions {
        let partition = log.partition(id(n)).expect("partition");
        let records = read_all(&partition, Offset::ZERO).expect("read");
        let values: Vec<u64> = records.iter().map(|(_, value)| *value).collect();
        let expected: Vec<u64> =
            (0..end).filter(|value| value % partitions as u64 == n as u64).collect();
        assert_eq!(values, expected, "partition {n}");
        assert!(records.iter().enumerate().all(|(at, (offset, _))| *offset == at as i64));
    }
}

#[test]
fn scattered_files_become_sorted_segments_and_go() {
    simulate(1, |env, world| async move {
        let (log, _) = open(&env, 0, 5);
        scatter(&log, 5, 0..500).await;
        env.sleep(LATER).await;
        assert!(log.metrics().rewrites.load(Relaxed) > 0);
        assert!(!files(&world, ".seg").is_empty());
        assert!(files(&world, ".wal").len() < 8, "{:?}", files(&world, ".wal"));
        check_all(&log, 5, 500);
        log.close().await;
        let env = world.restart();
        let (log, report) = open(&env, 1, 5);
        assert_eq!(report.chunks, 0);
        check_all(&log, 5, 500);
    });
}

#[test]
fn a_crash_at_any_call_while_files_are_rewritten_loses_nothing() {
    for nth in (1..160).step_by(7) {
        simulate(nth, |env, world: SimWorld| async move {
            let (log, _) = open(&env, 0, 3);
            scatter(&log, 3, 0..240).await;
            let crash = if nth % 2 == 0 { Crash::Kill } else { Crash::PowerCut };
            world.disk().crash_at(nth, crash);
            let _ = env.timeout(LATER, world.down()).await;
            drop(log);
            world.disk().clear_faults();
            let env = world.restart();
            let (log, _) = try_open(&env, 1, 3).expect("opens");
            check_all(&log, 3, 240);
            // What the crash left half done is done, and leaves no file behind.
            env.sleep(LATER).await;
            check_all(&log, 3, 240);
            assert!(files(&world, ".wal").len() < 8, "{:?}", files(&world, ".wal"));
            let logs = files(&world, ".wal").len() + files(&world, ".seg").len();
            let names = files(&world, "");
            assert!(names.len() - logs < logs, "an index without its log file: {names:?}");
        });
    }
}

#[test]
fn a_mostly_dead_file_gives_its_space_back() {
    simulate(3, |env, world| async move {
        let options = crate::LogOptions {
            wal_file_bytes: 512 << 10,
            scattered_run_bytes: 0,
            ..super::harness::options(0)
        };
        let live = (0..4).map(|n| (id(n), super::harness::keep_all())).collect();
        let (log, _) = Log::open(&env, options, live).expect("opens");
        for value in 0..400u64 {
            // Two pages, nearly full.
            let partition = log.partition(id((value % 4) as i32)).expect("partition");
            append(&partition, batch(&[value], 7700)).await.expect("append");
        }
        env.sleep(LATER).await;
        assert_eq!(log.metrics().rewrites.load(Relaxed), 0, "nothing is dead yet");
        let before = used(&world);
        for n in 0..3 {
            let partition = log.partition(id(n)).expect("partition");
            partition.trim(Offset(99)).expect("trim").wait().await.expect("durable");
        }
        env.sleep(LATER).await;
        assert!(used(&world) < before * 2 / 3, "{} of {before}", used(&world));
        let read = |n, from| read_all(&log.partition(id(n)).expect("partition"), Offset(from));
        assert_eq!(read(3, 0).expect("read").len(), 100);
        assert_eq!(read(0, 99).expect("read").len(), 1);
    });
}

#[test]
fn small_files_that_restarts_leave_are_merged() {
    simulate(4, |env, world: SimWorld| async move {
        let mut env: Env = env;
        for incarnation in 0..30 {
            let (log, _) = open(&env, incarnation, 1);
            let partition = log.partition(id(0)).expect("partition");
            append(&partition, batch(&[u64::from(incarnation)], 0)).await.expect("append");
            env.sleep(Duration::from_secs(20)).await;
            log.close().await;
            env = world.restart();
        }
        let (log, _) = open(&env, 30, 1);
        env.sleep(LATER).await;
        let files = files(&world, ".wal").len() + files(&world, ".seg").len();
        assert!(files < 12, "{files} files after thirty restarts");
        check_all(&log, 1, 30);
    });
}

#[test]
fn an_extent_that_cannot_be_read_stays_and_everything_else_moves() {
    simulate(5, |env, world: SimWorld| async move {
        let (log, _) = open(&env, 0, 2);
        scatter(&log, 2, 0..60).await;
        // The first batch of the first file: header page, seal, chunk head and run header before it.
        let first = Path::new(DIR).join("log").join(&files(&world, ".wal")[0]);
        world.disk().flip(&first, (4096 * 2 + 300) * 8).expect("flip");
        scatter(&log, 2, 60..600).await;
        env.sleep(LATER).await;
        assert_eq!(log.metrics().unreadable_extents.load(Relaxed), 1);
        assert!(first_exists(&world, &first), "the damaged file stays");
        check_all_but_the_first(&log);
    });
}

fn first_exists(world: &SimWorld, path: &Path) -> bool {
    files(world, ".wal").iter().any(|name| path.ends_with(name))
}

fn check_all_but_the_first(log: &Log) {
    let damaged = log.partition(id(0)).expect("partition");
    assert!(read_all(&damaged, Offset::ZERO).is_err());
    assert_eq!(read_all(&damaged, Offset(1)).expect("read").len(), 299);
    let whole = log.partition(id(1)).expect("partition");
    assert_eq!(read_all(&whole, Offset::ZERO).expect("read").len(), 300);
}

#[test]
fn a_busy_partition_is_written_once() {
    simulate(6, |env, _world| async move {
        let options = crate::LogOptions {
            wal_file_bytes: 256 << 10,
            chunk_bytes_max: 64 << 10,
            ..super::harness::options(0)
        };
        let live = [(id(0), super::harness::keep_all())].into_iter().collect();
        let (log, _) = Log::open(&env, options, live).expect("opens");
        let partition = log.partition(id(0)).expect("partition");
        for value in 0..100 {
            append(&partition, batch(&[value], 50_000)).await.expect("append");
        }
        env.sleep(LATER).await;
        assert_eq!(log.metrics().rewritten_bytes.load(Relaxed), 0);
        assert!(log.metrics().write_amplification() < 1.2);
    });
}
