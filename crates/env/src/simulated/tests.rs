use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::io::{self, ErrorKind, IoSlice};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{Crash, Failure, Operation, SimWorld, run};
use crate::{Disk, DiskFile, Env, Turn, Wake, Worker};

const DIR: &str = "/data";
const FILE: &str = "/data/file";

/// Runs `scenario` once for each of `seeds` seeds, on a disk with the durable folder [`DIR`].
fn for_seeds<F: Future>(seeds: u64, scenario: impl Fn(Env, SimWorld) -> F) -> Vec<F::Output> {
    let one = |seed| {
        run(async {
            let (env, world) = SimWorld::new(seed);
            env.disk().create_dir_all(Path::new(DIR)).unwrap();
            env.disk().sync_dir(Path::new("/")).unwrap();
            scenario(env, world).await
        })
        .unwrap()
    };
    (0..seeds).map(one).collect()
}

fn write(file: &dyn DiskFile, offset: u64, bytes: &[u8]) -> io::Result<()> {
    file.write_all_at(&[IoSlice::new(bytes)], offset)
}

/// A durable file of `len` bytes `byte`.
fn durable(disk: &dyn Disk, path: &str, byte: u8, len: usize) -> Arc<dyn DiskFile> {
    let file = disk.create_new(Path::new(path)).unwrap();
    write(&*file, 0, &vec![byte; len]).unwrap();
    file.sync_data().unwrap();
    disk.sync_dir(Path::new(DIR)).unwrap();
    file
}

fn after(world: &SimWorld, crash: Crash) -> Arc<dyn Disk> {
    world.crash(crash);
    world.restart().disk()
}

fn content(disk: &dyn Disk) -> Vec<u8> {
    disk.read(Path::new(FILE), 1 << 20).unwrap()
}

#[test]
fn replace_is_atomic_whatever_call_the_crash_hits() {
    let hits = for_seeds(200, async |env, world: SimWorld| {
        let (old, new) = (vec![1; 3000], vec![2; 5000]);
        env.disk().replace(Path::new(FILE), &old).unwrap();
        let crash = if world.fork_random().bool() { Crash::Kill } else { Crash::PowerCut };
        let mut env = env;
        for nth in 1.. {
            world.disk().crash_at(nth, crash);
            let replaced = env.disk().replace(Path::new(FILE), &new);
            world.disk().clear_faults();
            if world.is_up() {
                world.crash(Crash::PowerCut);
            }
            env = world.restart();
            let found = content(&*env.disk());
            if replaced.is_ok() {
                assert!(found == new, "a replacement that was reported is there");
                return nth;
            }
            assert!(found == old || found == new, "call {nth} left a mixture");
            env.disk().replace(Path::new(FILE), &old).unwrap();
        }
        unreachable!()
    });
    assert!(hits.iter().all(|calls| (6..=8).contains(calls)), "{hits:?}");
}

#[test]
fn flushed_bytes_survive_and_unflushed_sectors_may() {
    let outcomes = for_seeds(200, async |env, world: SimWorld| {
        let file = durable(&*env.disk(), FILE, 1, 4096);
        write(&*file, 0, &[2; 4096]).unwrap();
        let found = content(&*after(&world, Crash::PowerCut));
        assert_eq!(found.len(), 4096);
        let sectors = found.chunks(512).map(|sector| {
            assert!(sector.iter().all(|byte| *byte == sector[0]), "a sector is whole");
            sector[0]
        });
        sectors.collect::<BTreeSet<u8>>()
    });
    let outcomes: BTreeSet<_> = outcomes.into_iter().collect();
    assert_eq!(outcomes, [vec![1], vec![2], vec![1, 2]].map(BTreeSet::from_iter).into());
}

