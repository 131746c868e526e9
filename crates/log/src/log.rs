//! The log as its users see it: opened once, asked for partitions, closed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use thalweg_env::{Env, WorkerHandle};
use thalweg_types::{Timestamp, TopicPartition};

use crate::background::Background;
use crate::checkpoint;
use crate::clock::RetentionClock;
use crate::config::{LogOptions, PartitionConfig};
use crate::error::LogError;
use crate::files::{FileId, FileTable};
use crate::metrics::LogMetrics;
use crate::partition::{Partition, PartitionState};
use crate::recover::{Recovered, Recovery, RecoveryReport, wal_numbers};
use crate::retention;
use crate::shared::{Holder, Reason, Shared};
use crate::writer::Writer;

/// All partitions of one broker, durable in one data directory.
pub struct Log {
    shared: Arc<Holder>,
    workers: Mutex<Vec<WorkerHandle>>,
}

impl Log {
    /// Opens the log of the partitions in `live`, recovering what the last process left. Partitions
    /// on disk that are not in `live` were deleted; their bytes are removed in time.
    ///
    /// Blocks on the device. The caller holds the lock on the data directory.
    pub fn open(
        env: &Env,
        options: LogOptions,
        live: BTreeMap<TopicPartition, PartitionConfig>,
    ) -> Result<(Self, RecoveryReport), LogError> {
        let disk = env.disk();
        for dir in [crate::LOG_DIR, crate::CHECKPOINT_DIR] {
            let dir = options.dir.join(dir);
            disk.create_dir_durably(&dir).map_err(LogError::io("creating", &dir))?;
        }
        let (checkpoint, damaged) =
            checkpoint::read(disk.as_ref(), &options.dir)?.unwrap_or_default();
        if damaged {
            tracing::warn!("one copy of the checkpoint is damaged; the other is used");
        }
        let dir = options.dir.join(crate::LOG_DIR);
        let names = disk.list(&dir).map_err(LogError::io("listing", &dir))?;
        let highest =
            names.iter().filter_map(|entry| FileId::number_in(&entry.name)).max().unwrap_or(0);
        let next_file = checkpoint.next_file.max(highest + 1);
        let replay_from = checkpoint.replay_from;
        let wals = wal_numbers(names.into_iter().map(|entry| entry.name), replay_from);
        let files = FileTable::new(disk, dir, options.open_files_max);
        let recovered = Recovery::new(&files, checkpoint, live).run(&wals)?;
        Ok(Self::start(env, options, next_file, replay_from, recovered))
    }

    fn start(
        env: &Env,
        options: LogOptions,
        next_file: u64,
        replay_from: u64,
        recovered: Recovered,
    ) -> (Self, RecoveryReport) {
        let clock = RetentionClock::start(env, recovered.written_at);
        let shared = Arc::new(Shared::new(env, clock, options, next_file));
        for (id, state) in recovered.partitions {
            shared.insert(Partition::new(id, shared.clone(), state));
        }
        for finished in recovered.finished {
            shared.handoff.push_finished(finished);
        }
        let shared = Arc::new(Holder(shared));
        let writer = Writer::open(shared.clone(), recovered.end);
        let background = Background::new(shared.clone(), replay_from);
        let workers = vec![
            env.start_worker("log-writer", &shared.writer.wake, writer),
            env.start_worker("log-background", &shared.background, background),
        ];
        (Self { shared, workers: Mutex::new(workers) }, recovered.report)
    }

    /// The partition, if it exists.
    pub fn partition(&self, id: TopicPartition) -> Option<Arc<Partition>> {
        self.shared.partition(id)
    }

    /// All partitions at this moment.
    pub fn partitions(&self) -> Vec<Arc<Partition>> {
        self.shared.all_partitions()
    }

    /// The time that the log goes by: it follows the wall clock slowly, and not its jumps, restarts
    /// included.
    pub fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// Adds an empty partition; returns the one that is there if there is one already.
    pub fn create(&self, id: TopicPartition, config: PartitionConfig) -> Arc<Partition> {
        if let Some(there) = self.partition(id) {
            return there;
        }
        let partition = Partition::new(id, self.shared.0.clone(), PartitionState::new(config));
        self.shared.insert(partition)
    }

    /// Removes a partition. Its bytes go when the background worker comes to it.
    pub fn delete(&self, id: TopicPartition) {
        if let Some(partition) = self.shared.remove(id) {
            partition.mark_deleted();
            self.shared.make_stale();
        }
    }

    /// Applies the retention of every partition now, instead of in the background's next round. The
    /// log starts have moved on return; the space is free after the round that follows.
    pub fn enforce_retention_now(&self) {
        if retention::enforce(&self.shared) {
            self.shared.make_stale();
        }
    }

    /// Why writes are refused, in words; `None` if they are accepted.
    pub fn trouble(&self) -> Option<String> {
        self.shared.health.trouble()
    }

    /// What the log counts.
    pub fn metrics(&self) -> &LogMetrics {
        &self.shared.metrics
    }

    #[cfg(test)]
    pub(crate) fn shared_for_test(&self) -> Arc<Shared> {
        self.shared.0.clone()
    }

    /// Makes everything accepted durable, leaves a checkpoint, and ends the workers. Appends fail
    /// from now on.
    pub async fn close(&self) {
        self.shared.health.raise(Reason::Closing, String::new());
        self.shared.writer.wake.wake();
        self.shared.background.wake();
        let workers =
            std::mem::take(&mut *self.workers.lock().unwrap_or_else(PoisonError::into_inner));
        for worker in workers {
            worker.join().await;
        }
    }
}

impl Drop for Log {
    /// Without [`Log::close`] the workers still end; the next start replays a little more.
    fn drop(&mut self) {
        self.shared.health.raise(Reason::Closing, String::new());
        self.shared.writer.wake.wake();
        self.shared.background.wake();
    }
}
