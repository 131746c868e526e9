//! Open, ended and aborted transactions, and what a crash leaves of them.

use std::sync::Arc;

use thalweg_env::Env;
use thalweg_env::simulated::{Failure, Operation};
use thalweg_records::{BatchBuilder, BatchMut};
use thalweg_types::{Offset, ProducerEpoch, ProducerId, Sequence, Timestamp, TxnOutcome};
use tokio::sync::Notify;

use super::harness::{append, batch, id, open, simulate};
use crate::{
    AbortedTransaction, AppendError, Appended, Log, Marker, Partition, ProducerError,
    TransactionGuard, Watermark,
};

/// A batch of a transaction.
fn data(producer: i64, epoch: i16, sequence: i32) -> BatchMut {
    let (id, epoch) = (ProducerId(producer), ProducerEpoch(epoch));
    let builder = BatchBuilder::new().producer(id, epoch, Sequence(sequence));
    let mut builder = builder.transactional();
    builder.push(Timestamp(0), None, Some(b"value"), &[]);
    builder.build().expect("a batch")
}

pub(super) fn marker(producer: i64, epoch: i16, outcome: TxnOutcome) -> Marker {
    Marker {
        producer_id: ProducerId(producer),
        producer_epoch: ProducerEpoch(epoch),
        outcome,
        coordinator_epoch: 5,
        new_epoch: true,
    }
}

/// Appends a batch of a transaction as a broker does that has asked the coordinator.
fn vouched(partition: &Arc<Partition>, batch: BatchMut) -> Result<Appended, AppendError> {
    let (id, epoch) = (batch.header().producer_id, batch.header().producer_epoch);
    let guard = partition.transaction_guard(id, epoch, batch.header().base_sequence)?;
    partition.append_transactional(batch, guard)
}

pub(super) async fn write(partition: &Arc<Partition>, batch: BatchMut) -> Offset {
    let appended = vouched(partition, batch).expect("accepted");
    appended.ticket.wait().await.expect("durable");
    appended.base_offset
}

pub(super) async fn end(partition: &Arc<Partition>, marker: Marker) -> Offset {
    let appended = partition.append_marker(marker).expect("accepted");
    appended.ticket.wait().await.expect("durable");
    appended.base_offset
}

fn refusal(outcome: Result<Appended, AppendError>) -> ProducerError {
    match outcome {
        Err(AppendError::Producer(error)) => error,
        other => panic!("{other:?}"),
    }
}

fn stable(partition: &Partition) -> Offset {
    partition.watermarks().last_stable
}

fn one_partition(env: &Env) -> (Log, Arc<Partition>) {
    let (log, _) = open(env, 0, 1);
    let partition = log.partition(id(0)).expect("partition");
    (log, partition)
}

#[test]
fn rule_19_an_open_transaction_holds_back_readers_of_committed_records() {
    simulate(1, |env, _world| async move {
        let (_log, partition) = one_partition(&env);
        append(&partition, batch(&[0], 0)).await.expect("plain");
        assert_eq!(stable(&partition), Offset(1));
        write(&partition, data(1, 0, 0)).await;
        write(&partition, data(2, 0, 0)).await;
        append(&partition, batch(&[3], 0)).await.expect("plain");
        assert_eq!(stable(&partition), Offset(1));
        let notify = Arc::new(Notify::new());
        partition.watch(Watermark::LastStable, Offset(1), &notify).expect("nothing is stable yet");

        end(&partition, marker(1, 1, TxnOutcome::Commit)).await;
        notify.notified().await;
        assert_eq!(stable(&partition), Offset(2));
        end(&partition, marker(2, 1, TxnOutcome::Abort)).await;
        assert_eq!(stable(&partition), Offset(6));
        let aborted = partition.aborted_transactions(Offset(0), Offset(6));
        let expected = AbortedTransaction {
            producer_id: ProducerId(2),
            first_offset: Offset(2),
            last_offset: Offset(5),
            last_stable_offset: Offset(6),
        };
        assert_eq!(aborted, [expected]);
        assert_eq!(partition.aborted_transactions(Offset(0), Offset(2)), []);
    });
}

