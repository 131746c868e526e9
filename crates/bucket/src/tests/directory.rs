use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use thalweg_env::{
    Disk, DiskFile, DiskLock, Entry, Env, RealDisk, Wake, Worker, WorkerHandle, World,
};
use thalweg_types::{ErrorKind, Timestamp};

use super::block_on;
use crate::{BucketError, Directory, Put, Store, conformance};

/// A folder that goes away with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        let name =
            format!("thalweg-bucket-{:032x}", u128::from_ne_bytes(Env::real().random_bytes()));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    async fn open(&self, env: &Env) -> Directory {
        Directory::open(env, self.0.join("store")).await.unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The real disk, whose folder flushes are recorded and can be made to fail.
#[derive(Default)]
struct WatchedDisk {
    flushed: Mutex<Vec<PathBuf>>,
    fail_flush: AtomicBool,
}

impl Disk for WatchedDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        RealDisk.open(path)
    }
    fn create_new(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        RealDisk.create_new(path)
    }
    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.link(from, to)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        RealDisk.create_dir_all(path)
    }
    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        RealDisk.list(path)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        if self.fail_flush.load(Ordering::Relaxed) {
            return Err(io::Error::other("planted"));
        }
        self.flushed.lock().unwrap().push(path.to_owned());
        RealDisk.sync_dir(path)
    }
    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        RealDisk.free_bytes(path)
    }
    fn lock(&self, path: &Path) -> io::Result<Option<DiskLock>> {
        RealDisk.lock(path)
    }
}

struct WatchedWorld(Arc<WatchedDisk>);

impl World for WatchedWorld {
    fn wall(&self) -> Timestamp {
        Timestamp(0)
    }
    fn random_u64(&self) -> u64 {
        4
    }
    fn start_worker(&self, _: &'static str, _: Wake, _: Box<dyn Worker>) -> WorkerHandle {
        unreachable!("a store starts no worker")
    }
    fn has_threads(&self) -> bool {
        false
    }
    fn disk(&self) -> Arc<dyn Disk> {
        Arc::<WatchedDisk>::clone(&self.0)
    }
}

#[test]
fn a_directory_conforms() {
    let scratch = Scratch::new();
    block_on(async {
        let env = Env::real();
        let store = Arc::new(scratch.open(&env).await);
        conformance::all(&env, store).await.unwrap();
    });
}

#[test]
fn objects_outlive_the_process_and_leftovers_do_not() {
    let scratch = Scratch::new();
    block_on(async {
        let env = Env::real();
        let store = scratch.open(&env).await;
        store.put_if_absent("a/b/c", Bytes::from_static(b"kept")).await.unwrap();
        let aside = scratch.0.join("store/.aside");
        assert_eq!(fs::read_dir(&aside).unwrap().count(), 0);
        RealDisk.create_new(&aside.join("0")).unwrap();

        let store = scratch.open(&env).await;
        assert_eq!(fs::read_dir(&aside).unwrap().count(), 0);
        assert_eq!(store.get("a/b/c").await.unwrap().as_deref(), Some(b"kept".as_slice()));
        assert_eq!(store.put_if_absent("a/b/d", Bytes::new()).await.unwrap(), Put::Created);
    });
}

#[test]
fn names_are_flushed_up_to_the_root_before_they_count() {
    let scratch = Scratch::new();
    let disk = Arc::new(WatchedDisk::default());
    let env = Env::new(Arc::new(WatchedWorld(Arc::clone(&disk))));
    let root = scratch.0.join("store");
    block_on(async {
        let store = scratch.open(&env).await;
        store.put_if_absent("a/b/c", Bytes::new()).await.unwrap();
        let first = std::mem::take(&mut *disk.flushed.lock().unwrap());
        for folder in [&root.join("a/b"), &root.join("a"), &root, &scratch.0] {
            assert!(first.contains(folder), "{} is not flushed", folder.display());
        }
        assert_eq!(first.last(), Some(&root.join("a/b")), "the new name is flushed last");

        store.put_if_absent("a/b/d", Bytes::new()).await.unwrap();
        assert_eq!(*disk.flushed.lock().unwrap(), [root.join("a/b")]);

        let reopened = scratch.open(&env).await;
        disk.flushed.lock().unwrap().clear();
        reopened.get("a/b/c").await.unwrap();
        assert!(disk.flushed.lock().unwrap().contains(&root.join("a/b")), "served unflushed");
    });
}

#[test]
fn after_a_failed_flush_nothing_is_put_and_what_was_durable_is_served() {
    let scratch = Scratch::new();
    let disk = Arc::new(WatchedDisk::default());
    let env = Env::new(Arc::new(WatchedWorld(Arc::clone(&disk))));
    block_on(async {
        let store = scratch.open(&env).await;
        store.put_if_absent("a/1", Bytes::from_static(b"durable")).await.unwrap();

        disk.fail_flush.store(true, Ordering::Relaxed);
        let error = store.put_if_absent("a/2", Bytes::new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert_eq!(store.get("a/2").await.unwrap(), None, "an object that may vanish is served");

        disk.fail_flush.store(false, Ordering::Relaxed);
        let error = store.put_if_absent("a/3", Bytes::new()).await.unwrap_err();
        assert!(matches!(error, BucketError::Failed(_)), "a failed flush was retried over");
        assert_eq!(store.get("a/1").await.unwrap().as_deref(), Some(b"durable".as_slice()));

        let store = scratch.open(&env).await;
        assert_eq!(store.put_if_absent("a/3", Bytes::new()).await.unwrap(), Put::Created);
    });
}
