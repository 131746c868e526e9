//! What is to go wrong, and when.

use std::collections::BTreeMap;
use std::io;

/// A kind of call to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// `Disk::open`
    Open,
    /// `Disk::create_new`
    Create,
    /// `Disk::link`
    Link,
    /// `Disk::rename`
    Rename,
    /// `Disk::remove`
    Remove,
    /// `Disk::create_dir_all`
    CreateDir,
    /// `Disk::list`
    List,
    /// `Disk::sync_dir`
    SyncDir,
    /// `Disk::lock`
    Lock,
    /// `DiskFile::read_at`
    Read,
    /// `DiskFile::write_all_at`
    Write,
    /// `DiskFile::sync_data`
    Sync,
    /// `DiskFile::allocate`
    Allocate,
    /// `DiskFile::truncate`
    Truncate,
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The device failed: `EIO`.
    Io,
    /// No space is left: `ENOSPC`.
    NoSpace,
}

/// What ends an incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// The process dies; the system lives and keeps everything that was written.
    Kill,
    /// The power goes: what was not flushed survives by chance.
    PowerCut,
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> Self {
        let errno = match failure {
            Failure::Io => rustix::io::Errno::IO,
            Failure::NoSpace => rustix::io::Errno::NOSPC,
        };
        errno.into()
    }
}

/// What the plan has for the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Pass,
    Fail(Failure),
    Crash(Crash),
}

#[derive(Default)]
pub(super) struct Plan {
    crash: Option<(u64, Crash)>,
    armed: BTreeMap<Operation, (u64, Failure)>,
    rates: BTreeMap<Operation, (f64, Failure)>,
}

impl Plan {
    /// A crash at the `nth` call from now, counted from 1.
    pub(super) fn crash_at(&mut self, nth: u64, crash: Crash) {
        self.crash = Some((nth, crash));
    }

    pub(super) fn fail_nth(&mut self, operation: Operation, nth: u64, failure: Failure) {
        self.armed.insert(operation, (nth, failure));
    }

    pub(super) fn fail_often(&mut self, operation: Operation, chance: f64, failure: Failure) {
        self.rates.insert(operation, (chance, failure));
    }

    /// Nothing more goes wrong.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Decides the fate of one call and counts it.
    pub(super) fn next(&mut self, operation: Operation, random: &mut fastrand::Rng) -> Fate {
        if let Some((left, crash)) = &mut self.crash {
            *left = left.saturating_sub(1);
            if *left == 0 {
                let crash = *crash;
                self.crash = None;
                return Fate::Crash(crash);
            }
        }
        if let Some((left, failure)) = self.armed.get_mut(&operation) {
            *left = left.saturating_sub(1);
            if *left == 0 {
                let failure = *failure;
                self.armed.remove(&operation);
                return Fate::Fail(failure);
            }
        }
        match self.rates.get(&operation) {
            Some((chance, failure)) if random.f64() < *chance => Fate::Fail(*failure),
            _ => Fate::Pass,
        }
    }
}
