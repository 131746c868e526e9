//! Batches of a producer that follow one that was refused for a moment do not overtake it.

use std::time::Duration;

use thalweg_env::simulated::{Failure, Operation};
use thalweg_records::{BatchBuilder, BatchMut};
use thalweg_types::{Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};

use super::harness::{id, idempotent, open, simulate};
use crate::{AppendError, Appended, LogError, ProducerError};

const PRODUCER: ProducerId = ProducerId(7);

fn one_record(epoch: i16, sequence: i32, transactional: bool) -> BatchMut {
    let builder = BatchBuilder::new().producer(PRODUCER, ProducerEpoch(epoch), Sequence(sequence));
    let mut builder = if transactional { builder.transactional() } else { builder };
    builder.push(Timestamp(0), None, Some(b"value"), &[]);
    builder.build().expect("a batch")
}

fn plain(sequence: i32) -> BatchMut {
    one_record(0, sequence, false)
}

fn is_out_of_order(outcome: &Result<Appended, AppendError>) -> bool {
    matches!(outcome, Err(AppendError::Producer(ProducerError::OutOfOrder { .. })))
}

#[test]
fn what_follows_a_lost_batch_waits_for_it() {
    simulate(31, |env, world| async move {
        let (log, _) = open(&env, 0, 1);
        let partition = log.partition(id(0)).expect("partition");
        world.disk().fail_nth(Operation::Write, 1, Failure::Io);
        let (first, second) = (partition.append(plain(0)), partition.append(plain(1)));
        for lost in [first, second] {
            lost.expect("accepted").ticket.wait().await.expect_err("the device failed");
        }
        env.sleep(Duration::from_secs(2)).await;
        assert!(is_out_of_order(&partition.append(plain(1))), "the producer's first is missing");
        assert_eq!(partition.append(plain(0)).expect("the first").base_offset, Offset(0));
        assert_eq!(partition.append(plain(1)).expect("the second").base_offset, Offset(1));
    });
}

#[test]
fn what_follows_a_batch_that_nobody_could_take_waits_for_it() {
    simulate(32, |env, world| async move {
        let (log, _) = open(&env, 0, 1);
        let partition = log.partition(id(0)).expect("partition");
        world.disk().fail_nth(Operation::Write, 1, Failure::Io);
        let lost = partition.append(idempotent(8, 0, &[1])).expect("accepted");
        lost.ticket.wait().await.expect_err("the device failed");
        let stalled = partition.append(plain(0));
        assert!(matches!(stalled, Err(AppendError::Log(LogError::Stalled(_)))), "{stalled:?}");
        env.sleep(Duration::from_secs(2)).await;
        assert!(is_out_of_order(&partition.append(plain(3))));
        partition.append(one_record(1, 0, false)).expect("the next epoch begins anew");
    });
}

#[test]
fn a_transaction_begins_with_the_lowest_sequence_that_asked_for_it() {
    simulate(33, |env, _| async move {
        let (log, _) = open(&env, 0, 1);
        let partition = log.partition(id(0)).expect("partition");
        let ask =
            |sequence| partition.transaction_guard(PRODUCER, ProducerEpoch(0), Sequence(sequence));
        let (guard, _) = (ask(4).expect("unknown"), ask(6).expect("unknown"));
        let overtaking = partition.append_transactional(one_record(0, 6, true), guard);
        assert!(is_out_of_order(&overtaking));
        assert!(is_out_of_order(&partition.append(plain(6))), "outside of it neither");
        partition.append_transactional(one_record(0, 4, true), guard).expect("the first");
        partition.append(one_record(0, 5, true)).expect("the second");
        assert_eq!(ask(6), Ok(None));
    });
}
