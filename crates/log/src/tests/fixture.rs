//! A data directory of format 1, committed: every later version must read it, and say so clearly if
//! it is asked to read a later one.
//!
//! `THALWEG_WRITE_FIXTURE=1 cargo test -p thalweg-log fixture` writes it anew. That is right only
//! while format 1 was never released.

use std::io::IoSlice;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thalweg_env::simulated::SimWorld;
use thalweg_env::{Disk, Env};
use thalweg_types::Offset;

use super::harness::{DIR, append, batch, id, idempotent, keep_all, keyed_batch, open_with};
use super::harness::{made_in_advance, read_all, simulate, try_open_with};
use crate::format::crc32c;
use crate::{Cleanup, LogError, PartitionConfig, verify};

const FOLDERS: [&str; 2] = ["log", "checkpoint"];
const VALUES: u64 = 120;

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/format-1")
}

fn config(n: i32) -> PartitionConfig {
    let compact = Cleanup { delete: false, compact: true };
    if n == 2 { PartitionConfig { cleanup: compact, ..keep_all() } } else { keep_all() }
}

/// Write-ahead log files indexed and not, a segment, a trim, a compacted partition, a producer.
async fn write(env: &Env) {
    let (log, _) = try_open_with(env, 1, 3, config).expect("opens");
    for value in 0..VALUES {
        let partition = |n| log.partition(id(n)).expect("partition");
        append(&partition(0), batch(&[value], 40)).await.expect("append");
        append(&partition(1), idempotent(7, value as i32, &[value])).await.expect("append");
        append(&partition(2), keyed_batch(&[value], 9, 40)).await.expect("append");
    }
    env.sleep(Duration::from_mins(1)).await;
    let partition = log.partition(id(1)).expect("partition");
    partition.trim(Offset(10)).expect("trim").wait().await.expect("durable");
    log.close().await;
}

fn copy(from: &dyn Disk, from_dir: &Path, to: &dyn Disk, to_dir: &Path) {
    for folder in FOLDERS {
        let (from_dir, to_dir) = (from_dir.join(folder), to_dir.join(folder));
        to.create_dir_all(&to_dir).expect("create");
        for old in to.list(&to_dir).expect("list") {
            to.remove(&to_dir.join(old.name)).expect("remove");
        }
        for entry in from.list(&from_dir).expect("list") {
            let content = from.read(&from_dir.join(&entry.name), 1 << 20).expect("read");
            let file = to.create_new(&to_dir.join(&entry.name)).expect("create");
            file.write_all_at(&[IoSlice::new(&content)], 0).expect("write");
        }
    }
}

#[test]
fn the_fixture_can_be_written_anew() {
    simulate(1, |env, world: SimWorld| async move {
        write(&env).await;
        let disk = world.restart().disk();
        for path in made_in_advance(disk.as_ref()) {
            disk.remove(&path).expect("remove");
        }
        if std::env::var_os("THALWEG_WRITE_FIXTURE").is_some() {
            copy(disk.as_ref(), Path::new(DIR), Env::real().disk().as_ref(), &committed());
        }
        check(&world.restart());
    });
}

/// Runs `scenario` on a copy of the fixture.
fn on_the_fixture(scenario: impl FnOnce(&Env)) {
    simulate(1, |env, _world| async move {
        copy(Env::real().disk().as_ref(), &committed(), env.disk().as_ref(), Path::new(DIR));
        scenario(&env);
    });
}

fn check(env: &Env) {
    let found = verify(env.disk(), Path::new(DIR)).expect("a check");
    assert_eq!(found.damage, []);
    let (log, report) = try_open_with(env, 2, 3, config).expect("opens");
    assert_eq!(report.damage, []);
    let read = |n, from| read_all(&log.partition(id(n)).expect("partition"), Offset(from));
    let all = |from: u64| (from..VALUES).map(|v| (v as i64, v)).collect::<Vec<_>>();
    assert_eq!(read(0, 0).expect("read"), all(0));
    assert_eq!(log.partition(id(1)).expect("partition").watermarks().log_start, Offset(10));
    assert_eq!(read(1, 10).expect("read"), all(10));
    let newest = read(2, 0).expect("read");
    assert!(newest.len() < 100 && newest.ends_with(&all(VALUES - 9)), "{newest:?}");
    let producers = log.partition(id(1)).expect("partition").producers();
    assert_eq!(producers[0].1.batches.back().map(|b| b.base_sequence.0), Some(VALUES as i32 - 1));
}

