//! Both disks keep one contract: the real one is the measure of the simulated one.

use std::io::{ErrorKind, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::simulated::{SimWorld, run};
use crate::{Disk, DiskFile, Entry, Env, RealDisk, Turn, Wake, Worker};

/// A folder of the machine that goes away with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("thalweg-env-{}-{name}", std::process::id()));
        RealDisk.create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn on_both(name: &str, check: impl Fn(&dyn Disk, &Path)) {
    let scratch = Scratch::new(name);
    check(&RealDisk, &scratch.0);
    run(async {
        let (env, _world) = SimWorld::new(1);
        check(&*env.disk(), Path::new("/"));
    })
    .unwrap();
}

fn kind<T>(result: std::io::Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

fn write(file: &dyn DiskFile, offset: u64, bytes: &[u8]) {
    file.write_all_at(&[IoSlice::new(bytes)], offset).unwrap();
}

#[test]
fn bytes_read_back() {
    on_both("bytes", |disk, dir| {
        let file = disk.create_new(&dir.join("a")).unwrap();
        assert!(file.is_empty().unwrap());
        let parts = [IoSlice::new(b""), IoSlice::new(b"abc"), IoSlice::new(&[7; 1000])];
        file.write_all_at(&parts, 600).unwrap();
        assert_eq!(file.len().unwrap(), 1603);
        file.allocate(5000).unwrap();
        file.allocate(10).unwrap();
        assert_eq!(file.len().unwrap(), 5000);

        let mut expected = vec![0; 5000];
        expected[600..603].copy_from_slice(b"abc");
        expected[603..1603].fill(7);
        assert_eq!(disk.read(&dir.join("a"), 5000).unwrap(), expected);
        assert_eq!(kind(disk.read(&dir.join("a"), 4999)), Some(ErrorKind::FileTooLarge));

        let mut buf = [1; 10];
        assert_eq!(file.read_at(&mut buf, 4997).unwrap(), 3);
        assert_eq!(file.read_at(&mut buf, 9000).unwrap(), 0);
        assert_eq!(file.read_new(1003, 600).unwrap(), expected[600..1603]);
        assert_eq!(file.read_new(10, 4997).unwrap(), [0; 3]);
        assert_eq!(file.read_new(10, 9000).unwrap(), []);
        assert_eq!(kind(file.read_exact_at(&mut buf, 4997)), Some(ErrorKind::UnexpectedEof));

        file.truncate(602).unwrap();
        file.truncate(700).unwrap();
        assert_eq!(disk.read(&dir.join("a"), 5000).unwrap(), {
            let mut cut = expected[..602].to_vec();
            cut.resize(700, 0);
            cut
        });
    });
}

#[test]
fn many_parts_are_written_in_order() {
    on_both("parts", |disk, dir| {
        let file = disk.create_new(&dir.join("a")).unwrap();
        let bytes: Vec<[u8; 3]> = (0..3000_u32).map(|i| [i as u8, (i >> 8) as u8, 9]).collect();
        let parts: Vec<_> = bytes.iter().map(|part| IoSlice::new(part)).collect();
        file.write_all_at(&parts, 1).unwrap();
        assert_eq!(disk.read(&dir.join("a"), 9001).unwrap()[1..], bytes.concat());
    });
}

#[test]
fn names_follow_posix() {
    on_both("names", |disk, dir| {
        let [a, b, c] = ["a", "b", "c"].map(|name| dir.join(name));
        let file = disk.create_new(&a).unwrap();
        write(&*file, 0, b"one");
        assert_eq!(kind(disk.create_new(&a)), Some(ErrorKind::AlreadyExists));
        assert_eq!(kind(disk.open(&b)), Some(ErrorKind::NotFound));
        disk.link(&a, &b).unwrap();
        assert_eq!(kind(disk.link(&a, &b)), Some(ErrorKind::AlreadyExists));
        disk.rename(&a, &b).unwrap();
        let entry = |name: &str, len| Entry { name: name.into(), len };
        assert_eq!(disk.list(dir).unwrap(), [entry("a", 3), entry("b", 3)], "one file, two names");
        disk.remove(&b).unwrap();
        write(&*disk.create_new(&c).unwrap(), 0, b"three");
        disk.rename(&c, &a).unwrap();
        assert_eq!(disk.list(dir).unwrap(), [entry("a", 5)]);
        let mut buf = [0; 3];
        file.read_exact_at(&mut buf, 0).unwrap();
        assert_eq!(&buf, b"one", "an open file outlives its names");
        assert_eq!(kind(disk.remove(&c)), Some(ErrorKind::NotFound));
        assert_eq!(kind(disk.rename(&c, &b)), Some(ErrorKind::NotFound));
    });
}

#[test]
fn folders_hold_files() {
    on_both("folders", |disk, dir| {
        let inner = dir.join("x/y");
        assert_eq!(kind(disk.list(&inner)), Some(ErrorKind::NotFound));
        assert_eq!(kind(disk.create_new(&inner.join("f"))), Some(ErrorKind::NotFound));
        assert_eq!(kind(disk.sync_dir(&inner)), Some(ErrorKind::NotFound));
        disk.create_dir_all(&inner).unwrap();
        disk.create_dir_all(&inner).unwrap();
        disk.create_new(&inner.join("f")).unwrap();
        disk.sync_dir(&inner).unwrap();
        assert_eq!(disk.list(&dir.join("x")).unwrap(), [], "sub-folders are not files");
        assert_eq!(disk.list(&inner).unwrap().len(), 1);
        assert_eq!(kind(disk.create_dir_all(&inner.join("f"))), Some(ErrorKind::AlreadyExists));
    });
}

#[test]
fn a_lock_has_one_holder() {
    on_both("lock", |disk, dir| {
        let path = dir.join("LOCK");
        let held = disk.lock(&path).unwrap();
        assert!(held.is_some());
        assert!(disk.lock(&path).unwrap().is_none());
        drop(held);
        assert!(disk.lock(&path).unwrap().is_some());
    });
}

#[test]
fn replace_takes_the_place_of_the_old_content() {
    on_both("replace", |disk, dir| {
        let path = dir.join("state");
        for content in [&b"first"[..], b"second, longer", b"3"] {
            disk.replace(&path, content).unwrap();
            assert_eq!(disk.read(&path, 100).unwrap(), content);
        }
        assert_eq!(disk.list(dir).unwrap().len(), 1, "nothing temporary is left");
    });
}

/// Does one random call on both disks and compares what they answer.
fn same_answer(random: &mut fastrand::Rng, disks: [(&dyn Disk, &Path); 2]) {
    let [from, to] = [(); 2].map(|()| ["a", "b", "c", "d/a", "d/b"][random.usize(..5)]);
    let (offset, len) = (random.u64(..5000), random.usize(..2000));
    let bytes: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(len).collect();
    let call = random.u8(..9);
    let [real, simulated] = disks.map(|(disk, dir)| {
        let (from, to) = (dir.join(from), dir.join(to));
        let on_file = |act: &dyn Fn(&Arc<dyn DiskFile>) -> std::io::Result<()>| {
            disk.open(&from).and_then(|file| act(&file))
        };
        let done = match call {
            0 => disk.create_new(&from).map(drop),
            1 => disk.link(&from, &to),
            2 => disk.rename(&from, &to),
            3 => disk.remove(&from),
            4 => disk.replace(&from, &bytes),
            5 | 6 => on_file(&|file| file.write_all_at(&[IoSlice::new(&bytes)], offset)),
            7 => on_file(&|file| file.allocate(offset + 1)),
            _ => on_file(&|file| file.truncate(offset)),
        };
        (kind(done), disk.read(&from, 10_000).ok(), disk.list(dir).ok())
    });
    assert_eq!(real, simulated, "call {call} on {from} {to} at {offset}");
}

#[test]
fn the_simulated_disk_answers_as_the_real_one() {
    let scratch = Scratch::new("model");
    run(async {
        for seed in 0..40 {
            let (env, _world) = SimWorld::new(seed);
            let (disk, dir) = (env.disk(), scratch.0.join(seed.to_string()));
            let disks = [(&RealDisk as &dyn Disk, &*dir), (&*disk, Path::new("/s"))];
            for (disk, dir) in disks {
                disk.create_dir_all(&dir.join("d")).unwrap();
            }
            let mut random = fastrand::Rng::with_seed(seed);
            for _ in 0..150 {
                same_answer(&mut random, disks);
            }
        }
    })
    .unwrap();
}

/// Counts its turns down and says so.
struct Countdown {
    turns: Arc<AtomicU32>,
    left: u32,
    wake: Wake,
}

impl Worker for Countdown {
    fn turn(&mut self) -> Turn {
        self.turns.fetch_add(1, Ordering::Relaxed);
        self.left -= 1;
        // A wake during a turn must lead to another one, or this never ends.
        self.wake.wake();
        if self.left == 0 { Turn::Done } else { Turn::Idle }
    }
}

async fn count_down(env: Env) {
    let (turns, wake) = (Arc::default(), Wake::default());
    let worker = Countdown { turns: Arc::clone(&turns), left: 5, wake: wake.clone() };
    env.start_worker("countdown", &wake, worker).join().await;
    assert_eq!(turns.load(Ordering::Relaxed), 5);
}

#[test]
fn a_wake_during_a_turn_is_not_lost() {
    let threads = tokio::runtime::Runtime::new().unwrap();
    threads.block_on(count_down(Env::real()));
    run(async { count_down(SimWorld::new(1).0).await }).unwrap();
}
