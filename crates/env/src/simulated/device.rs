//! The device behind the simulated disk: files, names, locks, and what becomes of them in a crash.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::contents::{Contents, Sectors, Survival};
use super::faults::{Crash, Failure, Fate, Operation, Plan};
use super::names::{FileId, Names, Target, folder_of, normal};
use crate::Entry;

/// Room on a disk that nobody has set a limit for: a tebibyte.
const CAPACITY_DEFAULT: u64 = 1 << 40;

/// What happened to a disk, for reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskStats {
    /// Calls made, failed ones included.
    pub operations: u64,
    /// Calls that failed because they were told to.
    pub failures: u64,
    /// Calls that found no room.
    pub full: u64,
    /// Crashes of the process alone.
    pub kills: u64,
    /// Crashes of the machine.
    pub power_cuts: u64,
    /// Files of which a power cut kept a part of the unflushed bytes.
    pub torn_files: u64,
    /// Files of which a power cut kept none of the unflushed bytes.
    pub reverted_files: u64,
    /// Changes of names that a power cut undid.
    pub dropped_names: u64,
    /// Flushes that failed and left some bytes neither durable nor dirty.
    pub failed_syncs: u64,
    /// Bits flipped.
    pub flips: u64,
}

pub(super) struct Device {
    names: Names,
    files: BTreeMap<FileId, File>,
    files_made: u64,
    /// Locked files; a lock dies with its incarnation.
    locks: BTreeSet<FileId>,
    /// The incarnation that may use the device; `None` between a crash and the next start.
    mounted: Option<u64>,
    mounts: u64,
    capacity: u64,
    /// The blocks of the file removed last, where new files are to find them.
    recycled: Option<Arc<Sectors>>,
    recycling: bool,
    pub(super) plan: Plan,
    pub(super) stats: DiskStats,
    pub(super) random: fastrand::Rng,
}

#[derive(Default)]
struct File {
    contents: Contents,
    handles: u32,
}

/// What a call does: pass through, fail half-way, or be the last one of its incarnation.
pub(super) enum Course {
    Pass,
    Fail(Failure),
    /// The flag says whether the call still takes effect.
    Crash(Crash, bool),
}

impl Device {
    pub(super) fn new(random: fastrand::Rng) -> Self {
        Self {
            names: Names::default(),
            files: BTreeMap::new(),
            files_made: 0,
            locks: BTreeSet::new(),
            mounted: None,
            mounts: 0,
            capacity: CAPACITY_DEFAULT,
            recycled: None,
            recycling: false,
            plan: Plan::default(),
            stats: DiskStats::default(),
            random,
        }
    }

    /// Admits the next incarnation and returns its number.
    pub(super) fn mount(&mut self) -> u64 {
        self.mounts += 1;
        self.mounted = Some(self.mounts);
        self.mounts
    }

    /// Counts a call of incarnation `mount` and decides what becomes of it.
    pub(super) fn admit(&mut self, mount: u64, operation: Operation) -> io::Result<Course> {
        if self.mounted != Some(mount) {
            return Err(dead());
        }
        self.stats.operations += 1;
        Ok(match self.plan.next(operation, &mut self.random) {
            Fate::Pass => Course::Pass,
            Fate::Fail(failure) => {
                self.stats.failures += 1;
                Course::Fail(failure)
            }
            Fate::Crash(crash) => Course::Crash(crash, self.random.bool()),
        })
    }

    /// Ends the incarnation and leaves on the device what survives. Without one, a kill changes
    /// nothing, and a power cut takes what a kill before it left in the system's cache.
    pub(super) fn crash(&mut self, crash: Crash) {
        self.mounted = None;
        self.locks.clear();
        for file in self.files.values_mut() {
            file.handles = 0;
        }
        match crash {
            Crash::Kill => self.stats.kills += 1,
            Crash::PowerCut => self.lose_power(),
        }
        self.collect();
    }

