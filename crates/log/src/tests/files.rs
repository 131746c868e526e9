//! Files come and go in an order that recovery can rely on.

use thalweg_env::simulated::Crash;
use thalweg_types::Offset;

use super::harness::{append, batch, id, open, read_all, simulate};
use crate::files::FileId;
use crate::shared::Spare;

/// A power cut between the creation of a spare file and the flush of its header leaves the name alone,
/// while the writer has gone on to files with higher numbers.
#[test]
fn a_file_whose_header_was_never_flushed_is_passed_over() {
    simulate(2, |env, world| async move {
        let (log, _) = open(&env, 0, 1);
        let shared = log.shared_for_test();
        let torn = FileId::wal(shared.new_file_number());
        let partition = log.partition(id(0)).expect("partition");
        for value in 0..40 {
            append(&partition, batch(&[value], 1000)).await.expect("append");
        }
        let path = shared.files.path(torn);
        shared.files.disk().create_new(&path).expect("create").allocate(8192).expect("allocate");
        world.crash(Crash::Kill);
        drop((log, shared));
        let env = world.restart();
        let (log, _) = open(&env, 1, 1);
        let partition = log.partition(id(0)).expect("partition");
        assert_eq!(read_all(&partition, Offset::ZERO).expect("read").len(), 40);
    });
}

/// The background worker takes a number for a spare file, the writer cannot wait for it and makes a
/// file of its own with the next number: then the spare must not be used, it would be read first.
#[test]
fn a_spare_file_with_an_older_number_is_not_used() {
    simulate(1, |env, world| async move {
        let (log, _) = open(&env, 0, 1);
        let shared = log.shared_for_test();
        let late = FileId::wal(shared.new_file_number());
        let partition = log.partition(id(0)).expect("partition");
        for value in 0..200 {
            append(&partition, batch(&[value], 1000)).await.expect("append");
        }
        let handle = shared.files.create(late, 64 << 10, 0).expect("a spare");
        shared.handoff.put_spare(Spare { id: late, handle, len: 64 << 10 });
        for value in 200..400 {
            append(&partition, batch(&[value], 1000)).await.expect("append");
        }
        world.crash(Crash::PowerCut);
        drop((log, shared));
        let env = world.restart();
        let (log, _) = open(&env, 1, 1);
        let partition = log.partition(id(0)).expect("partition");
        assert_eq!(read_all(&partition, Offset::ZERO).expect("read").len(), 400);
    });
}
