//! The names of files and folders: what programs see, and beneath it what a power cut would leave.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

/// Unflushed changes of names that are kept apart; the system writes older ones on its own.
const PENDING_MAX: usize = 4096;

/// Identifies a file, whatever its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileId(pub u64);

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Folder,
    File(FileId),
}

type Tree = BTreeMap<PathBuf, Target>;
/// What names stand for after a change; all of them or none.
type Change = Vec<(PathBuf, Option<Target>)>;

struct Pending {
    change: Change,
    /// Folders still to be flushed before this change is durable.
    folders: BTreeSet<PathBuf>,
}

#[derive(Default)]
pub(super) struct Names {
    live: Tree,
    durable: Tree,
    pending: Vec<Pending>,
}

impl Names {
    pub(super) fn get(&self, path: &Path) -> Option<Target> {
        if is_root(path) { Some(Target::Folder) } else { self.live.get(path).copied() }
    }

    pub(super) fn apply(&mut self, change: Change) {
        if self.pending.len() == PENDING_MAX {
            let oldest = self.pending.remove(0);
            set(&mut self.durable, &oldest.change);
        }
        set(&mut self.live, &change);
        let folders = change.iter().map(|(path, _)| folder_of(path).to_owned()).collect();
        self.pending.push(Pending { change, folders });
    }

    /// Makes the changes in `folder` durable, and those before them that they build on.
    pub(super) fn sync(&mut self, folder: &Path) {
        let mut built_on = BTreeSet::new();
        let mut flushed = Vec::new();
        for mut pending in std::mem::take(&mut self.pending).into_iter().rev() {
            pending.folders.remove(folder);
            let needed = pending.change.iter().any(|(path, _)| built_on.contains(path));
            if needed || pending.folders.is_empty() {
                built_on.extend(pending.change.iter().map(|(path, _)| path.clone()));
                flushed.push(pending.change);
            } else {
                self.pending.push(pending);
            }
        }
        self.pending.reverse();
        for change in flushed.iter().rev() {
            set(&mut self.durable, change);
        }
    }

    /// Leaves what a power cut leaves: of each name's unflushed changes a first part, chosen by
    /// chance. Returns how many changes were dropped.
    pub(super) fn lose_power(&mut self, random: &mut fastrand::Rng) -> u64 {
        let mut stopped = BTreeSet::new();
        let mut dropped = 0;
        for pending in std::mem::take(&mut self.pending) {
            let follows = pending.change.iter().all(|(path, _)| !stopped.contains(path));
            if follows && random.bool() {
                set(&mut self.durable, &pending.change);
            } else {
                dropped += 1;
                stopped.extend(pending.change.into_iter().map(|(path, _)| path));
            }
        }
        drop_orphans(&mut self.durable);
        self.live = self.durable.clone();
        dropped
    }

    /// The files in `folder` by name.
    pub(super) fn files_in<'a>(
        &'a self,
        folder: &'a Path,
    ) -> impl Iterator<Item = (&'a str, FileId)> {
        let inside = self.live.iter().filter(move |(path, _)| folder_of(path) == folder);
        inside.filter_map(|(path, target)| match target {
            Target::File(file) => Some((path.file_name()?.to_str()?, *file)),
            Target::Folder => None,
        })
    }

    /// Files that a program can name now.
    pub(super) fn live_files(&self) -> BTreeSet<FileId> {
        self.live.values().filter_map(file_of).collect()
    }

    /// Files that a program can name now, or could after a power cut.
    pub(super) fn reachable_files(&self) -> BTreeSet<FileId> {
        let changed = self.pending.iter().flat_map(|pending| &pending.change);
        let pending = changed.filter_map(|(_, target)| file_of(target.as_ref()?));
        let kept = self.live.values().chain(self.durable.values()).filter_map(file_of);
        kept.chain(pending).collect()
    }
}

/// `path` without `.` parts, so that a name has one spelling.
pub(super) fn normal(path: &Path) -> PathBuf {
    path.components().filter(|part| !matches!(part, Component::CurDir)).collect()
}

/// The folder that holds `path`.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

fn is_root(path: &Path) -> bool {
    path.parent().is_none()
}

fn file_of(target: &Target) -> Option<FileId> {
    match target {
        Target::File(file) => Some(*file),
        Target::Folder => None,
    }
}

fn set(tree: &mut Tree, change: &Change) {
    for (path, target) in change {
        match target {
            Some(target) => tree.insert(path.clone(), *target),
            None => tree.remove(path),
        };
    }
}

/// Removes what lies in folders that are gone. Parents sort before what they hold.
fn drop_orphans(tree: &mut Tree) {
    let mut kept = Tree::new();
    for (path, target) in std::mem::take(tree) {
        let folder = folder_of(&path);
        if is_root(folder) || kept.contains_key(folder) {
            kept.insert(path, target);
        }
    }
    *tree = kept;
}
