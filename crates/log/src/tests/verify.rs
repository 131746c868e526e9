//! The offline check: sound where the log is sound, and no flipped bit gets past it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use thalweg_env::simulated::SimWorld;
use thalweg_env::{Disk, Env};

use super::harness::{DIR, append, batch, id, keep_all, keyed_batch};
use super::harness::{made_in_advance, simulate, try_open_with};
use crate::{Cleanup, PartitionConfig, Verification, verify};

/// A directory with everything in it: write-ahead log files, segments, indexes, a checkpoint, and, if
/// the log was not `closed`, a file to be replayed.
async fn fill(env: &Env, closed: bool) -> u64 {
    let compacted = PartitionConfig {
        cleanup: Cleanup { delete: false, compact: true },
        segment_bytes: 20_000,
        ..keep_all()
    };
    let config = |n| if n == 2 { compacted.clone() } else { keep_all() };
    let (log, _) = try_open_with(env, 0, 3, config).expect("opens");
    for value in 0..300u64 {
        let n = (value % 3) as i32;
        let batch =
            if n == 2 { keyed_batch(&[value], 5, 900) } else { batch(&[value, value + 1], 900) };
        append(&log.partition(id(n)).expect("partition"), batch).await.expect("append");
    }
    env.sleep(Duration::from_mins(1)).await;
    for value in 0..20u64 {
        let partition = log.partition(id(0)).expect("partition");
        append(&partition, batch(&[value], 900)).await.expect("append");
    }
    let rewrites = log.metrics().rewrites.load(std::sync::atomic::Ordering::Relaxed);
    if closed {
        log.close().await;
    }
    rewrites
}

fn check(disk: &std::sync::Arc<dyn Disk>) -> Verification {
    verify(disk.clone(), Path::new(DIR)).expect("a check")
}

#[test]
fn a_sound_directory_is_found_sound_open_or_closed() {
    for closed in [true, false] {
        simulate(1, |env, world: SimWorld| async move {
            assert!(fill(&env, closed).await > 0, "there are segments");
            let disk = world.restart().disk();
            let found = check(&disk);
            assert_eq!(found.damage, []);
            assert!(found.is_sound() && !found.torn_tail);
            assert!(found.batches > 250 && found.records > found.batches, "{found:?}");
        });
    }
}

/// The files whose every bit counts: all but the log file made in advance.
fn files_that_count(disk: &dyn Disk) -> Vec<(PathBuf, u64)> {
    let mut files = Vec::new();
    for dir in ["log", "checkpoint"] {
        let dir = Path::new(DIR).join(dir);
        for entry in disk.list(&dir).expect("list") {
            files.push((dir.join(entry.name), entry.len));
        }
    }
    let empty = made_in_advance(disk);
    files.retain(|(path, _)| !empty.contains(path));
    files
}

#[test]
fn every_flipped_bit_is_found_and_named() {
    simulate(2, |env, world: SimWorld| async move {
        fill(&env, true).await;
        let disk = world.restart().disk();
        let mut random = world.fork_random();
        let files = files_that_count(disk.as_ref());
        assert!(files.len() > 4, "{files:?}");
        for _ in 0..150 {
            let (path, len) = random.choice(&files).expect("a file");
            let bit = random.u64(..len * 8);
            world.disk().flip(path, bit).expect("flip");
            let found = check(&disk);
            let named = found.damage.iter().any(|damage| damage.file == *path);
            assert!(named, "byte {} of {path:?}: {:?}", bit / 8, found.damage);
            world.disk().flip(path, bit).expect("flip back");
        }
        assert_eq!(check(&disk).damage, []);
    });
}

#[test]
fn a_missing_file_is_named() {
    simulate(3, |env, world: SimWorld| async move {
        fill(&env, true).await;
        let disk = world.restart().disk();
        for (path, _) in files_that_count(disk.as_ref()) {
            if path.starts_with(Path::new(DIR).join("checkpoint")) {
                continue;
            }
            let aside = path.with_extension("aside");
            disk.rename(&path, &aside).expect("rename");
            assert!(check(&disk).damage.iter().any(|damage| damage.file == path), "{path:?}");
            disk.rename(&aside, &path).expect("rename back");
        }
    });
}
