//! The data directory as a whole: one process at a time, and a format that this release knows.

use std::io;
use std::path::Path;

use thalweg_env::{Disk, DiskLock};
use thalweg_frame::FrameError;
use thalweg_log::Damage;

use crate::BrokerError;

/// The newest format of a data directory that this release reads and writes.
pub const FORMAT_VERSION: u16 = 1;

const LOCK_FILE: &str = "LOCK";
const FORMAT_FILE: &str = "FORMAT";
const FORMAT_KIND: [u8; 4] = *b"TWDD";
const FORMAT_LENGTH_MAX: u64 = 4 << 10;

/// Creates the directory if need be, takes its lock, and checks its format.
pub(crate) fn open(disk: &dyn Disk, dir: &Path) -> Result<DiskLock, BrokerError> {
    disk.create_dir_all(dir).map_err(BrokerError::data_dir("creating", dir))?;
    if let Some(parent) = dir.parent() {
        disk.sync_dir(parent).map_err(BrokerError::data_dir("flushing", parent))?;
    }
    let lock = lock(disk, dir)?;
    check_format(disk, dir)?;
    Ok(lock)
}

/// Takes the lock of a data directory that exists, and says whether its format is damaged.
pub(crate) fn open_existing(
    disk: &dyn Disk,
    dir: &Path,
) -> Result<(DiskLock, Option<Damage>), BrokerError> {
    let path = dir.join(FORMAT_FILE);
    let content = disk.read(&path, FORMAT_LENGTH_MAX);
    let content = content.map_err(BrokerError::data_dir("reading", &path))?;
    let lock = lock(disk, dir)?;
    let damage = |what: &str| Damage { file: path.clone(), position: 0, what: what.to_owned() };
    match thalweg_frame::decode(FORMAT_KIND, FORMAT_VERSION, &content) {
        Ok(decoded) if decoded.damaged_twin => {
            Ok((lock, Some(damage("one of the two copies of the format"))))
        }
        Ok(_) => Ok((lock, None)),
        Err(FrameError::Damaged) => Ok((lock, Some(damage("both copies of the format")))),
        Err(source) => Err(BrokerError::Format { path, source }),
    }
}

fn lock(disk: &dyn Disk, dir: &Path) -> Result<DiskLock, BrokerError> {
    let path = dir.join(LOCK_FILE);
    let lock = disk.lock(&path).map_err(BrokerError::data_dir("locking", &path))?;
    lock.ok_or_else(|| BrokerError::Locked(dir.to_owned()))
}

fn check_format(disk: &dyn Disk, dir: &Path) -> Result<(), BrokerError> {
    let path = dir.join(FORMAT_FILE);
    let content = match disk.read(&path, FORMAT_LENGTH_MAX) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return create_format(disk, dir, &path);
        }
        content => content.map_err(BrokerError::data_dir("reading", &path))?,
    };
    match thalweg_frame::decode(FORMAT_KIND, FORMAT_VERSION, &content) {
        Ok(decoded) if decoded.damaged_twin => {
            tracing::warn!(file = %path.display(), "one copy of the format is damaged; the other is used");
            write_format(disk, &path)
        }
        Ok(_) => Ok(()),
        Err(source) => Err(BrokerError::Format { path, source }),
    }
}

/// The format is the first thing written, so that a directory with data and without it lost it.
fn create_format(disk: &dyn Disk, dir: &Path, path: &Path) -> Result<(), BrokerError> {
    let meta = dir.join(crate::metadata::CHAIN);
    match disk.list(&meta) {
        Ok(entries) if !entries.is_empty() => Err(BrokerError::NoFormat(dir.to_owned())),
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(BrokerError::data_dir("listing", &meta)(error))
        }
        _ => write_format(disk, path),
    }
}

fn write_format(disk: &dyn Disk, path: &Path) -> Result<(), BrokerError> {
    let content = thalweg_frame::encode(FORMAT_KIND, FORMAT_VERSION, &[]);
    disk.replace(path, &content).map_err(BrokerError::data_dir("writing", path))
}
