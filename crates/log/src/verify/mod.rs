//! Checking a data directory offline: every checksum, every index, every invariant.
//!
//! Nothing is written. Damage never stops the check: each damaged place is named, and what lies
//! around it is looked at all the same.

mod checkpoint;
mod index_file;
mod log_file;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thalweg_env::Disk;
use thalweg_types::{Offset, TopicPartition};

use crate::checkpoint as store;
use crate::checkpoint::Checkpoint;
use crate::error::LogError;
use crate::files::{FileId, FileTable, Kind};
use crate::format::entry::BatchEntry;
use crate::recover::{UsedFile, used_files, wal_numbers};
use crate::scan::Damage;

/// Damaged places that are named; more are only counted.
const DAMAGE_MAX: usize = 10_000;

/// Files kept open.
const OPEN_MAX: usize = 16;

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// Log files looked at.
    pub files: u64,
    /// Chunks in them.
    pub chunks: u64,
    /// Batches in the chunks.
    pub batches: u64,
    /// Records in the batches.
    pub records: u64,
    /// Bytes of the batches.
    pub bytes: u64,
    /// True if the last write was torn by a crash. It was never acknowledged; the next start drops it.
    pub torn_tail: bool,
    /// The damaged places, at most ten thousand.
    pub damage: Vec<Damage>,
    /// Damaged places, named or not.
    pub damaged_places: u64,
}

impl Verification {
    /// True if nothing is damaged.
    pub fn is_sound(&self) -> bool {
        self.damaged_places == 0
    }

    fn note(&mut self, damage: Damage) {
        self.damaged_places += 1;
        if self.damage.len() < DAMAGE_MAX {
            self.damage.push(damage);
        }
    }
}

/// Checks the log in `data_dir`, which no process has open. An error means that the check could not
/// be made: the device failed, or a newer version has written there.
pub fn verify(disk: Arc<dyn Disk>, data_dir: &Path) -> Result<Verification, LogError> {
    let mut outcome = Verification::default();
    let checkpoint = match store::read(disk.as_ref(), data_dir) {
        Ok(None) => Checkpoint::default(),
        Ok(Some((checkpoint, damaged_twin))) => {
            if damaged_twin {
                let what = "one of the two copies of the checkpoint";
                outcome.note(damage(store::path(data_dir), 0, what));
            }
            checkpoint
        }
        Err(LogError::Corrupt { file, position, what }) => {
            outcome.note(damage(file, position, what));
            Checkpoint::default()
        }
        Err(error) => return Err(error),
    };
    checkpoint::check(&store::path(data_dir), &checkpoint, &mut outcome);
    let files = FileTable::new(disk, data_dir.join(crate::LOG_DIR), OPEN_MAX);
    let tails = checkpoint.partitions.iter().map(|partition| {
        (partition.id, partition.extents.last().map_or(Offset::ZERO, |extent| extent.end))
    });
    Verifier { tails: tails.collect(), files, checkpoint, outcome }.run()
}

fn damage(file: PathBuf, position: u64, what: impl Into<String>) -> Damage {
    Damage { file, position, what: what.into() }
}

struct Verifier {
    files: FileTable,
    checkpoint: Checkpoint,
    outcome: Verification,
    /// Where each partition's batches end, as far as was looked.
    tails: BTreeMap<TopicPartition, Offset>,
}

/// The batches of a log file.
type Batches = BTreeMap<(TopicPartition, Offset), BatchEntry>;

impl Verifier {
    fn run(mut self) -> Result<Verification, LogError> {
        let dir = self.files.dir().to_owned();
        let names = self.files.disk().list(&dir).map_err(LogError::io("listing", &dir))?;
        let ids: BTreeSet<FileId> =
            names.iter().filter_map(|entry| FileId::from_name(&entry.name)).collect();
        let names = names.into_iter().map(|entry| entry.name);
        let wals = wal_numbers(names, self.checkpoint.replay_from);
        for file in self.named().difference(&ids) {
            self.note(*file, 0, "the file is missing");
        }
        // What no extent names is on its way out.
        for file in self.named().intersection(&ids) {
            self.finished(*file)?;
        }
        self.replayed(&wals)?;
        Ok(self.outcome)
    }

    fn note(&mut self, file: FileId, position: u64, what: impl Into<String>) {
        self.outcome.note(damage(self.files.path(file), position, what));
    }

    /// The files that extents name.
    fn named(&self) -> BTreeSet<FileId> {
        let extents = self.checkpoint.partitions.iter().flat_map(|partition| &partition.extents);
        extents.map(|extent| extent.file).collect()
    }

    /// True if the next start replays the file.
    fn is_replayed(&self, file: FileId) -> bool {
        file.kind == Kind::Wal && file.number >= self.checkpoint.replay_from
    }

    /// Checks a file that is not written any more, and its index.
    fn finished(&mut self, file: FileId) -> Result<(), LogError> {
        if !self.check_header(file)? {
            return Ok(());
        }
        let len = self.files.get(file)?.len();
        let len = len.map_err(LogError::io("reading the length of", self.files.path(file)))?;
        let batches = self.check_chunks(file, len, false)?;
        self.check_index(file, &batches)
    }

    /// Checks the files that the next start will replay.
    fn replayed(&mut self, wals: &[u64]) -> Result<(), LogError> {
        let used = match used_files(&self.files, wals) {
            Ok((used, _unused)) => used,
            Err(LogError::Corrupt { file, position, what }) => {
                self.outcome.note(damage(file, position, what));
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        for (at, file) in used.iter().enumerate() {
            let end = UsedFile::end(&used, at);
            if self.check_header(file.id)? {
                self.check_chunks(file.id, end.unwrap_or(u64::MAX), end.is_none())?;
            }
        }
        Ok(())
    }
}