#[test]
fn rule_29_the_first_batch_needs_a_guard_that_no_marker_has_made_stale() {
    simulate(2, |env, _world| async move {
        let (_log, partition) = one_partition(&env);
        assert_eq!(refusal(partition.append(data(1, 0, 0))), ProducerError::NoTransaction);
        let before = partition
            .transaction_guard(ProducerId(1), ProducerEpoch(1), Sequence(0))
            .expect("its epoch");
        end(&partition, marker(1, 1, TxnOutcome::Abort)).await;
        let late = partition.append_transactional(data(1, 1, 0), before);
        assert_eq!(refusal(late), ProducerError::NoTransaction);

        write(&partition, data(1, 1, 0)).await;
        assert_eq!(
            partition.transaction_guard(ProducerId(1), ProducerEpoch(1), Sequence(0)),
            Ok(None)
        );
        partition.append(data(1, 1, 1)).expect("the transaction goes on without a guard");
        // Rule 30.
        let (id, epoch) = (ProducerId(1), ProducerEpoch(1));
        let mut plain = BatchBuilder::new().producer(id, epoch, Sequence(2));
        plain.push(Timestamp(0), None, None, &[]);
        let plain = partition.append(plain.build().expect("a batch"));
        assert_eq!(refusal(plain), ProducerError::TransactionOpen);
    });
}

#[test]
fn rule_34_the_next_transaction_waits_for_the_marker_of_the_last() {
    simulate(8, |env, _world| async move {
        let (_log, partition) = one_partition(&env);
        write(&partition, data(1, 0, 0)).await;
        // The client knows its next epoch before the marker of the last transaction is here.
        let next = vouched(&partition, data(1, 1, 0));
        assert_eq!(refusal(next), ProducerError::TransactionOpen);
        end(&partition, marker(1, 1, TxnOutcome::Abort)).await;
        write(&partition, data(1, 1, 0)).await;
        assert_eq!(stable(&partition), Offset(2));
    });
}

#[test]
fn rule_28_and_32_markers_fence_and_are_fenced() {
    simulate(3, |env, _world| async move {
        let (_log, partition) = one_partition(&env);
        write(&partition, data(1, 3, 0)).await;
        let with_the_same_epoch = partition.append_marker(marker(1, 3, TxnOutcome::Commit));
        assert!(matches!(refusal(with_the_same_epoch), ProducerError::StaleEpoch { .. }));
        end(&partition, marker(1, 4, TxnOutcome::Commit)).await;
        let high_watermark = partition.watermarks().high_watermark;

        let again = partition.append_marker(marker(1, 4, TxnOutcome::Commit)).expect("a retry");
        assert!(again.duplicate);
        again.ticket.wait().await.expect("durable");
        assert_eq!(partition.watermarks().high_watermark, high_watermark);

        let zombie = vouched(&partition, data(1, 3, 1));
        assert!(matches!(refusal(zombie), ProducerError::StaleEpoch { .. }));
        let skipping = vouched(&partition, data(1, 4, 7));
        assert!(matches!(refusal(skipping), ProducerError::OutOfOrder { .. }));
        let old = Marker { coordinator_epoch: 4, ..marker(1, 5, TxnOutcome::Abort) };
        let refused = refusal(partition.append_marker(old));
        assert_eq!(refused, ProducerError::StaleCoordinator { got: 4, current: 5 });
    });
}

#[test]
fn clients_that_do_not_know_kip_890_go_on_with_their_epoch_and_sequence() {
    simulate(4, |env, _world| async move {
        let (_log, partition) = one_partition(&env);
        let old = |outcome| Marker { new_epoch: false, ..marker(1, 0, outcome) };
        write(&partition, data(1, 0, 0)).await;
        end(&partition, old(TxnOutcome::Commit)).await;
        write(&partition, data(1, 0, 1)).await;
        end(&partition, old(TxnOutcome::Abort)).await;
        assert_eq!(stable(&partition), Offset(4));
        assert_eq!(partition.aborted_transactions(Offset(0), Offset(4)).len(), 1);
        let empty = end(&partition, old(TxnOutcome::Commit)).await;
        assert_eq!(
            empty,
            Offset(4),
            "the marker of a transaction without a batch here, as in Kafka"
        );
    });
}