#[test]
fn an_unflushed_length_may_survive_in_part() {
    let lengths = for_seeds(200, async |env, world: SimWorld| {
        let file = durable(&*env.disk(), FILE, 1, 1000);
        write(&*file, 1000, &[1; 1000]).unwrap();
        let found = content(&*after(&world, Crash::PowerCut));
        assert!(found[..1000].iter().all(|byte| *byte == 1));
        assert!(found.iter().all(|byte| *byte <= 1), "what did not arrive is zero");
        found.len()
    });
    assert!(lengths.iter().all(|len| (1000..=2000).contains(len)));
    assert!(lengths.contains(&1000) && lengths.contains(&2000));
    assert!(lengths.iter().any(|len| (1001..2000).contains(len)));
}

#[test]
fn an_unflushed_truncation_may_be_undone() {
    let lengths = for_seeds(100, async |env, world: SimWorld| {
        let file = durable(&*env.disk(), FILE, 1, 3000);
        file.truncate(700).unwrap();
        let found = content(&*after(&world, Crash::PowerCut));
        assert!(found[..700].iter().all(|byte| *byte == 1));
        assert!(found.get(1024..).unwrap_or_default().iter().all(|byte| *byte == 1));
        found.len()
    });
    assert_eq!(lengths.into_iter().collect::<BTreeSet<_>>(), [700, 3000].into());
}

#[test]
fn a_killed_process_loses_no_written_byte_and_no_name() {
    for_seeds(20, async |env, world: SimWorld| {
        let file = env.disk().create_new(Path::new("/data/temporary")).unwrap();
        write(&*file, 0, &[5; 2000]).unwrap();
        env.disk().rename(Path::new("/data/temporary"), Path::new(FILE)).unwrap();
        assert_eq!(content(&*after(&world, Crash::Kill)), [5; 2000]);
    });
}

#[test]
fn a_kill_within_a_flush_loses_no_written_byte() {
    for_seeds(50, async |env, world: SimWorld| {
        let file = durable(&*env.disk(), FILE, 1, 4096);
        write(&*file, 0, &[2; 4096]).unwrap();
        world.disk().crash_at(1, Crash::Kill);
        file.sync_data().unwrap_err();
        assert!(!world.is_up());
        assert_eq!(content(&*world.restart().disk()), [2; 4096]);
    });
}

#[test]
fn a_power_cut_after_a_kill_still_takes_what_was_not_flushed() {
    let survived = for_seeds(50, async |env, world: SimWorld| {
        let file = durable(&*env.disk(), FILE, 1, 512);
        write(&*file, 0, &[2; 512]).unwrap();
        world.crash(Crash::Kill);
        content(&*after(&world, Crash::PowerCut))[0]
    });
    assert!(survived.contains(&1) && survived.contains(&2));
}

/// Bytes seen by readers, and versions a power cut may leave, of each sector.
#[derive(Default)]
struct Versions(BTreeMap<u64, BTreeSet<u8>>);

#[test]
fn each_sector_comes_back_in_a_version_since_its_flush() {
    const SECTORS: u64 = 24;
    for_seeds(150, async |env, world: SimWorld| {
        let mut random = world.fork_random();
        let mut file = durable(&*env.disk(), FILE, 0, SECTORS as usize * 512);
        let mut versions = Versions((0..SECTORS).map(|sector| (sector, [0].into())).collect());
        let mut latest = vec![0; SECTORS as usize];
        for version in 1..120 {
            match random.u8(..12) {
                0 => {
                    let found = content(&*after(&world, Crash::PowerCut));
                    for (sector, bytes) in found.chunks(512).enumerate() {
                        let allowed = &versions.0[&(sector as u64)];
                        assert!(allowed.contains(&bytes[0]), "sector {sector}: {}", bytes[0]);
                        latest[sector] = bytes[0];
                    }
                    file = world.restart().disk().open(Path::new(FILE)).unwrap();
                    versions = Versions::of(&latest);
                }
                1 => {
                    file.sync_data().unwrap();
                    versions = Versions::of(&latest);
                }
                _ => {
                    let first = random.u64(..SECTORS);
                    let last = random.u64(first..SECTORS);
                    let bytes = vec![version; (last - first + 1) as usize * 512];
                    write(&*file, first * 512, &bytes).unwrap();
                    for sector in first..=last {
                        versions.0.entry(sector).or_default().insert(version);
                        latest[sector as usize] = version;
                    }
                }
            }
        }
    });
}

