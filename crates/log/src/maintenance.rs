//! Rewriting where it pays, one bounded slice a turn.
//!
//! A busy partition's bytes are written once: they stay in the write-ahead log's files, which read
//! as well as segments. Rewritten are files whose batches lie scattered (many partitions, little
//! traffic), files that are mostly dead or mostly padding, small files that restarts left, and what
//! compaction touches. After a slice the worker rests for as long as the slice took, so that rewriting
//! never has more than half of the device.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use thalweg_env::Instant;

use crate::compact::{self, KeyScan};
use crate::error::LogError;
use crate::files::{FileId, Kind};
use crate::format::chunk::RUN_HEADER_LEN;
use crate::format::entry::{BATCH_ENTRY_LEN, RUN_ENTRY_LEN};
use crate::metrics::LogMetrics;
use crate::rewrite::{Rewrite, Sources};
use crate::shared::{Reason, Shared};

/// Reads in one slice, at most.
const STEPS_MAX: usize = 1024;

/// What a file may waste before it is looked at: less would not pay for the rewriting.
const WASTE_MIN: u64 = 64 << 10;

/// A file below this part of a full one is small.
const SMALL_PART: u64 = 8;

pub(crate) struct Maintenance {
    shared: Arc<Shared>,
    job: Option<Job>,
    /// True if there may be something to do.
    look: bool,
    rest_until: Instant,
    /// Files that cannot be rewritten, because something in them cannot be read.
    stuck: BTreeSet<FileId>,
}

enum Job {
    Scan(Box<KeyScan>),
    Rewrite(Box<Rewrite>),
}

/// What a turn came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Nothing,
    Some,
    /// Extents were replaced: a checkpoint makes it count.
    Finished,
}

