//! The background worker: what makes the writer's files small, sorted and few, off its thread.
//!
//! A turn does one bounded job: make a spare file, index a finished file, apply retention, compact,
//! rewrite, write a checkpoint, or remove files that no checkpoint names any more. The order between
//! the last two is what keeps a crash harmless: data is removed only after a durable checkpoint does
//! without it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use thalweg_env::{Instant, Turn, Worker};

use crate::backlog::{self, Backlog};
use crate::checkpoint::{self, Checkpoint, PartitionCheckpoint};
use crate::error::LogError;
use crate::files::{FileId, Kind};
use crate::indexer;
use crate::maintenance::{Maintenance, Progress};
use crate::metrics::LogMetrics;
use crate::planted::{self, Bug};
use crate::retention;
use crate::shared::{Finished, Holder, Reason, Spare};

/// The newest finished file stays in memory: those who read a little behind find it there.
const FINISHED_KEPT: usize = 1;

pub(crate) struct Background {
    shared: Arc<Holder>,
    maintenance: Maintenance,
    /// True if extents changed since the last checkpoint.
    dirty: bool,
    /// The first file that a checkpoint written now does not cover.
    replay_from: u64,
    next_round: Instant,
    last_round: Instant,
    /// No job that needs space before this time: one failed, and retention may free some.
    hindered_until: Instant,
    /// No checkpoint before this time.
    checkpoint_after: Instant,
    /// Files up to this number are indexed at once, because compaction waits for them.
    wanted_to: u64,
    /// When a file was ended early.
    ended_early: Option<Instant>,
}

impl Background {
    pub(crate) fn new(shared: Arc<Holder>, replay_from: u64) -> Self {
        let now = shared.env.now();
        Self {
            maintenance: Maintenance::new(shared.0.clone()),
            shared,
            dirty: true,
            replay_from,
            next_round: now,
            last_round: now,
            hindered_until: now,
            checkpoint_after: now,
            wanted_to: 0,
            ended_early: None,
        }
    }

    fn make_spare(&self) -> Result<(), LogError> {
        let id = FileId::wal(self.shared.new_file_number());
        let len = self.shared.options.wal_file_bytes;
        let handle = self.shared.files.create(id, len, self.shared.options.incarnation)?;
        self.shared.handoff.put_spare(Spare { id, handle, len });
        Ok(())
    }

    /// Moves the oldest finished file from the partitions' tails into their extents.
    fn index(&mut self, finished: Finished) -> Result<(), LogError> {
        let written = indexer::index_wal(&self.shared, finished)?;
        LogMetrics::add(&self.shared.metrics.index_bytes, written);
        self.shared.handoff.pop_finished();
        self.replay_from = finished.id.number + 1;
        self.dirty = true;
        self.maintenance.look_again();
        Ok(())
    }

    fn write_checkpoint(&mut self) -> Result<(), LogError> {
        let too_early = u64::from(planted::is(Bug::CheckpointTooEarly));
        let mut checkpoint = Checkpoint {
            next_file: self.shared.next_file.load(Ordering::Relaxed),
            replay_from: self.replay_from + too_early,
            written_at: self.shared.clock.now(),
            partitions: Vec::new(),
        };
        let horizon = self.producer_horizon();
        for partition in self.shared.all_partitions() {
            let mut state = partition.state();
            state.producers.expire(horizon);
            checkpoint.partitions.push(PartitionCheckpoint::of(partition.id(), &state));
        }
        if planted::is(Bug::RemoveBeforeCheckpoint) {
            self.remove_unreferenced(&checkpoint)?;
        }
        let dir = &self.shared.options.dir;
        let written = checkpoint::write(self.shared.files.disk().as_ref(), dir, &checkpoint)?;
        LogMetrics::add(&self.shared.metrics.index_bytes, written);
        LogMetrics::add(&self.shared.metrics.checkpoints, 1);
        self.dirty = false;
        self.remove_unreferenced(&checkpoint)
    }

    fn producer_horizon(&self) -> thalweg_types::Timestamp {
        let silent = self.shared.options.producer_expiration.as_millis();
        let silent = i64::try_from(silent).unwrap_or(i64::MAX);
        thalweg_types::Timestamp(self.shared.clock.now().0.saturating_sub(silent))
    }

    /// Removes the files that neither the durable checkpoint nor the replay after it needs.
    fn remove_unreferenced(&self, checkpoint: &Checkpoint) -> Result<(), LogError> {
        let extents = checkpoint.partitions.iter().flat_map(|partition| &partition.extents);
        let needed: BTreeSet<FileId> = extents.map(|extent| extent.file).collect();
        let files = &self.shared.files;
        let output = self.maintenance.output();
        let listed = files.disk().list(files.dir());
        let listed = listed.map_err(LogError::io("listing", files.dir()))?;
        let mut kept = BTreeSet::new();
        for file in listed.iter().filter_map(|entry| FileId::from_name(&entry.name)) {
            let replayed = file.kind == Kind::Wal && file.number >= checkpoint.replay_from;
            let newer = file.number >= checkpoint.next_file;
            if replayed || newer || needed.contains(&file) || output == Some(file) {
                kept.insert(file.number);
            } else {
                files.remove(file)?;
            }
        }
        // Indexes, and halves of them, that a crash left without their log file.
        for entry in listed.iter().filter(|entry| FileId::from_name(&entry.name).is_none()) {
            if FileId::number_in(&entry.name).is_some_and(|number| !kept.contains(&number)) {
                files.remove_stray(&entry.name)?;
            }
        }
        Ok(())
    }

