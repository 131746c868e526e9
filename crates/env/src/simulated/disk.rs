//! The simulated disk: what the simulated process sees of the device, and what the harness does to it.

use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::device::{Course, Device, DiskStats, dead};
use super::faults::{Crash, Failure, Operation};
use super::names::FileId;
use super::world::Life;
use crate::{Disk, DiskFile, DiskLock, Entry};

/// The harness's hand on a disk. Cheap to clone. What it does is not counted as a call, except that
/// a crash is a crash.
///
/// A disk begins with an empty root folder. Names are durable after `sync_dir` of their folder (a
/// folder's own name too, in its parent), bytes after `sync_data`, and both may be durable earlier.
/// A power cut undoes each unflushed change of names by chance, though never a change without all
/// later ones of the same name, and keeps all, some or none of a file's unflushed 512-byte sectors.
#[derive(Clone)]
pub struct SimDisk(Arc<Mutex<Device>>);

impl SimDisk {
    pub(super) fn new(random: fastrand::Rng) -> Self {
        Self(Arc::new(Mutex::new(Device::new(random))))
    }

    /// Crashes the incarnation within its `nth` call from now, counted from 1. That call may still
    /// take effect, and does not succeed.
    pub fn crash_at(&self, nth: u64, crash: Crash) {
        self.device().plan.crash_at(nth, crash);
    }

    /// Lets the `nth` call of a kind from now fail, counted from 1.
    pub fn fail_nth(&self, operation: Operation, nth: u64, failure: Failure) {
        self.device().plan.fail_nth(operation, nth, failure);
    }

    /// Lets calls of a kind fail with a chance between 0 and 1.
    pub fn fail_often(&self, operation: Operation, chance: f64, failure: Failure) {
        self.device().plan.fail_often(operation, chance, failure);
    }

    /// Takes back every crash and failure that was planned.
    pub fn clear_faults(&self) {
        self.device().plan.clear();
    }

    /// The size of the device. What files take beyond it fails with `ENOSPC`.
    pub fn set_capacity(&self, bytes: u64) {
        self.device().set_capacity(bytes);
    }

    /// Whether new space from `allocate` holds what the file removed last held at the same place,
    /// instead of zeros.
    pub fn set_recycling(&self, on: bool) {
        self.device().set_recycling(on);
    }

    /// Flips a bit of a file, on the medium and in the cache; fails past the end of the file.
    pub fn flip(&self, path: &Path, bit: u64) -> io::Result<()> {
        self.device().flip(path, bit)
    }

    /// The files of a folder, for the harness.
    pub fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        self.device().list(path)
    }

    /// What happened so far.
    pub fn stats(&self) -> DiskStats {
        self.device().stats
    }

    /// Crashes the machine or the process now. See [`super::SimWorld::crash`] for the tasks.
    pub(super) fn crash(&self, crash: Crash) {
        self.device().crash(crash);
    }

    pub(super) fn mount(&self, life: Arc<Life>) -> Mount {
        let number = self.device().mount();
        Mount { disk: self.clone(), number, life }
    }

    fn device(&self) -> MutexGuard<'_, Device> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One incarnation's view of the disk.
#[derive(Clone)]
pub(super) struct Mount {
    disk: SimDisk,
    number: u64,
    life: Arc<Life>,
}

impl Mount {
    /// Makes a call: `act` is what it does, `fall` what it leaves when it fails or is cut short.
    fn call<T>(
        &self,
        operation: Operation,
        act: impl FnOnce(&mut Device) -> io::Result<T>,
        fall: impl FnOnce(&mut Device),
    ) -> io::Result<T> {
        let mut device = self.disk.device();
        match device.admit(self.number, operation)? {
            Course::Pass => return act(&mut device),
            Course::Fail(failure) => {
                fall(&mut device);
                return Err(failure.into());
            }
            // The caller dies before it learns how the call went.
            Course::Crash(crash, true) => {
                let _ = act(&mut device);
                device.crash(crash);
            }
            Course::Crash(crash, false) => {
                // A flush that nobody waits for has not failed: what the cache holds stays there.
                if operation != Operation::Sync {
                    fall(&mut device);
                }
                device.crash(crash);
            }
        }
        drop(device);
        self.life.end();
        Err(dead())
    }

    /// A call that does all or nothing.
    fn whole<T>(
        &self,
        operation: Operation,
        act: impl FnOnce(&mut Device) -> io::Result<T>,
    ) -> io::Result<T> {
        self.call(operation, act, |_| {})
    }

    fn handle(&self, id: FileId) -> Arc<dyn DiskFile> {
        Arc::new(Handle { mount: self.clone(), id })
    }
}

impl Disk for Mount {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.handle(self.whole(Operation::Open, |device| device.open(path))?))
    }

    fn create_new(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.handle(self.whole(Operation::Create, |device| device.create(path))?))
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.whole(Operation::Link, |device| device.link(from, to))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.whole(Operation::Rename, |device| device.rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.whole(Operation::Remove, |device| device.remove(path))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.whole(Operation::CreateDir, |device| device.create_dir_all(path))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        self.whole(Operation::List, |device| device.list(path))
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.whole(Operation::SyncDir, |device| device.sync_dir(path))
    }

    fn free_bytes(&self, _path: &Path) -> io::Result<u64> {
        Ok(self.disk.device().free_bytes())
    }

    fn lock(&self, path: &Path) -> io::Result<Option<DiskLock>> {
        let locked = self.whole(Operation::Lock, |device| device.lock(path))?;
        Ok(locked.map(|id| DiskLock(Box::new(Lock { mount: self.clone(), id }))))
    }
}

struct Lock {
    mount: Mount,
    id: FileId,
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.mount.disk.device().unlock(self.mount.number, self.id);
    }
}

struct Handle {
    mount: Mount,
    id: FileId,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.mount.disk.device().close(self.mount.number, self.id);
    }
}

impl DiskFile for Handle {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let read = |device: &mut Device| Ok(device.contents(self.id)?.read(buf, offset));
        self.mount.whole(Operation::Read, read)
    }

    fn write_all_at(&self, parts: &[IoSlice<'_>], offset: u64) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len()).sum());
        for part in parts {
            bytes.extend_from_slice(part);
        }
        self.mount.call(
            Operation::Write,
            |device| device.write(self.id, &bytes, offset),
            |device| device.write_part(self.id, &bytes, offset),
        )
    }

    fn sync_data(&self) -> io::Result<()> {
        self.mount.call(
            Operation::Sync,
            |device| device.sync(self.id),
            |device| device.fail_sync(self.id),
        )
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.mount.whole(Operation::Allocate, |device| device.allocate(self.id, len))
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.mount.whole(Operation::Truncate, |device| device.truncate(self.id, len))
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.mount.disk.device().contents(self.id)?.len())
    }
}
