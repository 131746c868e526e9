//! Flipped bits: found, never served, and they cost no more than what they hit.

use std::path::Path;
use std::time::Duration;

use thalweg_env::simulated::Crash;
use thalweg_types::Offset;

use super::harness::{DIR, append, batch, id, read_all, simulate, try_open};
use crate::{LogError, Partition, ReadLimits};

/// Reads batch by batch, stepping over what is damaged; returns the values and the damage count.
fn read_around(partition: &Partition) -> (Vec<u64>, usize) {
    let end = partition.watermarks().high_watermark;
    let (mut values, mut damaged, mut next) = (Vec::new(), 0, Offset::ZERO);
    while next < end {
        let limits = ReadLimits { bytes_max: 1, at_least_one: true, end };
        match partition.plan_read(next, limits).and_then(crate::ReadPlan::load) {
            Ok(slice) => {
                assert!(!slice.parts.is_empty());
                for part in slice.parts {
                    let batch = thalweg_records::Batch::parse(part).expect("one batch");
                    batch.verify_crc().expect("never served damaged");
                    for record in batch.records(1 << 20).expect("records") {
                        let value = record.expect("record").value.expect("value");
                        values.push(u64::from_be_bytes(value[..8].try_into().expect("8 bytes")));
                    }
                    next = batch.next_offset();
                }
            }
            Err(LogError::Corrupt { .. }) => {
                damaged += 1;
                next = next.plus(1);
            }
            Err(error) => panic!("{error}"),
        }
    }
    (values, damaged)
}

/// Flips one bit of a log and reads all of it; returns how many batches were damaged.
pub(super) fn flip_and_read(seed: u64) -> usize {
    simulate(seed, |env, world| async move {
        let mut random = world.fork_random();
        let (log, _) = try_open(&env, 0, 2).expect("opens");
        for value in 0..60u64 {
            let partition = log.partition(id((value % 2) as i32)).expect("partition");
            append(&partition, batch(&[value], 2000)).await.expect("append");
        }
        // Some seeds keep everything in unfinished files, others have it indexed.
        if random.bool() {
            env.sleep(Duration::from_secs(20)).await;
        }
        world.crash(Crash::Kill);
        drop(log);
        let files: Vec<_> = ["log", "checkpoint"]
            .iter()
            .flat_map(|dir| {
                let dir = Path::new(DIR).join(dir);
                let entries = world.disk().list(&dir).expect("list");
                entries.into_iter().map(move |e| (dir.join(e.name), e.len))
            })
            .filter(|(_, len)| *len > 0)
            .collect();
        let (path, len) = random.choice(files).expect("a file");
        world.disk().flip(&path, random.u64(..len * 8)).expect("flip");
        let env = world.restart();
        let (log, _) = try_open(&env, 1, 2).expect("opens in spite of one flipped bit");
        let mut damaged = 0;
        for n in 0..2 {
            let partition = log.partition(id(n)).expect("partition");
            let (values, bad) = read_around(&partition);
            damaged += bad;
            let missing = (0..60).filter(|v| v % 2 == n as u64 && !values.contains(v)).count();
            // The last chunk cannot be told from one that was torn.
            assert!(missing <= bad + 1, "seed {seed}: {missing} gone, {bad} said, {path:?}");
            assert!(values.is_sorted(), "seed {seed}");
        }
        assert!(damaged <= 1, "seed {seed}: {damaged} batches damaged by one bit in {path:?}");
        damaged
    })
}

#[test]
fn a_flipped_bit_costs_at_most_the_batch_it_hits() {
    let hit: usize = (0..120).map(flip_and_read).sum();
    assert!(hit > 15, "only {hit} flips hit a batch");
}

#[test]
fn a_tail_cut_anywhere_keeps_every_chunk_before_it() {
    simulate(1, |env, world| async move {
        let (log, _) = try_open(&env, 0, 3).expect("opens");
        for value in 0..9u64 {
            let partition = log.partition(id((value % 3) as i32)).expect("partition");
            append(&partition, batch(&[value], 100)).await.expect("append");
        }
        world.crash(Crash::Kill);
        drop(log);
        let env = world.restart();
        let (log, report) = try_open(&env, 1, 3).expect("opens");
        assert!(!report.torn_tail);
        let all: usize = (0..3)
            .map(|n| read_all(&log.partition(id(n)).expect("p"), Offset::ZERO).expect("read").len())
            .sum();
        assert_eq!(all, 9);
    });
}