impl Versions {
    fn of(latest: &[u8]) -> Self {
        Self((0..).zip(latest).map(|(sector, version)| (sector, [*version].into())).collect())
    }
}

fn names(disk: &dyn Disk) -> String {
    disk.list(Path::new(DIR)).unwrap().into_iter().map(|entry| entry.name).collect()
}

/// The sets of names that power cuts leave of `changes`.
fn names_left(changes: impl Fn(&dyn Disk)) -> BTreeSet<String> {
    let left = for_seeds(100, async |env, world: SimWorld| {
        changes(&*env.disk());
        names(&*after(&world, Crash::PowerCut))
    });
    left.into_iter().collect()
}

fn path(name: &str) -> std::path::PathBuf {
    Path::new(DIR).join(name)
}

fn sets(of: &[&str]) -> BTreeSet<String> {
    of.iter().map(|names| (*names).to_owned()).collect()
}

#[test]
fn names_are_durable_once_their_folder_is_flushed() {
    let create = |disk: &dyn Disk| drop(disk.create_new(&path("a")).unwrap());
    assert_eq!(names_left(create), sets(&["", "a"]));
    let flush = |disk: &dyn Disk| {
        create(disk);
        disk.sync_dir(Path::new(DIR)).unwrap();
    };
    assert_eq!(names_left(flush), sets(&["a"]));
    let remove = |disk: &dyn Disk| {
        flush(disk);
        disk.remove(&path("a")).unwrap();
    };
    assert_eq!(names_left(remove), sets(&["", "a"]));
}

#[test]
fn a_rename_is_never_half_done() {
    let rename = |disk: &dyn Disk| {
        disk.create_new(&path("a")).unwrap();
        disk.rename(&path("a"), &path("b")).unwrap();
        disk.rename(&path("b"), &path("c")).unwrap();
    };
    assert_eq!(names_left(rename), sets(&["", "a", "b", "c"]));
}

#[test]
fn a_folder_is_a_name_in_its_parent() {
    let found = for_seeds(100, async |env, world: SimWorld| {
        let (disk, inner) = (env.disk(), path("x/y"));
        disk.create_dir_all(&inner).unwrap();
        disk.create_new(&inner.join("f")).unwrap();
        disk.sync_dir(&inner).unwrap();
        let lost = after(&world, Crash::PowerCut).open(&inner.join("f")).is_err();
        let disk = world.restart().disk();
        disk.create_dir_all(&inner).unwrap();
        let _ = disk.create_new(&inner.join("f"));
        for folder in [&*inner, &*path("x"), Path::new(DIR)] {
            disk.sync_dir(folder).unwrap();
        }
        assert!(after(&world, Crash::PowerCut).open(&inner.join("f")).is_ok());
        lost
    });
    assert!(found.contains(&true) && found.contains(&false));
}

#[test]
fn a_second_flush_after_a_failed_one_proves_nothing() {
    let lost = for_seeds(100, async |env, world: SimWorld| {
        let file = durable(&*env.disk(), FILE, 1, 512);
        write(&*file, 0, &[2; 512]).unwrap();
        world.disk().fail_nth(Operation::Sync, 1, Failure::Io);
        assert_eq!(file.sync_data().unwrap_err().raw_os_error(), Some(5));
        file.sync_data().unwrap();
        let seen = content(&*env.disk())[0];
        (seen, content(&*after(&world, Crash::PowerCut))[0])
    });
    let outcomes: BTreeSet<_> = lost.into_iter().collect();
    assert_eq!(outcomes, [(1, 1), (2, 1), (2, 2)].into(), "evicted, forgotten, written");
}