#[test]
fn rule_12_clients_of_kip_890_begin_with_sequence_0_where_they_are_unknown() {
    simulate(9, |env, _world| async move {
        let (_log, partition) = one_partition(&env);
        let guard = partition
            .transaction_guard(ProducerId(1), ProducerEpoch(0), Sequence(7))
            .expect("unknown");
        let from_zero = guard.map(TransactionGuard::from_zero);
        let skipping = partition.append_transactional(data(1, 0, 7), from_zero);
        assert!(matches!(refusal(skipping), ProducerError::OutOfOrder { .. }));
        partition.append_transactional(data(1, 0, 0), from_zero).expect("the first");
        let guard = partition
            .transaction_guard(ProducerId(2), ProducerEpoch(0), Sequence(7))
            .expect("unknown");
        partition
            .append_transactional(data(2, 0, 7), guard)
            .expect("an old client begins anywhere");
    });
}

#[test]
fn rule_12_batches_without_an_epoch_are_compared_and_not_counted() {
    simulate(10, |env, _world| async move {
        let (_log, partition) = one_partition(&env);
        let batch = |epoch, sequence| {
            let builder = BatchBuilder::new();
            let mut builder =
                builder.producer(ProducerId(1), ProducerEpoch(epoch), Sequence(sequence));
            builder.push(Timestamp(0), None, None, &[]);
            partition.append(builder.build().expect("a batch"))
        };
        assert!(matches!(refusal(batch(-2, 0)), ProducerError::StaleEpoch { .. }));
        batch(-1, 0).expect("no epoch");
        batch(-1, 9).expect("any sequence");
        assert!(batch(-1, 9).expect("known").duplicate);
        batch(0, 5).expect("an epoch at last");
        assert!(matches!(refusal(batch(0, 9)), ProducerError::OutOfOrder { .. }));
    });
}

/// Everything is as it was, whether the checkpoint tells of it or the chunks after it.
fn survives(seed: u64, fill: u64) {
    simulate(seed, |env, world| async move {
        let (log, partition) = one_partition(&env);
        write(&partition, data(1, 0, 0)).await;
        write(&partition, data(2, 0, 0)).await;
        end(&partition, marker(2, 1, TxnOutcome::Abort)).await;
        for value in 0..fill {
            append(&partition, batch(&[value], 500)).await.expect("plain");
        }
        env.sleep(std::time::Duration::from_secs(30)).await;
        let all = partition.watermarks().high_watermark;
        let aborted = partition.aborted_transactions(Offset(0), all);
        drop((log, partition));

        let env = world.restart();
        let (log, _) = open(&env, 1, 1);
        let partition = log.partition(id(0)).expect("partition");
        assert_eq!(stable(&partition), Offset(0));
        assert_eq!(partition.aborted_transactions(Offset(0), all), aborted);
        assert_eq!(aborted.len(), 1);
        end(&partition, marker(1, 1, TxnOutcome::Commit)).await;
        assert_eq!(stable(&partition), partition.watermarks().high_watermark);
        let stale = Marker { coordinator_epoch: 4, ..marker(1, 2, TxnOutcome::Abort) };
        let refused = refusal(partition.append_marker(stale));
        assert_eq!(refused, ProducerError::StaleCoordinator { got: 4, current: 5 });
    });
}

#[test]
fn transactions_survive_a_crash_within_the_last_file() {
    survives(5, 0);
}

#[test]
fn transactions_survive_a_crash_after_a_checkpoint() {
    survives(6, 600);
}

#[test]
fn what_was_accepted_and_not_durable_ends_no_transaction() {
    simulate(7, |env, world| async move {
        let (log, partition) = one_partition(&env);
        write(&partition, data(1, 0, 0)).await;
        world.disk().fail_nth(Operation::Write, 1, Failure::Io);
        let ending = partition.append_marker(marker(1, 1, TxnOutcome::Commit)).expect("accepted");
        ending.ticket.wait().await.expect_err("the device failed");
        assert_eq!(stable(&partition), Offset(0));
        let guard = partition.transaction_guard(ProducerId(1), ProducerEpoch(0), Sequence(0));
        assert_eq!(guard, Ok(None), "it is open again");
        drop(log);
    });
}
