//! The real machine.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::buffer::spare_capacity;
use rustix::fs::{FallocateFlags, FlockOperation};
use rustix::io::Errno;
use thalweg_types::Timestamp;

use crate::{
    Disk, DiskFile, DiskLock, Entry, Instant, Task, Turn, Wake, Worker, WorkerHandle, World,
};

pub(crate) struct RealWorld {
    random: Mutex<fastrand::Rng>,
}

#[expect(clippy::disallowed_methods, reason = "this is the door")]
impl Default for RealWorld {
    fn default() -> Self {
        let mut seed = [0; 8];
        // Without the system's entropy the address of a fresh allocation and the time still differ
        // between two processes; nothing here is a secret.
        if getrandom::fill(&mut seed).is_err() {
            let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos());
            seed = ((nanos as u64) ^ u64::from(std::process::id()) << 32).to_ne_bytes();
        }
        Self { random: Mutex::new(fastrand::Rng::with_seed(u64::from_ne_bytes(seed))) }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the door")]
impl World for RealWorld {
    fn wall(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn random_u64(&self) -> u64 {
        self.random.lock().unwrap_or_else(PoisonError::into_inner).u64(..)
    }

    fn start_worker(
        &self,
        name: &'static str,
        wake: Wake,
        worker: Box<dyn Worker>,
    ) -> WorkerHandle {
        let thread = tokio::task::spawn_blocking(move || run_on_thread(name, &wake, worker));
        WorkerHandle(Task::new(name, thread))
    }

    fn has_threads(&self) -> bool {
        true
    }

    fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(RealDisk)
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the door")]
fn run_on_thread(name: &'static str, wake: &Wake, mut worker: Box<dyn Worker>) {
    // The name shows in `top -H`; without it the worker runs just as well.
    let _ = rustix::thread::set_name(
        &std::ffi::CString::new(&name[..name.len().min(15)]).unwrap_or_default(),
    );
    wake.bind(std::thread::current());
    loop {
        wake.lower();
        let deadline = match worker.turn() {
            Turn::Again => continue,
            Turn::Done => return,
            Turn::Idle => None,
            Turn::Until(deadline) => Some(deadline),
        };
        while !wake.is_raised() {
            match deadline.map(|at| at.saturating_duration_since(Instant::now())) {
                None => std::thread::park(),
                Some(left) if left.is_zero() => break,
                Some(left) => std::thread::park_timeout(left),
            }
        }
    }
}

/// The file system of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

#[expect(clippy::disallowed_methods, reason = "this is the door")]
impl Disk for RealDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(RealFile(OpenOptions::new().read(true).write(true).open(path)?)))
    }

    fn create_new(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
        Ok(Arc::new(RealFile(file)))
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let metadata = match entry.metadata() {
                Ok(metadata) => metadata,
                // Removed since the listing began.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            if let (true, Ok(name)) = (metadata.is_file(), entry.file_name().into_string()) {
                entries.push(Entry { name, len: metadata.len() });
            }
        }
        entries.sort();
        Ok(entries)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        File::open(path)?.sync_all()
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(path)?;
        Ok(stat.f_bavail * stat.f_frsize)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<DiskLock>> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(DiskLock(Box::new(file)))),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

struct RealFile(File);

impl DiskFile for RealFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut done = 0;
        while done < buf.len() {
            match self.0.read_at(&mut buf[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn read_new(&self, len: usize, offset: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(len);
        while bytes.len() < len {
            let at = offset + bytes.len() as u64;
            match rustix::io::pread(&self.0, spare_capacity(&mut bytes), at) {
                Ok(0) => break,
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        bytes.truncate(len);
        Ok(bytes)
    }

    fn write_all_at(&self, parts: &[IoSlice<'_>], offset: u64) -> io::Result<()> {
        /// `IOV_MAX` on Linux.
        const PARTS_MAX: usize = 1024;
        let mut at = offset;
        for group in parts.chunks(PARTS_MAX) {
            at += write_group(&self.0, group, at)?;
        }
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        rustix::fs::fallocate(&self.0, FallocateFlags::empty(), 0, len)?;
        Ok(())
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.0.as_fd())
    }
}

/// Writes every byte of `group` at `offset`; `pwritev` may stop anywhere, so the rest is sent again.
fn write_group(file: &File, group: &[IoSlice<'_>], offset: u64) -> io::Result<u64> {
    let mut copies = group.to_vec();
    let mut left = copies.as_mut_slice();
    IoSlice::advance_slices(&mut left, 0); // drops leading empty parts
    let mut at = offset;
    while !left.is_empty() {
        match rustix::io::pwritev(file, left, at) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => {
                at += n as u64;
                IoSlice::advance_slices(&mut left, n);
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(at - offset)
}
