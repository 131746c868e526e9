//! Long-lived workers: a loop that owns some state, does a turn of work, and sleeps until woken.
//!
//! On the real machine each worker is a thread, because its turns block on the device. In the
//! simulation each is a task, and virtual time passes between two turns.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Thread;

use tokio::sync::Notify;

use crate::{Instant, Task};

/// What a worker wants after a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Another turn at once.
    Again,
    /// A turn when woken.
    Idle,
    /// A turn when woken, or at this time.
    Until(Instant),
    /// No more turns: the worker has finished.
    Done,
}

/// The state of a worker and what it does with it.
pub trait Worker: Send + 'static {
    /// One bounded piece of work. A wake that arrives during a turn leads to another turn.
    fn turn(&mut self) -> Turn;
}

/// Wakes a worker. Cheap to clone, cheap to call; a wake is never lost and never counted.
#[derive(Clone, Default)]
pub struct Wake(Arc<Signal>);

#[derive(Default)]
struct Signal {
    raised: AtomicBool,
    thread: OnceLock<Thread>,
    notify: Notify,
}

impl Wake {
    /// Asks for a turn.
    pub fn wake(&self) {
        if self.0.raised.swap(true, Ordering::AcqRel) {
            return;
        }
        match self.0.thread.get() {
            Some(thread) => thread.unpark(),
            None => self.0.notify.notify_one(),
        }
    }

    /// Takes the signal down before a turn, so that a wake during the turn is seen after it.
    pub(crate) fn lower(&self) {
        self.0.raised.swap(false, Ordering::AcqRel);
    }

    pub(crate) fn is_raised(&self) -> bool {
        self.0.raised.load(Ordering::Acquire)
    }

    pub(crate) fn bind(&self, thread: Thread) {
        // A second worker on one wake would steal its turns; the first binding stays.
        let _ = self.0.thread.set(thread);
    }

    /// Completes when the signal is raised. For workers that run as tasks.
    pub async fn raised(&self) {
        while !self.is_raised() {
            self.0.notify.notified().await;
        }
    }
}

/// Waits for a worker to finish.
pub struct WorkerHandle(pub(crate) Task<()>);

impl WorkerHandle {
    /// A handle to a worker that runs as a task.
    pub fn of_task(task: Task<()>) -> Self {
        Self(task)
    }

    /// Completes when the worker has returned [`Turn::Done`].
    pub async fn join(self) {
        self.0.join().await;
    }
}
