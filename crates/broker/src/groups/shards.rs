//! Which coordinator has a group, and how to reach it.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use thalweg_env::{Env, Task};
use thalweg_groups::{DeletedTopic, Reply, Request, Settings};
use thalweg_log::Partition;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::shard::Shard;
use crate::Topic;
use crate::clock::Clock;
use crate::metadata::TableCell;
use crate::metrics::BrokerMetrics;

/// Coordinators that load at the same time; each reads a piece of its partition into memory.
const LOADS_MAX: usize = 4;

/// What every coordinator needs.
pub(crate) struct ShardContext {
    pub env: Env,
    pub clock: Clock,
    pub settings: Settings,
    /// Requests that may wait for one coordinator.
    pub queue_max: usize,
    pub table: Arc<TableCell>,
    pub metrics: Arc<BrokerMetrics>,
}

/// What a coordinator is told.
pub(super) enum Command {
    Request { request: Request, reply: oneshot::Sender<Reply> },
    TopicsDeleted(Vec<DeletedTopic>),
}

/// All coordinators, once the offsets topic exists.
pub(crate) struct GroupShards {
    context: Arc<ShardContext>,
    senders: OnceLock<Vec<mpsc::Sender<Command>>>,
    tasks: Mutex<Vec<Task<()>>>,
}

impl GroupShards {
    pub fn new(context: ShardContext) -> Self {
        Self { context: Arc::new(context), senders: OnceLock::new(), tasks: Mutex::default() }
    }

    /// Starts a coordinator for each partition of the offsets topic, unless they run already.
    pub fn start(&self, partitions: &[Arc<Partition>]) {
        self.senders.get_or_init(|| {
            let loads = Arc::new(Semaphore::new(LOADS_MAX));
            let start = |partition: &Arc<Partition>| {
                let (sender, commands) = mpsc::channel(self.context.queue_max);
                let shard = Shard {
                    context: self.context.clone(),
                    partition: partition.clone(),
                    loads: loads.clone(),
                    commands,
                };
                let task = self.context.env.spawn("group-coordinator", shard.run());
                (sender, task)
            };
            let (senders, tasks): (Vec<_>, Vec<_>) = partitions.iter().map(start).unzip();
            *self.tasks.lock().unwrap_or_else(PoisonError::into_inner) = tasks;
            senders
        });
    }

    /// The coordinators; none before the offsets topic exists.
    pub(super) fn senders(&self) -> &[mpsc::Sender<Command>] {
        self.senders.get().map_or(&[], Vec::as_slice)
    }

    /// Tells every coordinator that topics are gone. One that misses it looks again when it loads.
    pub fn forget_topics(&self, env: &Env, topics: &[Arc<Topic>]) {
        let senders = self.senders().to_vec();
        if topics.is_empty() || senders.is_empty() {
            return;
        }
        let deleted: Vec<DeletedTopic> = topics
            .iter()
            .map(|topic| DeletedTopic { name: topic.name().clone(), id: topic.id() })
            .collect();
        // A task of its own: the chain must not wait for a coordinator that waits for the device.
        env.spawn("forget-topics", async move {
            for sender in senders {
                let _ = sender.send(Command::TopicsDeleted(deleted.clone())).await;
            }
        });
    }

    /// The tasks, to be waited for once at the end.
    pub fn take_tasks(&self) -> Vec<Task<()>> {
        std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The partition of the offsets topic that has a group, as in Kafka
/// (`GroupCoordinatorService.partitionFor`), because tools compute it as well.
pub(super) fn shard_of(group: &str, count: usize) -> usize {
    // Java's String.hashCode, which counts UTF-16 units.
    let hash = group
        .encode_utf16()
        .fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    // Java's abs has no answer for the smallest number; Kafka takes 0.
    hash.checked_abs().unwrap_or(0) as usize % count.max(1)
}

#[cfg(test)]
mod tests {
    use super::shard_of;

    #[test]
    fn groups_are_where_kafka_has_them() {
        // As Java computes them.
        assert_eq!(shard_of("test-group", 50), 12);
        assert_eq!(shard_of("orders-service", 50), 17);
        assert_eq!(shard_of("grün-\u{1f600}", 50), 41);
        assert_eq!(shard_of("", 50), 0);
        assert_eq!(shard_of("polygenelubricants", 50), 0, "its hash is the smallest number");
    }
}
