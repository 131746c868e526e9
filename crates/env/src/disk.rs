//! Files, with durability spelled out: nothing is durable until a `sync` call says so.

use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::Arc;

/// A file system. Paths are used as given.
///
/// Names obey the rule of POSIX: a created, linked, renamed or removed name survives a power cut
/// only after [`Disk::sync_dir`] on its folder; the name of a folder, on its parent.
pub trait Disk: Send + Sync + 'static {
    /// Opens a file for reading and writing; fails if it does not exist.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Creates a new file; fails with `AlreadyExists` if the name is taken.
    fn create_new(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Gives a file a second name; fails with `AlreadyExists` if that name is taken. Atomic.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Renames a file, replacing what has the new name. Atomic.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file's name. Open handles stay readable.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Creates a folder and its parents; succeeds if it exists.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;

    /// The files of a folder (not its sub-folders), sorted by name.
    fn list(&self, path: &Path) -> io::Result<Vec<Entry>>;

    /// Makes the names in a folder durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Bytes that an ordinary user can still write on the device that holds `path`.
    fn free_bytes(&self, path: &Path) -> io::Result<u64>;

    /// Takes the exclusive lock on the file `path`, creating it; `None` if another process has it.
    fn lock(&self, path: &Path) -> io::Result<Option<DiskLock>>;
}

/// A file in a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The name without its folder.
    pub name: String,
    /// The length in bytes.
    pub len: u64,
}

/// Held as long as this process owns the lock.
pub struct DiskLock(#[allow(dead_code)] pub Box<dyn std::any::Any + Send + Sync>);

/// An open file. All calls may be made from several threads at once.
pub trait DiskFile: Send + Sync + 'static {
    /// Reads up to `buf.len()` bytes at `offset`; fewer only at the end of the file.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Reads up to `len` bytes at `offset` into new memory, of which only what is read is ever
    /// touched; fewer only at the end of the file.
    fn read_new(&self, len: usize, offset: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        let read = self.read_at(&mut bytes, offset)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    /// Writes all of `parts`, one after the other, at `offset`. An error leaves any part of it.
    fn write_all_at(&self, parts: &[IoSlice<'_>], offset: u64) -> io::Result<()>;

    /// Makes all written bytes and the length durable (`fdatasync`). After an error nothing is
    /// known about earlier writes, and a second call proves nothing.
    fn sync_data(&self) -> io::Result<()>;

    /// Reserves space for the first `len` bytes and extends the file to that length.
    fn allocate(&self, len: u64) -> io::Result<()>;

    /// Cuts the file to `len` bytes, giving back the space after it.
    fn truncate(&self, len: u64) -> io::Result<()>;

    /// The length in bytes.
    fn len(&self) -> io::Result<u64>;

    /// True if the length is 0.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// The descriptor, where there is one, for `sendfile`.
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

impl dyn DiskFile {
    /// Fills `buf` from `offset`; fails with `UnexpectedEof` if the file ends before.
    pub fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        if self.read_at(buf, offset)? == buf.len() {
            return Ok(());
        }
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

impl dyn Disk {
    /// The whole content of a file, refused above `limit` bytes.
    pub fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        let file = self.open(path)?;
        let len = file.len()?;
        if len > limit {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("{} has {len} bytes, more than the limit of {limit}", path.display()),
            ));
        }
        let mut content = vec![0; len as usize];
        file.read_exact_at(&mut content, 0)?;
        Ok(content)
    }

    /// Creates a folder and its parents so that they survive a power cut.
    pub fn create_dir_durably(&self, path: &Path) -> io::Result<()> {
        self.create_dir_all(path)?;
        for parent in path.ancestors().skip(1) {
            match self.sync_dir(parent) {
                // Somebody else's folder: its names are not ours to make durable.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => break,
                outcome => outcome?,
            }
        }
        Ok(())
    }

    /// Writes a file so that after a crash it has its old content or its new content whole:
    /// a temporary file beside it, flushed, renamed, and the folder flushed.
    pub fn replace(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let temporary = path.with_extension("tmp");
        match self.remove(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = self.create_new(&temporary)?;
        file.write_all_at(&[IoSlice::new(content)], 0)?;
        file.sync_data()?;
        self.rename(&temporary, path)?;
        self.sync_dir(path.parent().unwrap_or(Path::new(".")))
    }
}
