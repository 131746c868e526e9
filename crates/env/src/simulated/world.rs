//! The simulated world around one process.

use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thalweg_types::Timestamp;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::disk::{Mount, SimDisk};
use super::faults::Crash;
use crate::{Disk, Env, Instant, Task, Turn, Wake, Worker, WorkerHandle, World};

/// The wall clock at the start of every run: 2026-01-01 00:00 UTC.
const WALL_START: Timestamp = Timestamp(1_767_225_600_000);

/// Finished tasks are forgotten when this many are known, and at each doubling.
const TASKS_KNOWN_MIN: usize = 64;

/// Runs `scenario` in virtual time, on a runtime of its own in this thread.
pub fn run<F: Future>(scenario: F) -> io::Result<F::Output> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    Ok(runtime.block_on(scenario))
}

/// The harness's hand on the world of one process. Cheap to clone.
#[derive(Clone)]
pub struct SimWorld(Arc<Shared>);

struct Shared {
    started: Instant,
    wall_jump: AtomicI64,
    random: Mutex<fastrand::Rng>,
    disk: SimDisk,
    life: Mutex<Arc<Life>>,
}

impl SimWorld {
    /// A world that `seed` decides, and its first incarnation. Call it inside [`run`].
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    pub fn new(seed: u64) -> (Env, Self) {
        let mut random = fastrand::Rng::with_seed(seed);
        let world = Self(Arc::new(Shared {
            started: Instant::now(),
            wall_jump: AtomicI64::new(0),
            disk: SimDisk::new(random.fork()),
            random: Mutex::new(random),
            life: Mutex::default(),
        }));
        (world.boot(), world)
    }

    /// The disk, which outlives every incarnation.
    pub fn disk(&self) -> &SimDisk {
        &self.0.disk
    }

    /// Moves the wall clock, in either direction. Monotonic time goes on undisturbed.
    pub fn jump_wall(&self, millis: i64) {
        self.0.wall_jump.fetch_add(millis, Ordering::Relaxed);
    }

    /// A generator of its own for the harness, so that its choices and the process's stay apart.
    pub fn fork_random(&self) -> fastrand::Rng {
        lock(&self.0.random).fork()
    }

    /// Crashes the incarnation now, with all its tasks and workers.
    pub fn crash(&self, crash: Crash) {
        self.0.disk.crash(crash);
        self.life().end();
    }

    /// False once the incarnation has crashed. What a task still says after that, in the step that
    /// it was in, no client would have heard.
    pub fn is_up(&self) -> bool {
        !self.life().over.load(Ordering::Acquire)
    }

    /// Completes when the incarnation has crashed.
    pub async fn down(&self) {
        let life = self.life();
        let ended = life.ended.notified();
        if !life.over.load(Ordering::Acquire) {
            ended.await;
        }
    }

    /// Starts the next incarnation on what the disk kept; one that still runs is killed first.
    pub fn restart(&self) -> Env {
        if self.is_up() {
            self.crash(Crash::Kill);
        }
        self.boot()
    }

    fn boot(&self) -> Env {
        let life = Arc::new(Life::default());
        lock(&self.0.life).clone_from(&life);
        let mount = self.0.disk.mount(Arc::clone(&life));
        Env::new(Arc::new(Incarnation { shared: Arc::clone(&self.0), life, mount }))
    }

    fn life(&self) -> Arc<Life> {
        Arc::clone(&lock(&self.0.life))
    }
}

/// The tasks of one incarnation, and whether it has crashed.
#[derive(Default)]
pub(super) struct Life {
    over: AtomicBool,
    ended: Notify,
    tasks: Mutex<Vec<AbortHandle>>,
}

impl Life {
    /// Stops every task. The one that runs now stops at its next await.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Release);
        let tasks = std::mem::take(&mut *lock(&self.tasks));
        for task in tasks {
            task.abort();
        }
        self.ended.notify_waiters();
    }

    fn adopt(&self, task: AbortHandle) {
        if self.over.load(Ordering::Acquire) {
            task.abort();
            return;
        }
        let mut tasks = lock(&self.tasks);
        if tasks.len() >= TASKS_KNOWN_MIN && tasks.len().is_power_of_two() {
            tasks.retain(|task| !task.is_finished());
        }
        tasks.push(task);
    }
}

/// The world as one incarnation of the process has it.
struct Incarnation {
    shared: Arc<Shared>,
    life: Arc<Life>,
    mount: Mount,
}

impl World for Incarnation {
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    fn wall(&self) -> Timestamp {
        let jump = self.shared.wall_jump.load(Ordering::Relaxed);
        let wall = WALL_START.plus(Instant::now() - self.shared.started);
        Timestamp(wall.0.saturating_add(jump))
    }

    fn random_u64(&self) -> u64 {
        lock(&self.shared.random).u64(..)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    fn start_worker(
        &self,
        name: &'static str,
        wake: Wake,
        worker: Box<dyn Worker>,
    ) -> WorkerHandle {
        let random = lock(&self.shared.random).fork();
        let task = tokio::spawn(take_turns(wake, worker, random));
        self.life.adopt(task.abort_handle());
        WorkerHandle::of_task(Task::new(name, task))
    }

    fn has_threads(&self) -> bool {
        false
    }

    fn adopt(&self, task: AbortHandle) {
        self.life.adopt(task);
    }

    fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(self.mount.clone())
    }
}

async fn take_turns(wake: Wake, mut worker: Box<dyn Worker>, mut random: fastrand::Rng) {
    loop {
        pause(&mut random).await;
        wake.lower();
        match worker.turn() {
            Turn::Again => {}
            Turn::Idle => wake.raised().await,
            // Woken or not, the next turn is due.
            Turn::Until(deadline) => drop(tokio::time::timeout_at(deadline, wake.raised()).await),
            Turn::Done => return,
        }
    }
}

/// What passes before a worker's turn: a few turns of other tasks, or a short or longer time.
#[expect(clippy::disallowed_methods, reason = "this is the door")]
async fn pause(random: &mut fastrand::Rng) {
    match random.u8(..16) {
        0 => tokio::time::sleep(Duration::from_millis(random.u64(5..50))).await,
        1..8 => tokio::time::sleep(Duration::from_millis(random.u64(1..4))).await,
        _ => {
            for _ in 0..random.u8(1..4) {
                tokio::task::yield_now().await;
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
