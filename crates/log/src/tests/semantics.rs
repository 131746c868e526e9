//! What appending, reading, waiting and trimming mean.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use thalweg_env::simulated::Crash;
use thalweg_types::{LeaderEpoch, Offset, Timestamp};
use tokio::sync::Notify;

use super::harness::{append, batch, id, idempotent, open, read_all, simulate};
use crate::{AppendError, LogError, ProducerError, ReadLimits, Watermark};

#[test]
fn appended_records_are_read_back_in_order_from_memory_and_from_files() {
    simulate(1, |env, _world| async move {
        let (log, _) = open(&env, 0, 2);
        let partition = log.partition(id(0)).expect("partition");
        let mut expected = Vec::new();
        for n in 0..400u64 {
            let values = [2 * n, 2 * n + 1];
            let base = append(&partition, batch(&values, 300)).await.expect("append");
            expected.extend([(base.0, values[0]), (base.0 + 1, values[1])]);
        }
        assert!(log.metrics().rolls.load(Relaxed) > 3);
        assert_eq!(read_all(&partition, Offset::ZERO).expect("read"), expected);
        env.sleep(Duration::from_mins(1)).await;
        assert!(log.metrics().checkpoints.load(Relaxed) > 0);
        assert!(read_all(&partition, Offset::ZERO).expect("read") == expected);
        assert!(read_all(&partition, Offset(501)).expect("read") == expected[501..]);
        log.close().await;
    });
}

#[test]
fn a_closed_log_opens_without_replay_and_with_a_new_epoch() {
    simulate(2, |env, world| async move {
        let (log, _) = open(&env, 0, 1);
        let partition = log.partition(id(0)).expect("partition");
        append(&partition, batch(&[1, 2, 3], 0)).await.expect("append");
        log.close().await;
        let env = world.restart();
        let (log, report) = open(&env, 1, 1);
        assert_eq!((report.files, report.chunks, report.torn_tail), (0, 0, false));
        let partition = log.partition(id(0)).expect("partition");
        assert_eq!(append(&partition, batch(&[4], 0)).await.expect("append"), Offset(3));
        let all = read_all(&partition, Offset::ZERO).expect("read");
        assert_eq!(all, [(0, 1), (1, 2), (2, 3), (3, 4)]);
        let end = partition.end_of_epoch(LeaderEpoch(0));
        assert_eq!(end, Some((LeaderEpoch(0), Offset(3))));
        assert_eq!(partition.end_of_epoch(LeaderEpoch(1)), Some((LeaderEpoch(1), Offset(4))));
        assert_eq!(partition.end_of_epoch(LeaderEpoch(2)), None);
        assert_eq!(partition.epoch_at(Offset(3)), Some(LeaderEpoch(1)));
    });
}

#[test]
fn a_log_that_is_gone_has_freed_its_memory() {
    simulate(3, |env, world| async move {
        let (log, _) = open(&env, 0, 2);
        let shared = Arc::downgrade(&log.shared_for_test());
        let partition = log.partition(id(0)).expect("partition");
        append(&partition, batch(&[1], 0)).await.expect("append");
        partition.append(batch(&[2], 0)).expect("one for the writer's queue");
        drop((partition, log));
        world.crash(Crash::Kill);
        env.sleep(Duration::from_secs(1)).await;
        assert_eq!(shared.strong_count(), 0, "after a crash");

        let (log, _) = open(&world.restart(), 1, 2);
        let shared = Arc::downgrade(&log.shared_for_test());
        log.close().await;
        assert_eq!(log.partitions().len(), 2, "a closed log can still be asked");
        drop(log);
        assert_eq!(shared.strong_count(), 0, "after closing");
    });
}

