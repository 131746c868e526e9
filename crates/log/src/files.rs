//! Log files by number: names, creation, and a bounded set of open ones.

use std::collections::BTreeMap;
use std::io::IoSlice;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use thalweg_env::{Disk, DiskFile};

use crate::error::LogError;
use crate::format::file_header::{FileHeader, FileKind};
use crate::format::{ALIGN, FORMAT_VERSION};

/// Names a log file. Numbers grow in the order of creation and are never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FileId {
    pub number: u64,
    pub kind: Kind,
}

/// [`FileKind`] with an order, for use in names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Wal,
    Segment,
}

impl FileId {
    pub(crate) fn wal(number: u64) -> Self {
        Self { number, kind: Kind::Wal }
    }

    pub(crate) fn segment(number: u64) -> Self {
        Self { number, kind: Kind::Segment }
    }

    pub(crate) fn name(self) -> String {
        match self.kind {
            Kind::Wal => format!("{:020}.wal", self.number),
            Kind::Segment => format!("{:020}.seg", self.number),
        }
    }

    pub(crate) fn index_name(self) -> String {
        format!("{:020}.index", self.number)
    }

    /// The number that a name in the log folder begins with.
    pub(crate) fn number_in(name: &str) -> Option<u64> {
        name.split_once('.')?.0.parse().ok()
    }

    /// The file that a name in the log folder stands for, if it is a log file's.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let number = Self::number_in(name)?;
        let (_, extension) = name.split_once('.')?;
        match extension {
            "wal" => Some(Self::wal(number)),
            "seg" => Some(Self::segment(number)),
            _ => None,
        }
    }

    fn header(self, incarnation: u32) -> FileHeader {
        let kind = match self.kind {
            Kind::Wal => FileKind::Wal,
            Kind::Segment => FileKind::Segment,
        };
        FileHeader::new(kind, self.number, incarnation)
    }
}

/// Opens log files on demand and keeps at most `open_max` of them open.
pub(crate) struct FileTable {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    open_max: usize,
    open: Mutex<OpenFiles>,
}

#[derive(Default)]
struct OpenFiles {
    files: BTreeMap<FileId, (Arc<dyn DiskFile>, u64)>,
    clock: u64,
}

impl FileTable {
    pub(crate) fn new(disk: Arc<dyn Disk>, dir: PathBuf, open_max: usize) -> Self {
        Self { disk, dir, open_max, open: Mutex::default() }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    pub(crate) fn path(&self, file: FileId) -> PathBuf {
        self.dir.join(file.name())
    }

    pub(crate) fn index_path(&self, file: FileId) -> PathBuf {
        self.dir.join(file.index_name())
    }

    /// The open file. Its first page is checked when it is opened.
    pub(crate) fn get(&self, file: FileId) -> Result<Arc<dyn DiskFile>, LogError> {
        if let Some(handle) = self.touch(file) {
            return Ok(handle);
        }
        let path = self.path(file);
        let handle = self.disk.open(&path).map_err(LogError::io("opening", &path))?;
        check_header(&path, file, handle.as_ref())?;
        self.keep(file, handle.clone());
        Ok(handle)
    }

    fn touch(&self, file: FileId) -> Option<Arc<dyn DiskFile>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.clock += 1;
        let clock = open.clock;
        let (handle, used) = open.files.get_mut(&file)?;
        *used = clock;
        Some(handle.clone())
    }

    fn keep(&self, file: FileId, handle: Arc<dyn DiskFile>) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.clock += 1;
        let clock = open.clock;
        if open.files.len() >= self.open_max {
            let oldest = open.files.iter().min_by_key(|(_, (_, used))| *used).map(|(id, _)| *id);
            oldest.and_then(|id| open.files.remove(&id));
        }
        open.files.insert(file, (handle, clock));
    }

    /// Creates a log file of `len` bytes with its header page, durable under its name.
    pub(crate) fn create(
        &self,
        file: FileId,
        len: u64,
        incarnation: u32,
    ) -> Result<Arc<dyn DiskFile>, LogError> {
        let path = self.path(file);
        let create = || {
            let handle = self.disk.create_new(&path)?;
            handle.allocate(len.max(ALIGN))?;
            handle.write_all_at(&[IoSlice::new(&file.header(incarnation).encode())], 0)?;
            handle.sync_data()?;
            self.disk.sync_dir(&self.dir)?;
            Ok(handle)
        };
        let handle = create().map_err(|error| {
            // Half a file would be taken for a damaged one at the next start.
            let _ = self.disk.remove(&path);
            LogError::io("creating", &path)(error)
        })?;
        self.keep(file, handle.clone());
        Ok(handle)
    }

    /// Removes a log file and its index. Those who still read it keep their handle.
    pub(crate) fn remove(&self, file: FileId) -> Result<(), LogError> {
        let outcome = self.remove_names(file);
        // Afterwards, or a reader could open the file once more and keep its space taken.
        self.open.lock().unwrap_or_else(PoisonError::into_inner).files.remove(&file);
        outcome
    }

    fn remove_names(&self, file: FileId) -> Result<(), LogError> {
        self.remove_stray(&file.name())?;
        self.remove_stray(&file.index_name())
    }

    /// Removes a name from the log folder, if it is there.
    pub(crate) fn remove_stray(&self, name: &str) -> Result<(), LogError> {
        let path = self.dir.join(name);
        match self.disk.remove(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(LogError::io("removing", path)(error))
            }
            _ => Ok(()),
        }
    }
}

/// Compares the first page of a log file with what its name says.
pub(crate) fn check_header(
    path: &Path,
    file: FileId,
    handle: &dyn DiskFile,
) -> Result<(), LogError> {
    let mut page = vec![0; ALIGN as usize];
    let read = handle.read_at(&mut page, 0).map_err(LogError::io("reading", path))?;
    let corrupt = |what| LogError::Corrupt { file: path.to_owned(), position: 0, what };
    let header = FileHeader::decode(&page[..read])
        .ok_or_else(|| corrupt("both copies of the file header are damaged"))?;
    if header.version > FORMAT_VERSION {
        return Err(LogError::NewerFormat {
            file: path.to_owned(),
            found: header.version,
            known: FORMAT_VERSION,
        });
    }
    let expected = file.header(header.incarnation);
    if (header.file, header.kind) != (expected.file, expected.kind) {
        return Err(corrupt("the file header names another file"));
    }
    Ok(())
}