    fn lose_power(&mut self) {
        self.stats.power_cuts += 1;
        for file in self.files.values_mut() {
            match file.contents.lose_power(&mut self.random) {
                Some(Survival::Torn) => self.stats.torn_files += 1,
                Some(Survival::None) => self.stats.reverted_files += 1,
                Some(Survival::Whole) | None => {}
            }
        }
        self.stats.dropped_names += self.names.lose_power(&mut self.random);
    }

    pub(super) fn open(&mut self, path: &Path) -> io::Result<FileId> {
        let id = self.find(path)?;
        self.file(id)?.handles += 1;
        Ok(id)
    }

    pub(super) fn close(&mut self, mount: u64, id: FileId) {
        if self.mounted != Some(mount) {
            return;
        }
        if let Some(file) = self.files.get_mut(&id) {
            file.handles -= 1;
            if file.handles == 0 {
                self.collect();
            }
        }
    }

    pub(super) fn create(&mut self, path: &Path) -> io::Result<FileId> {
        let path = self.vacant(path)?;
        let id = FileId(self.files_made);
        self.files_made += 1;
        self.files.insert(id, File { contents: Contents::default(), handles: 1 });
        self.names.apply(vec![(path, Some(Target::File(id)))]);
        Ok(id)
    }

    pub(super) fn link(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let id = self.find(from)?;
        let to = self.vacant(to)?;
        self.names.apply(vec![(to, Some(Target::File(id)))]);
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let id = self.find(from)?;
        let (from, to) = (normal(from), normal(to));
        self.folder(folder_of(&to))?;
        match self.names.get(&to) {
            Some(Target::Folder) => return Err(io::ErrorKind::IsADirectory.into()),
            // POSIX: two names of one file stay as they are.
            Some(Target::File(there)) if there == id => return Ok(()),
            _ => {}
        }
        self.names.apply(vec![(from, None), (to, Some(Target::File(id)))]);
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.find(path)?;
        self.names.apply(vec![(normal(path), None)]);
        Ok(())
    }

    pub(super) fn create_dir_all(&mut self, path: &Path) -> io::Result<()> {
        let path = normal(path);
        for folder in path.ancestors().collect::<Vec<_>>().into_iter().rev() {
            match self.names.get(folder) {
                Some(Target::Folder) => {}
                Some(Target::File(_)) => return Err(io::ErrorKind::AlreadyExists.into()),
                None => self.names.apply(vec![(folder.to_owned(), Some(Target::Folder))]),
            }
        }
        Ok(())
    }