#[test]
fn a_failed_write_leaves_a_first_part() {
    let parts = for_seeds(50, async |env, world: SimWorld| {
        let file = durable(&*env.disk(), FILE, 1, 100);
        world.disk().fail_nth(Operation::Write, 2, Failure::Io);
        write(&*file, 0, &[1; 10]).unwrap();
        write(&*file, 0, &[2; 100]).unwrap_err();
        let found = content(&*env.disk());
        let part = found.partition_point(|byte| *byte == 2);
        assert!(found[part..].iter().all(|byte| *byte == 1));
        assert_eq!(world.disk().stats().failures, 1);
        part
    });
    assert!(parts.into_iter().collect::<BTreeSet<_>>().len() > 10);
}

#[test]
fn failures_come_as_often_as_asked() {
    for_seeds(1, async |env, world: SimWorld| {
        durable(&*env.disk(), FILE, 1, 100);
        world.disk().fail_often(Operation::Read, 0.25, Failure::Io);
        let failed = (0..1000).filter(|_| env.disk().read(Path::new(FILE), 100).is_err()).count();
        assert!((200..300).contains(&failed), "{failed}");
        world.disk().clear_faults();
        content(&*env.disk());
    });
}

#[test]
fn a_full_disk_refuses_and_recovers() {
    for_seeds(1, async |env, world: SimWorld| {
        world.disk().set_capacity(10_000);
        let file = durable(&*env.disk(), FILE, 1, 4000);
        assert_eq!(env.disk().free_bytes(Path::new(DIR)).unwrap(), 6000);
        assert_eq!(file.allocate(10_001).unwrap_err().kind(), ErrorKind::StorageFull);
        file.allocate(9000).unwrap();
        let error = write(&*file, 8000, &[2; 5000]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        assert_eq!(file.len().unwrap(), 10_000, "what fitted is there");
        assert_eq!(world.disk().stats().full, 2);
        env.disk().remove(Path::new(FILE)).unwrap();
        assert_eq!(env.disk().free_bytes(Path::new(DIR)).unwrap(), 0, "still open");
        drop(file);
        assert_eq!(env.disk().free_bytes(Path::new(DIR)).unwrap(), 10_000);
    });
}

#[test]
fn recycled_blocks_hold_old_bytes() {
    for_seeds(1, async |env, world: SimWorld| {
        world.disk().set_recycling(true);
        let disk = env.disk();
        drop(durable(&*disk, FILE, 7, 1024));
        disk.remove(Path::new(FILE)).unwrap();
        disk.sync_dir(Path::new(DIR)).unwrap();
        let file = durable(&*disk, FILE, 0, 0);
        file.allocate(2048).unwrap();
        write(&*file, 0, &[1; 10]).unwrap();
        let found = content(&*disk);
        assert_eq!((found[..10].to_vec(), found[10..1024].to_vec()), (vec![1; 10], vec![7; 1014]));
        assert_eq!(found[1024..], [0; 1024]);
    });
}

#[test]
fn a_flipped_bit_stays() {
    for_seeds(20, async |env, world: SimWorld| {
        let file = durable(&*env.disk(), FILE, 0, 1000);
        write(&*file, 0, &[0; 300]).unwrap();
        world.disk().flip(Path::new(FILE), 100 * 8 + 3).unwrap();
        assert!(world.disk().flip(Path::new(FILE), 8000).is_err());
        let found = content(&*after(&world, Crash::PowerCut));
        assert_eq!(found[100], 8);
        assert_eq!(found.iter().filter(|byte| **byte != 0).count(), 1);
    });
}

#[test]
fn a_crash_ends_handles_locks_and_tasks() {
    for_seeds(20, async |env, world: SimWorld| {
        let (disk, ticks) = (env.disk(), Arc::new(Mutex::new(0)));
        let (file, lock) = (durable(&*disk, FILE, 1, 10), disk.lock(Path::new("/LOCK")).unwrap());
        let counted = Arc::clone(&ticks);
        let clock = env.clone();
        env.spawn("ticker", async move {
            loop {
                clock.sleep(Duration::from_millis(10)).await;
                *counted.lock().unwrap() += 1;
            }
        });
        env.sleep(Duration::from_millis(1005)).await;
        world.disk().crash_at(3, Crash::PowerCut);
        file.sync_data().unwrap();
        file.sync_data().unwrap();
        assert!(world.is_up());
        file.sync_data().unwrap_err();
        assert!(!world.is_up());
        world.down().await;

        let disk_after = world.restart().disk();
        assert!(world.is_up());
        assert!(file.read_at(&mut [0], 0).is_err() && disk.list(Path::new(DIR)).is_err());
        let lock_after = disk_after.lock(Path::new("/LOCK")).unwrap();
        assert!(lock_after.is_some());
        drop(lock);
        assert!(disk_after.lock(Path::new("/LOCK")).unwrap().is_none());
        env.spawn("late", async { panic!("a task of a crashed incarnation ran") });
        env.sleep(Duration::from_secs(10)).await;
        assert_eq!(*ticks.lock().unwrap(), 100);
    });
}

#[test]
fn time_is_virtual_and_the_wall_clock_jumps() {
    for_seeds(1, async |env, world: SimWorld| {
        let (wall, now) = (env.wall(), env.now());
        env.sleep(Duration::from_hours(1000)).await;
        assert_eq!(env.now() - now, Duration::from_hours(1000));
        assert_eq!(env.wall().millis_since(wall), 3_600_000_000);
        world.jump_wall(-4_000_000_000);
        assert_eq!(env.wall().millis_since(wall), -400_000_000);
    });
}

/// What happened in a run, in order.
type Trace = Arc<Mutex<Vec<String>>>;

/// Appends to a file and says when.
struct Appender {
    env: Env,
    file: Arc<dyn DiskFile>,
    trace: Trace,
    left: u32,
}

impl Worker for Appender {
    fn turn(&mut self) -> Turn {
        let len = self.file.len().unwrap();
        let done = write(&*self.file, len, &self.env.random_bytes()).is_ok();
        self.trace.lock().unwrap().push(format!("append {len} {done} at {}", self.env.wall()));
        self.left -= 1;
        match self.left {
            0 => Turn::Done,
            left if left % 3 == 0 => Turn::Idle,
            left if left % 2 == 0 => Turn::Until(self.env.now() + Duration::from_millis(7)),
            _ => Turn::Again,
        }
    }
}

/// Workers, clients that wake them, failures and a power cut; the trace and the bytes left.
fn busy_run(seed: u64) -> (Vec<String>, Vec<u8>) {
    run(async {
        let (env, world) = SimWorld::new(seed);
        let (trace, mut clients) = (Trace::default(), Vec::new());
        env.disk().create_dir_all(Path::new(DIR)).unwrap();
        env.disk().sync_dir(Path::new("/")).unwrap();
        let file = durable(&*env.disk(), FILE, 0, 10);
        world.disk().fail_often(Operation::Write, 0.1, Failure::Io);
        for client in 0..8 {
            let wake = Wake::default();
            let (env, trace, file) = (env.clone(), Arc::clone(&trace), Arc::clone(&file));
            let appender = Appender { env: env.clone(), file, trace: Arc::clone(&trace), left: 20 };
            let worker = env.start_worker("appender", &wake, appender);
            clients.push(env.clone().spawn("client", async move {
                for _ in 0..30 {
                    env.sleep(Duration::from_millis(env.random_u64() % 20)).await;
                    wake.wake();
                    trace.lock().unwrap().push(format!("client {client}"));
                }
                worker.join().await;
                env.shutdown().wait().await;
                trace.lock().unwrap().push(format!("client {client} done"));
            }));
        }
        env.sleep(Duration::from_secs(5)).await;
        env.shutdown().start();
        for client in clients {
            client.join().await.unwrap();
        }
        let left = content(&*after(&world, Crash::PowerCut));
        let trace = trace.lock().unwrap().clone();
        (trace, left)
    })
    .unwrap()
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in 0..20 {
        assert_eq!(busy_run(seed), busy_run(seed));
        assert_ne!(busy_run(seed).0, busy_run(seed + 100).0);
    }
}