#[test]
fn what_is_accepted_before_anybody_waits_is_one_write() {
    simulate(2, |env, _world| async move {
        let (log, _) = open(&env, 0, 3);
        env.sleep(Duration::from_secs(1)).await;
        let before = log.metrics().chunks.load(Relaxed);
        let mut tickets = Vec::new();
        for n in 0..3 {
            let partition = log.partition(id(n)).expect("partition");
            tickets.push(partition.append(idempotent(9, 0, &[1])).expect("accepted").ticket);
            env.sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(log.metrics().chunks.load(Relaxed), before);
        for ticket in tickets {
            ticket.wait().await.expect("durable");
        }
        assert_eq!(log.metrics().chunks.load(Relaxed), before + 1);
    });
}

#[test]
fn what_nobody_waits_for_is_written_all_the_same() {
    simulate(2, |env, _world| async move {
        let (log, _) = open(&env, 0, 1);
        let partition = log.partition(id(0)).expect("partition");
        drop(partition.append(idempotent(9, 0, &[1])).expect("accepted"));
        env.sleep(Duration::from_secs(5)).await;
        assert_eq!(partition.watermarks().high_watermark, Offset(1));
    });
}

#[test]
fn rule_11_a_repeated_batch_is_answered_as_the_first_time() {
    simulate(3, |env, world| async move {
        let (log, _) = open(&env, 0, 1);
        let partition = log.partition(id(0)).expect("partition");
        for n in 0..7 {
            append(&partition, idempotent(9, n, &[n as u64])).await.expect("append");
        }
        let again = partition.append(idempotent(9, 2, &[2])).expect("duplicate");
        assert!(again.duplicate);
        assert_eq!(again.base_offset, Offset(2));
        let forgotten = partition.append(idempotent(9, 1, &[1]));
        assert!(matches!(forgotten, Err(AppendError::Producer(ProducerError::OutOfOrder { .. }))));
        drop(log);
        let env = world.restart();
        let (log, _) = open(&env, 1, 1);
        let partition = log.partition(id(0)).expect("partition");
        let again = partition.append(idempotent(9, 6, &[6])).expect("duplicate after restart");
        assert!(again.duplicate);
        let next = partition.append(idempotent(9, 7, &[7])).expect("next");
        assert_eq!(next.base_offset, Offset(7));
        next.ticket.wait().await.expect("durable");
        drop(log);
    });
}

#[test]
fn a_reader_past_the_end_is_told_when_there_is_more() {
    simulate(4, |env, _world| async move {
        let (log, _) = open(&env, 0, 1);
        let partition = log.partition(id(0)).expect("partition");
        let notify = Arc::new(Notify::new());
        partition.watch(Watermark::High, Offset(0), &notify).expect("nothing is there yet");
        let writer = partition.clone();
        env.spawn("append", async move { append(&writer, batch(&[1], 0)).await });
        notify.notified().await;
        assert_eq!(partition.watermarks().high_watermark, Offset(1));
        assert_eq!(partition.watch(Watermark::High, Offset(0), &notify), None);
    });
}

#[test]
fn rule_17_the_first_batch_comes_whole_whatever_the_limit() {
    simulate(5, |env, _world| async move {
        let (log, _) = open(&env, 0, 1);
        let partition = log.partition(id(0)).expect("partition");
        for n in 0..3 {
            append(&partition, batch(&[n], 500)).await.expect("append");
        }
        let read = |bytes_max, at_least_one| {
            let limits = ReadLimits { bytes_max, at_least_one, end: Offset(i64::MAX) };
            let plan = partition.plan_read(Offset::ZERO, limits).expect("plan");
            plan.load().expect("load").parts.len()
        };
        assert_eq!(read(1, true), 1);
        assert_eq!(read(1, false), 0);
        assert_eq!(read(1300, false), 2);
        assert_eq!(read(10_000, false), 3);
    });
}

#[test]
fn rule_15_a_read_inside_a_batch_returns_the_whole_batch() {
    simulate(6, |env, _world| async move {
        let (log, _) = open(&env, 0, 1);
        let partition = log.partition(id(0)).expect("partition");
        append(&partition, batch(&[10, 11, 12], 0)).await.expect("append");
        let limits = ReadLimits { bytes_max: 1000, at_least_one: true, end: Offset(i64::MAX) };
        let slice = partition.plan_read(Offset(2), limits).expect("plan").load().expect("load");
        let whole = thalweg_records::Batch::parse(slice.parts[0].clone()).expect("batch");
        assert_eq!((whole.base_offset(), whole.next_offset()), (Offset(0), Offset(3)));
    });
}

#[test]
fn rule_23_reading_outside_of_the_log_says_so() {
    simulate(7, |env, _world| async move {
        let (log, _) = open(&env, 0, 1);
        let partition = log.partition(id(0)).expect("partition");
        append(&partition, batch(&[1, 2], 0)).await.expect("append");
        let limits = ReadLimits { bytes_max: 1000, at_least_one: true, end: Offset(i64::MAX) };
        for from in [-1, 3] {
            let outside = partition.plan_read(Offset(from), limits);
            assert!(matches!(outside, Err(LogError::OffsetOutOfRange { .. })), "{from}");
        }
        let at_the_end = partition.plan_read(Offset(2), limits).expect("plan");
        assert!(at_the_end.load().expect("load").parts.is_empty());
    });
}

#[test]
fn rule_50_a_trim_survives_a_restart_and_hides_what_lies_before_it() {
    simulate(8, |env, world| async move {
        let (log, _) = open(&env, 0, 1);
        let partition = log.partition(id(0)).expect("partition");
        for n in 0..10 {
            append(&partition, batch(&[n], 0)).await.expect("append");
        }
        assert!(partition.trim(Offset(11)).is_err());
        partition.trim(Offset(4)).expect("trim").wait().await.expect("durable");
        drop(log);
        world.crash(Crash::PowerCut);
        let env = world.restart();
        let (log, _) = open(&env, 1, 1);
        let partition = log.partition(id(0)).expect("partition");
        assert_eq!(partition.watermarks().log_start, Offset(4));
        assert_eq!(read_all(&partition, Offset(4)).expect("read").first(), Some(&(4, 4)));
        drop(log);
    });
}

#[test]
fn rule_50_a_trim_inside_a_batch_keeps_the_rest_of_it() {
    simulate(11, |env, world| async move {
        let (log, _) = open(&env, 0, 1);
        let partition = log.partition(id(0)).expect("partition");
        append(&partition, batch(&[0, 1, 2, 3], 0)).await.expect("append");
        partition.trim(Offset(2)).expect("trim").wait().await.expect("durable");
        // A checkpoint has the log start, and the batch is in a file that is not indexed.
        env.sleep(Duration::from_secs(20)).await;
        world.crash(Crash::PowerCut);
        drop(log);
        let env = world.restart();
        let (log, _) = open(&env, 1, 1);
        let partition = log.partition(id(0)).expect("partition");
        assert_eq!(read_all(&partition, Offset(2)).expect("read"), [(2, 2), (3, 3)]);
    });
}

#[test]
fn rule_24_timestamps_find_the_first_record_at_or_after_them() {
    simulate(9, |env, _world| async move {
        let (log, _) = open(&env, 0, 1);
        let partition = log.partition(id(0)).expect("partition");
        assert_eq!(partition.find_timestamp(Timestamp(0)).expect("find"), None);
        assert_eq!(partition.find_max_timestamp().expect("find"), None);
        for n in 0..300u64 {
            append(&partition, batch(&[10 * n, 10 * n + 5], 400)).await.expect("append");
        }
        env.sleep(Duration::from_secs(30)).await;
        let find = |t| partition.find_timestamp(Timestamp(t)).expect("find").map(|f| f.offset.0);
        assert_eq!(find(0), Some(0));
        assert_eq!(find(6), Some(2));
        assert_eq!(find(2995), Some(599));
        assert_eq!(find(2996), None);
        let largest = partition.find_max_timestamp().expect("find").expect("there is one");
        assert_eq!((largest.offset, largest.timestamp), (Offset(599), Timestamp(2995)));
    });
}

#[test]
fn a_deleted_partition_fails_everyone_who_waits_for_it() {
    simulate(10, |env, _world| async move {
        let (log, _) = open(&env, 0, 2);
        let partition = log.partition(id(0)).expect("partition");
        let pending = partition.append(batch(&[1], 0)).expect("append");
        log.delete(id(0));
        assert!(matches!(pending.ticket.wait().await, Err(LogError::Deleted(_)) | Ok(())));
        assert!(log.partition(id(0)).is_none());
        assert!(matches!(partition.append(batch(&[2], 0)), Err(AppendError::Log(_))));
    });
}
