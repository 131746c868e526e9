//! Retention by time and size, in a world whose clock the test moves.

use std::sync::Arc;
use std::time::Duration;

use thalweg_env::Env;
use thalweg_env::simulated::Crash;
use thalweg_types::{Offset, Timestamp};

use super::harness::{
    append, batch_at, id, keep_all, open_with, read_all, simulate, try_open, used,
};
use crate::{Cleanup, Log, Partition, PartitionConfig};

const HOUR: Duration = Duration::from_hours(1);
const ROUNDS: Duration = Duration::from_secs(30);

fn hourly() -> PartitionConfig {
    PartitionConfig { retention: Some(HOUR), ..PartitionConfig::default() }
}

/// Appends batches of about a kilobyte, stamped with the time of their append.
async fn fill(env: &Env, partition: &Arc<Partition>, batches: std::ops::Range<u64>) {
    for value in batches {
        append(partition, batch_at(env.wall(), &[value], 1000)).await.expect("append");
    }
}

fn bounds(log: &Log) -> (i64, i64) {
    let marks = log.partition(id(0)).expect("partition").watermarks();
    (marks.log_start.0, marks.high_watermark.0)
}

#[test]
fn what_is_too_old_goes_oldest_first_and_its_files_with_it() {
    simulate(1, |env, world| async move {
        let log = open_with(&env, 0, 1, &hourly());
        let partition = log.partition(id(0)).expect("partition");
        fill(&env, &partition, 0..300).await;
        env.sleep(HOUR / 2).await;
        assert_eq!(bounds(&log), (0, 300));
        fill(&env, &partition, 300..500).await;
        env.sleep(ROUNDS).await;
        let full = used(&world);
        env.sleep(HOUR / 2).await;
        let (start, end) = bounds(&log);
        assert!(start > 150 && start <= 300, "{start}");
        assert_eq!(end, 500);
        let rest = read_all(&partition, Offset(start)).expect("read");
        assert_eq!(rest.first(), Some(&(start, start as u64)));
        assert_eq!(rest.len() as i64, end - start);
        assert!(used(&world) < full - 150_000, "{} of {full}", used(&world));
    });
}

#[test]
fn rule_46_the_newest_segment_goes_too_and_offsets_go_on() {
    simulate(2, |env, world| async move {
        let log = open_with(&env, 0, 1, &hourly());
        let partition = log.partition(id(0)).expect("partition");
        fill(&env, &partition, 0..5).await;
        env.sleep(HOUR + ROUNDS).await;
        assert_eq!(bounds(&log), (5, 5));
        assert_eq!(partition.bytes(), 0);
        world.crash(Crash::PowerCut);
        drop(log);
        let env = world.restart();
        let (log, _) = try_open(&env, 1, 1).expect("opens");
        assert_eq!(bounds(&log), (5, 5), "the log start is durable");
        let partition = log.partition(id(0)).expect("partition");
        fill(&env, &partition, 5..6).await;
        assert_eq!(bounds(&log), (5, 6));
    });
}

#[test]
fn size_takes_whole_segments_and_only_while_the_excess_is_as_large() {
    simulate(3, |env, _world| async move {
        let config =
            PartitionConfig { retention_bytes: Some(100_000), segment_bytes: 20_000, ..keep_all() };
        let log = open_with(&env, 0, 1, &config);
        let partition = log.partition(id(0)).expect("partition");
        fill(&env, &partition, 0..300).await;
        env.sleep(ROUNDS).await;
        let bytes = partition.bytes();
        assert!((100_000..120_000).contains(&bytes), "{bytes}");
        let (start, _) = bounds(&log);
        env.sleep(HOUR).await;
        assert_eq!(bounds(&log).0, start, "nothing goes without excess");
    });
}

#[test]
fn rule_47_without_a_cleanup_policy_nothing_goes() {
    simulate(4, |env, _world| async move {
        for compact in [false, true] {
            let cleanup = Cleanup { delete: false, compact };
            let config = PartitionConfig { cleanup, retention_bytes: Some(0), ..hourly() };
            let log = open_with(&env, 0, 1, &config);
            let partition = log.partition(id(0)).expect("partition");
            fill(&env, &partition, 0..100).await;
            env.sleep(3 * HOUR).await;
            assert_eq!(bounds(&log).0, 0);
            log.close().await;
        }
    });
}

#[test]
fn a_timestamp_in_the_future_keeps_what_comes_after_it() {
    simulate(5, |env, _world| async move {
        let log = open_with(&env, 0, 1, &hourly());
        let partition = log.partition(id(0)).expect("partition");
        let future = env.wall().plus(10 * HOUR);
        append(&partition, batch_at(future, &[0], 0)).await.expect("append");
        fill(&env, &partition, 1..200).await;
        env.sleep(5 * HOUR).await;
        assert_eq!(bounds(&log).0, 0);
        env.sleep(7 * HOUR).await;
        assert_eq!(bounds(&log).0, 200);
    });
}

#[test]
fn records_without_a_timestamp_are_as_old_as_their_append() {
    simulate(6, |env, _world| async move {
        let log = open_with(&env, 0, 1, &hourly());
        let partition = log.partition(id(0)).expect("partition");
        append(&partition, batch_at(Timestamp::NONE, &[0], 0)).await.expect("append");
        env.sleep(HOUR / 2).await;
        assert_eq!(bounds(&log).0, 0);
        env.sleep(HOUR).await;
        assert_eq!(bounds(&log).0, 1);
    });
}

#[test]
fn a_wall_clock_that_jumps_neither_deletes_nor_stops_retention() {
    simulate(7, |env, world| async move {
        let log = open_with(&env, 0, 1, &hourly());
        let partition = log.partition(id(0)).expect("partition");
        fill(&env, &partition, 0..10).await;
        world.jump_wall(1_000 * 3_600_000);
        env.sleep(HOUR / 2).await;
        assert_eq!(bounds(&log).0, 0, "a jump forward deletes nothing");
        world.jump_wall(-2_000 * 3_600_000);
        env.sleep(HOUR).await;
        assert_eq!(bounds(&log).0, 10, "after a jump backward retention goes on");
    });
}

#[test]
fn an_administrator_need_not_wait_for_the_round() {
    simulate(8, |env, _world| async move {
        let log = open_with(&env, 0, 1, &hourly());
        let partition = log.partition(id(0)).expect("partition");
        append(&partition, batch_at(Timestamp(1), &[0], 0)).await.expect("append");
        log.enforce_retention_now();
        assert_eq!(bounds(&log).0, 1);
    });
}

#[test]
fn low_space_deletes_nothing_that_retention_keeps_but_lets_it_work() {
    simulate(9, |env, world| async move {
        let options = crate::LogOptions { free_bytes_min: 1 << 20, ..super::harness::options(0) };
        let live = [(id(0), hourly())].into_iter().collect();
        world.disk().set_capacity(3 << 20);
        let (log, _) = Log::open(&env, options, live).expect("opens");
        let partition = log.partition(id(0)).expect("partition");
        let mut appended = 0;
        while appended < 4000 {
            let batch = batch_at(env.wall(), &[appended], 1000);
            if append(&partition, batch).await.is_err() {
                break;
            }
            appended += 1;
        }
        assert!(log.trouble().is_some(), "after {appended}");
        env.sleep(HOUR / 2).await;
        assert_eq!(bounds(&log).0, 0, "nothing goes before its time");
        env.sleep(HOUR).await;
        assert_eq!(log.trouble(), None, "retention made room");
        append(&partition, batch_at(env.wall(), &[appended], 0)).await.expect("append");
    });
}
