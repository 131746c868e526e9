//! Which coordinator has a name, and how to reach it.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use thalweg_env::Task;
use thalweg_log::Partition;
use tokio::sync::{Semaphore, mpsc};

use super::driver::Driver;
use super::{Coordinator, Place, World};

/// Coordinators that load at the same time; each reads a piece of its partition into memory.
const LOADS_MAX: usize = 4;

/// All coordinators of a kind, once their topic exists.
pub(crate) struct Coordinators<C: Coordinator> {
    world: Arc<World>,
    context: Arc<C::Context>,
    senders: OnceLock<Vec<mpsc::Sender<C::Command>>>,
    tasks: Mutex<Vec<Task<()>>>,
}

impl<C: Coordinator> Coordinators<C> {
    pub fn new(world: Arc<World>, context: C::Context) -> Self {
        let context = Arc::new(context);
        Self { world, context, senders: OnceLock::new(), tasks: Mutex::default() }
    }

    /// Starts a coordinator for each partition of the topic, unless they run already.
    pub fn start(&self, partitions: &[Arc<Partition>]) {
        self.senders.get_or_init(|| {
            let loads = Arc::new(Semaphore::new(LOADS_MAX));
            let start = |partition: &Arc<Partition>| {
                let (sender, commands) = mpsc::channel(self.world.queue_max);
                let place = Place {
                    world: self.world.clone(),
                    context: self.context.clone(),
                    partition: partition.clone(),
                    inbox: sender.downgrade(),
                };
                let driver = Driver::<C> { place, loads: loads.clone(), commands };
                (sender, self.world.env.spawn(C::TASK, driver.run()))
            };
            let (senders, tasks): (Vec<_>, Vec<_>) = partitions.iter().map(start).unzip();
            *self.tasks.lock().unwrap_or_else(PoisonError::into_inner) = tasks;
            senders
        });
    }

    /// The coordinators; none before their topic exists.
    pub fn senders(&self) -> &[mpsc::Sender<C::Command>] {
        self.senders.get().map_or(&[], Vec::as_slice)
    }

    /// The tasks, to be waited for once at the end.
    pub fn take_tasks(&self) -> Vec<Task<()>> {
        std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The partition of an internal topic that has a group or a transactional id, as in Kafka
/// (`GroupCoordinatorService.partitionFor`), because tools compute it as well.
pub(crate) fn shard_of(name: &str, count: usize) -> usize {
    // Java's String.hashCode, which counts UTF-16 units.
    let hash = name
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