#[test]
fn format_1_reads_for_ever() {
    on_the_fixture(check);
}

/// A version that no format has reached.
const NEWER: u16 = 1000;

/// Puts a newer version at `at` and the checksum of `from..to` behind it.
fn patch(disk: &dyn Disk, path: &Path, at: usize, (from, to): (usize, usize)) {
    let mut content = disk.read(path, 1 << 20).expect("read");
    content[at..at + 2].copy_from_slice(&NEWER.to_le_bytes());
    let crc = crc32c(&content[from..to]);
    content[to..to + 4].copy_from_slice(&crc.to_le_bytes());
    let file = disk.open(path).expect("open");
    file.write_all_at(&[IoSlice::new(&content)], 0).expect("write");
}

fn first(disk: &dyn Disk, folder: &str, extension: &str) -> PathBuf {
    let dir = Path::new(DIR).join(folder);
    let mut names = disk.list(&dir).expect("list").into_iter().map(|entry| entry.name);
    dir.join(names.find(|name| name.ends_with(extension)).expect("a file"))
}

fn read_everything(env: &Env) -> Result<(), LogError> {
    let (log, _) = try_open_with(env, 2, 3, config)?;
    for n in 0..3 {
        let partition = log.partition(id(n)).expect("partition");
        read_all(&partition, partition.watermarks().log_start)?;
    }
    Ok(())
}

fn refused(env: &Env, path: &Path) {
    for outcome in [read_everything(env), verify(env.disk(), Path::new(DIR)).map(drop)] {
        let error = outcome.expect_err("a newer version is refused");
        assert!(matches!(&error, LogError::NewerFormat { file, found: NEWER, .. } if file == path));
        assert!(error.to_string().contains("written by a newer version"), "{error}");
    }
}

#[test]
fn a_newer_checkpoint_is_refused() {
    on_the_fixture(|env| {
        let disk = env.disk();
        let path = first(disk.as_ref(), "checkpoint", "checkpoint");
        let len = disk.read(&path, 1 << 20).expect("read").len();
        patch(disk.as_ref(), &path, 4, (0, len / 2 - 4));
        refused(env, &path);
    });
}

#[test]
fn a_newer_log_file_is_refused() {
    for extension in ["seg", "wal"] {
        on_the_fixture(|env| {
            let disk = env.disk();
            let path = first(disk.as_ref(), "log", extension);
            patch(disk.as_ref(), &path, 8, (0, 36));
            refused(env, &path);
        });
    }
}

#[test]
fn a_newer_index_is_refused() {
    on_the_fixture(|env| {
        let disk = env.disk();
        for entry in disk.list(&Path::new(DIR).join("log")).expect("list") {
            if entry.name.ends_with("index") {
                patch(disk.as_ref(), &Path::new(DIR).join("log").join(entry.name), 4, (0, 24));
            }
        }
        let error = read_everything(env).expect_err("refused");
        assert!(matches!(error, LogError::NewerFormat { found: NEWER, .. }), "{error}");
    });
}

#[test]
fn a_newer_chunk_in_a_file_to_be_replayed_is_refused() {
    simulate(3, |env, world: SimWorld| async move {
        let log = open_with(&env, 1, 1, &keep_all());
        append(&log.partition(id(0)).expect("partition"), batch(&[1], 0)).await.expect("append");
        world.crash(thalweg_env::simulated::Crash::Kill);
        drop(log);
        let env = world.restart();
        let path = first(env.disk().as_ref(), "log", "wal");
        patch(env.disk().as_ref(), &path, 8192 + 4, (8192, 8192 + 76));
        refused(&env, &path);
    });
}
