//! The only door to the outside world: clocks, randomness, tasks, threads, files, shutdown.
//!
//! Code that takes an [`Env`] runs unchanged on the real machine ([`Env::real`]) and inside the
//! simulation (`simulated`, a feature), where one seed decides every delay, fault and random number.
//! `clippy.toml` keeps everything else from going around it.

mod disk;
mod real;
mod shutdown;
#[cfg(any(test, feature = "simulated"))]
pub mod simulated;
mod task;
#[cfg(test)]
mod tests;
mod worker;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use thalweg_types::Timestamp;
use tokio::task::AbortHandle;

pub use disk::{Disk, DiskFile, DiskLock, Entry};
pub use real::RealDisk;
pub use shutdown::Shutdown;
pub use task::Task;
pub use tokio::time::Instant;
pub use worker::{Turn, Wake, Worker, WorkerHandle};

/// What differs between the real machine and a simulation.
pub trait World: Send + Sync + 'static {
    /// Wall-clock time. It may jump in either direction.
    fn wall(&self) -> Timestamp;
    /// Uniformly random bits; never for secrets when simulated.
    fn random_u64(&self) -> u64;
    /// Runs `worker` until it is done: on a thread, or as a simulated task.
    fn start_worker(&self, name: &'static str, wake: Wake, worker: Box<dyn Worker>)
    -> WorkerHandle;
    /// True if blocking closures run on threads of their own.
    fn has_threads(&self) -> bool;
    /// Told of each task, so that a simulated crash can stop it.
    fn adopt(&self, _task: AbortHandle) {}
    /// The file system.
    fn disk(&self) -> Arc<dyn Disk>;
}

/// A handle to the world. Cheap to clone; give one to everything that needs time or chance.
#[derive(Clone)]
pub struct Env {
    world: Arc<dyn World>,
    shutdown: Shutdown,
}

/// The deadline of [`Env::timeout`] passed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("deadline passed")]
pub struct Elapsed;

#[expect(clippy::disallowed_methods, reason = "this is the door")]
impl Env {
    /// The real machine.
    pub fn real() -> Self {
        Self::new(Arc::new(real::RealWorld::default()))
    }

    /// A world of your own, as the simulation makes one.
    pub fn new(world: Arc<dyn World>) -> Self {
        Self { world, shutdown: Shutdown::default() }
    }

    /// Monotonic time. Under simulation it is virtual.
    pub fn now(&self) -> Instant {
        Instant::now()
    }

    /// Wall-clock time in milliseconds. It may jump; measure durations with [`Env::now`].
    pub fn wall(&self) -> Timestamp {
        self.world.wall()
    }

    /// Completes `duration` from now.
    pub async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    /// Completes at `deadline`, at once if it has passed.
    pub async fn sleep_until(&self, deadline: Instant) {
        tokio::time::sleep_until(deadline).await;
    }

    /// The output of `future`, unless `duration` passes first.
    pub async fn timeout<F: Future>(
        &self,
        duration: Duration,
        future: F,
    ) -> Result<F::Output, Elapsed> {
        tokio::time::timeout(duration, future).await.map_err(|_| Elapsed)
    }

    /// Sixty-four random bits.
    pub fn random_u64(&self) -> u64 {
        self.world.random_u64()
    }

    /// Sixteen random bytes, enough for an identifier.
    pub fn random_bytes(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.random_u64().to_be_bytes());
        bytes[8..].copy_from_slice(&self.random_u64().to_be_bytes());
        bytes
    }

    /// Starts a task on the runtime. It is not cancelled when the handle is dropped.
    pub fn spawn<F>(&self, name: &'static str, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let task = tokio::spawn(future);
        self.world.adopt(task.abort_handle());
        Task::new(name, task)
    }

    /// Runs a closure that blocks on the device, off the runtime's own threads.
    pub async fn blocking<T, F>(&self, work: F) -> T
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        if !self.world.has_threads() {
            // Others run in between, as they would on the real machine.
            tokio::task::yield_now().await;
            return work();
        }
        match tokio::task::spawn_blocking(work).await {
            Ok(value) => value,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    /// Starts a long-lived worker; see [`Worker`]. `wake` is what its producers hold.
    pub fn start_worker(
        &self,
        name: &'static str,
        wake: &Wake,
        worker: impl Worker,
    ) -> WorkerHandle {
        self.world.start_worker(name, wake.clone(), Box::new(worker))
    }

    /// The file system.
    pub fn disk(&self) -> Arc<dyn Disk> {
        self.world.disk()
    }

    /// The signal that asks everything to finish.
    pub fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }
}