    pub(super) fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let folder = normal(path);
        self.folder(&folder)?;
        let entry = |(name, id): (&str, FileId)| Entry {
            name: name.to_owned(),
            len: self.files.get(&id).map_or(0, |file| file.contents.len()),
        };
        let mut entries: Vec<_> = self.names.files_in(&folder).map(entry).collect();
        entries.sort();
        Ok(entries)
    }

    pub(super) fn sync_dir(&mut self, path: &Path) -> io::Result<()> {
        let folder = normal(path);
        self.folder(&folder)?;
        self.names.sync(&folder);
        self.collect();
        Ok(())
    }

    /// Locks the file at `path`, made if absent; `None` if it is locked.
    pub(super) fn lock(&mut self, path: &Path) -> io::Result<Option<FileId>> {
        let id = match self.find(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let id = self.create(path)?;
                self.file(id)?.handles = 0;
                id
            }
            found => found?,
        };
        Ok(self.locks.insert(id).then_some(id))
    }

    pub(super) fn unlock(&mut self, mount: u64, id: FileId) {
        if self.mounted == Some(mount) {
            self.locks.remove(&id);
        }
    }

    pub(super) fn write(&mut self, id: FileId, bytes: &[u8], offset: u64) -> io::Result<()> {
        let len = self.contents(id)?.len();
        let fits = if offset.saturating_add(bytes.len() as u64) <= len {
            bytes.len()
        } else {
            let room = len.saturating_add(self.free_bytes()).saturating_sub(offset);
            bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX))
        };
        let file = self.files.get_mut(&id).ok_or_else(dead)?;
        file.contents.write(&bytes[..fits], offset, &mut self.random);
        if fits == bytes.len() { Ok(()) } else { Err(self.full()) }
    }

    /// A write that fails: some first part of the bytes arrives.
    pub(super) fn write_part(&mut self, id: FileId, bytes: &[u8], offset: u64) {
        let part = self.random.usize(..=bytes.len());
        // The call fails whatever becomes of this part.
        let _ = self.write(id, &bytes[..part], offset);
    }

    pub(super) fn allocate(&mut self, id: FileId, len: u64) -> io::Result<()> {
        let more = len.saturating_sub(self.contents(id)?.len());
        if more > self.free_bytes() {
            return Err(self.full());
        }
        let stale = self.recycled.clone().filter(|_| self.recycling);
        self.file(id)?.contents.allocate(len, stale);
        Ok(())
    }

    pub(super) fn truncate(&mut self, id: FileId, len: u64) -> io::Result<()> {
        if len > self.contents(id)?.len() {
            return self.allocate(id, len);
        }
        self.file(id)?.contents.truncate(len);
        Ok(())
    }

    pub(super) fn sync(&mut self, id: FileId) -> io::Result<()> {
        self.file(id)?.contents.sync();
        Ok(())
    }

    pub(super) fn fail_sync(&mut self, id: FileId) {
        self.stats.failed_syncs += 1;
        if let Some(file) = self.files.get_mut(&id) {
            file.contents.fail_sync(&mut self.random);
        }
    }

    pub(super) fn contents(&self, id: FileId) -> io::Result<&Contents> {
        self.files.get(&id).map(|file| &file.contents).ok_or_else(dead)
    }

    pub(super) fn set_capacity(&mut self, bytes: u64) {
        self.capacity = bytes;
    }

    pub(super) fn set_recycling(&mut self, on: bool) {
        self.recycling = on;
    }

    pub(super) fn free_bytes(&self) -> u64 {
        let named = self.names.live_files();
        let takes_room = |(id, file): &(&FileId, &File)| file.handles > 0 || named.contains(id);
        let used: u64 = self.files.iter().filter(takes_room).map(|(_, f)| f.contents.len()).sum();
        self.capacity.saturating_sub(used)
    }

    pub(super) fn flip(&mut self, path: &Path, bit: u64) -> io::Result<()> {
        let id = self.find(path)?;
        if !self.file(id)?.contents.flip(bit) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.stats.flips += 1;
        Ok(())
    }

    fn find(&self, path: &Path) -> io::Result<FileId> {
        match self.names.get(&normal(path)) {
            Some(Target::File(id)) => Ok(id),
            Some(Target::Folder) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// `path` spelled normally, if its folder exists and the name is free.
    fn vacant(&self, path: &Path) -> io::Result<PathBuf> {
        let path = normal(path);
        self.folder(folder_of(&path))?;
        match self.names.get(&path) {
            None => Ok(path),
            Some(_) => Err(io::ErrorKind::AlreadyExists.into()),
        }
    }

    fn folder(&self, path: &Path) -> io::Result<()> {
        match self.names.get(path) {
            Some(Target::Folder) => Ok(()),
            Some(Target::File(_)) => Err(io::ErrorKind::NotADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn file(&mut self, id: FileId) -> io::Result<&mut File> {
        self.files.get_mut(&id).ok_or_else(dead)
    }

    fn full(&mut self) -> io::Error {
        self.stats.full += 1;
        Failure::NoSpace.into()
    }

    /// Forgets files that neither a name nor a handle leads to, now or after a power cut.
    fn collect(&mut self) {
        let reachable = self.names.reachable_files();
        let gone = |id: &FileId, file: &File| file.handles == 0 && !reachable.contains(id);
        for (_, file) in self.files.extract_if(.., |id, file| gone(id, file)) {
            self.recycled = Some(file.contents.into_stale());
        }
    }
}

/// The error of a call by an incarnation that has crashed.
pub(super) fn dead() -> io::Error {
    io::Error::other("this incarnation has crashed")
}