    /// Refuses writes while the device is nearly full.
    fn watch_space(&self) {
        let minimum = self.shared.options.free_bytes_min;
        let files = &self.shared.files;
        let Ok(free) = files.disk().free_bytes(files.dir()) else { return };
        let low = self.shared.health.has(Reason::LowSpace);
        if !low && free < minimum {
            let text = format!("only {free} bytes are free, {minimum} are kept in reserve");
            tracing::error!("log accepts no writes: {text}");
            LogMetrics::add(&self.shared.metrics.low_space, 1);
            self.shared.health.raise(Reason::LowSpace, text);
        } else if low && free >= minimum + minimum / 8 {
            tracing::warn!("log accepts writes again: {free} bytes are free");
            self.shared.health.clear(Reason::LowSpace);
        }
    }

    /// What comes back at an interval: the clock, the space, and retention.
    fn round(&mut self) {
        let now = self.shared.env.now();
        self.shared.clock.follow(now.saturating_duration_since(self.last_round));
        self.last_round = now;
        self.next_round = now + self.shared.options.background_interval;
        self.watch_space();
        self.maintenance.look_again();
        self.dirty |= retention::enforce(&self.shared);
        self.dirty |= self.shared.stale.swap(false, Ordering::Relaxed);
        self.look_after_compaction(now);
    }

    /// Says what compaction is behind by, and asks the writer to end its file if that would help it.
    fn look_after_compaction(&mut self, now: Instant) {
        let Backlog { dirty_bytes, overdue_ms, wish } = backlog::survey(&self.shared);
        let metrics = &self.shared.metrics;
        metrics.compaction_dirty_bytes.store(dirty_bytes, Ordering::Relaxed);
        metrics.compaction_overdue_ms.store(overdue_ms, Ordering::Relaxed);
        let Some(wish) = wish else { return };
        let early = self.ended_early.is_some_and(|ended| now < ended + wish.between());
        // The writer should not have to make its next file itself.
        if early || self.shared.health.has(Reason::LowSpace) || !self.shared.handoff.has_spare() {
            return;
        }
        self.ended_early = Some(now);
        self.wanted_to = wish.file;
        self.shared.writer.end_file(wish.file);
    }

    fn retry_after(&self, error: &LogError) -> Instant {
        tracing::error!(%error, "background work failed, trying again later");
        self.shared.env.now() + self.shared.options.background_interval
    }

    /// Does what the writer needs; false if there is nothing to do.
    fn make_progress(&mut self) -> Result<bool, LogError> {
        if !self.shared.handoff.has_spare() && !self.shared.health.has(Reason::LowSpace) {
            self.watch_space();
            self.make_spare()?;
            return Ok(true);
        }
        let wanted = |finished: &Finished| finished.id.number <= self.wanted_to;
        let handoff = &self.shared.handoff;
        let kept = || handoff.oldest_finished(0).filter(wanted);
        if let Some(finished) = handoff.oldest_finished(FINISHED_KEPT).or_else(kept) {
            self.index(finished)?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Waits for the writer to hand over its last file, then leaves a checkpoint that needs no replay.
    fn close(&mut self) -> Turn {
        if !self.shared.handoff.writer_done() {
            return Turn::Idle;
        }
        if let Err(error) = self.finish() {
            tracing::error!(%error, "closing without a checkpoint: the next start replays more");
        }
        Turn::Done
    }

    fn finish(&mut self) -> Result<(), LogError> {
        while let Some(finished) = self.shared.handoff.oldest_finished(0) {
            self.index(finished)?;
        }
        self.write_checkpoint()
    }
}

impl Worker for Background {
    /// Does the next job. Retention and checkpoints, which free space, never wait for those that
    /// need space.
    fn turn(&mut self) -> Turn {
        let now = self.shared.env.now();
        if self.shared.health.has(Reason::Closing) {
            return self.close();
        }
        if now >= self.next_round {
            self.round();
            return Turn::Again;
        }
        if now >= self.hindered_until {
            match self.make_progress() {
                Ok(true) => return Turn::Again,
                Ok(false) => {}
                Err(error) => self.hindered_until = self.retry_after(&error),
            }
        }
        if self.dirty && now >= self.checkpoint_after {
            if let Err(error) = self.write_checkpoint() {
                self.checkpoint_after = self.retry_after(&error);
            }
            return Turn::Again;
        }
        if now >= self.hindered_until && self.maintenance.due().is_some_and(|due| now >= due) {
            match self.maintenance.turn(self.replay_from) {
                Ok(progress) => self.dirty |= progress == Progress::Finished,
                Err(error) => self.hindered_until = self.retry_after(&error),
            }
            return Turn::Again;
        }
        let rested = self.maintenance.due().map(|due| due.max(self.hindered_until));
        Turn::Until(rested.map_or(self.next_round, |rested| rested.min(self.next_round)))
    }
}