impl Maintenance {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let rest_until = shared.env.now();
        Self { shared, job: None, look: true, rest_until, stuck: BTreeSet::new() }
    }

    /// Something may have changed.
    pub(crate) fn look_again(&mut self) {
        self.look = true;
    }

    /// When the next slice is due, if there is one.
    pub(crate) fn due(&self) -> Option<Instant> {
        (self.look || self.job.is_some()).then_some(self.rest_until)
    }

    /// The file that is being written and that no extent names yet.
    pub(crate) fn output(&self) -> Option<FileId> {
        match &self.job {
            Some(Job::Rewrite(rewrite)) => rewrite.output(),
            _ => None,
        }
    }

    /// Does a slice of the job at hand, or looks for one. Log files from `replay_from` on are not
    /// touched. An error ends the job; nothing is lost with it but work.
    pub(crate) fn turn(&mut self, replay_from: u64) -> Result<Progress, LogError> {
        let began = self.shared.env.now();
        let outcome = self.slice(replay_from);
        let now = self.shared.env.now();
        self.rest_until = now + now.saturating_duration_since(began);
        if outcome.is_err() {
            self.give_up();
        }
        outcome
    }

    fn slice(&mut self, replay_from: u64) -> Result<Progress, LogError> {
        if self.shared.health.has(Reason::LowSpace) {
            self.give_up();
            self.look = false;
            return Ok(Progress::Nothing);
        }
        let Some(mut job) = self.job.take() else {
            self.look = false;
            self.job = self.choose(replay_from)?;
            return Ok(if self.job.is_some() { Progress::Some } else { Progress::Nothing });
        };
        let mut left = self.shared.options.chunk_bytes_max;
        for _ in 0..STEPS_MAX {
            let Some(read) = job.step(&self.shared)? else {
                return Ok(self.finish(job));
            };
            left = left.saturating_sub(read);
            if left == 0 {
                break;
            }
        }
        self.job = Some(job);
        Ok(Progress::Some)
    }

    /// Drops the job at hand, and lets the next checkpoint remove what it wrote.
    fn give_up(&mut self) {
        self.job = None;
        self.shared.make_stale();
    }

    fn finish(&mut self, job: Job) -> Progress {
        let metrics = &self.shared.metrics;
        match job {
            Job::Scan(scan) => {
                LogMetrics::add(&metrics.compactions, 1);
                self.job = Some(Job::Rewrite(Box::new(scan.into_rewrite())));
                Progress::Some
            }
            Job::Rewrite(rewrite) => {
                LogMetrics::add(&metrics.rewrites, 1);
                self.stuck.extend(rewrite.damaged);
                self.look = true;
                Progress::Finished
            }
        }
    }

    /// What pays most: compaction, then files.
    fn choose(&self, replay_from: u64) -> Result<Option<Job>, LogError> {
        let room = self.room()?;
        if let Some(scan) = compact::choose(&self.shared, room) {
            return Ok(Some(Job::Scan(Box::new(scan))));
        }
        let files = self.choose_files(replay_from, room)?;
        if files.is_empty() {
            return Ok(None);
        }
        let partitions = self.shared.all_partitions();
        let touched = partitions.iter().filter(|partition| {
            partition.state().extents.iter().any(|extent| files.contains(&extent.file))
        });
        let touched: Vec<_> = touched.map(|partition| partition.id()).collect();
        let rewrite = Rewrite::new(Sources::Files(files), touched, None);
        Ok(Some(Job::Rewrite(Box::new(rewrite))))
    }

    /// What a job may write so that it never is what makes the space low.
    fn room(&self) -> Result<u64, LogError> {
        let options = &self.shared.options;
        let files = &self.shared.files;
        let free = files.disk().free_bytes(files.dir());
        let free = free.map_err(LogError::io("asking for the free space of", files.dir()))?;
        Ok(free.saturating_sub(options.free_bytes_min + 2 * options.wal_file_bytes))
    }

    /// The files that are worth rewriting together; none if it would not pay yet.
    fn choose_files(&self, replay_from: u64, room: u64) -> Result<BTreeSet<FileId>, LogError> {
        let options = &self.shared.options;
        let mut usage = self.usage()?;
        usage.retain(|file, _| {
            let finished = file.kind == Kind::Segment || file.number < replay_from;
            finished && !self.stuck.contains(file)
        });
        let which = |wanted: &dyn Fn(FileId, &Usage) -> bool| -> Vec<(FileId, Usage)> {
            let wanted = usage.iter().filter(|(file, usage)| wanted(**file, usage));
            wanted.map(|(file, usage)| (*file, *usage)).collect()
        };
        let wasteful = which(&|_, usage| usage.len > 2 * usage.needed() + WASTE_MIN);
        let scattered = which(&|file, usage| {
            file.kind == Kind::Wal && usage.run_bytes() < options.scattered_run_bytes
        });
        let small = which(&|_, usage| usage.len < options.wal_file_bytes / SMALL_PART);
        let together = options.scattered_files.max(1);
        let chosen = match () {
            () if !wasteful.is_empty() => wasteful,
            () if scattered.len() >= together => scattered,
            () if small.len() >= together => small,
            () => Vec::new(),
        };
        let mut left = room;
        let fitting = chosen.into_iter().take(together).map_while(|(file, usage)| {
            left = left.checked_sub(usage.needed())?;
            Some(file)
        });
        Ok(fitting.collect())
    }

    /// What the extents use of each file.
    fn usage(&self) -> Result<BTreeMap<FileId, Usage>, LogError> {
        let mut usage: BTreeMap<FileId, Usage> = BTreeMap::new();
        for partition in self.shared.all_partitions() {
            for extent in &partition.state().extents {
                let used = usage.entry(extent.file).or_default();
                used.bytes += extent.bytes;
                used.batches += u64::from(extent.section.batches);
                used.pieces += extent.pieces;
            }
        }
        let files = &self.shared.files;
        let entries = files.disk().list(files.dir());
        for entry in entries.map_err(LogError::io("listing", files.dir()))? {
            let file = FileId::from_name(&entry.name);
            if let Some(used) = file.and_then(|file| usage.get_mut(&file)) {
                used.len = entry.len;
            }
        }
        Ok(usage)
    }
}

impl Job {
    fn step(&mut self, shared: &Shared) -> Result<Option<u64>, LogError> {
        match self {
            Self::Scan(scan) => Ok(scan.step(shared)),
            Self::Rewrite(rewrite) => rewrite.step(shared),
        }
    }
}

/// What the extents use of a file.
#[derive(Clone, Copy, Debug, Default)]
struct Usage {
    len: u64,
    bytes: u64,
    batches: u64,
    pieces: u32,
}

impl Usage {
    /// The bytes of a run, on average.
    fn run_bytes(&self) -> u64 {
        self.bytes / u64::from(self.pieces).max(1)
    }

    /// What a file with nothing else in it would take.
    fn needed(&self) -> u64 {
        let runs = u64::from(self.pieces) * (RUN_HEADER_LEN + RUN_ENTRY_LEN) as u64;
        self.bytes + self.batches * BATCH_ENTRY_LEN as u64 + runs
    }
}
