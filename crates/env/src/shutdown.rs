//! One signal that asks every task to finish what it holds and return.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// A flag that is raised once. Cheap to clone.
// Not a `watch`: that wakes several waiters in random order, which no seed could replay.
#[derive(Clone, Default)]
pub struct Shutdown(Arc<Flag>);

#[derive(Default)]
struct Flag {
    up: AtomicBool,
    raised: Notify,
}

impl Shutdown {
    /// Raises the flag.
    pub fn start(&self) {
        self.0.up.store(true, Ordering::Release);
        self.0.raised.notify_waiters();
    }

    /// True once the flag is up.
    pub fn started(&self) -> bool {
        self.0.up.load(Ordering::Acquire)
    }

    /// Completes once the flag is up.
    pub async fn wait(&self) {
        // Made before the flag is read, it also hears a start in between.
        let raised = self.0.raised.notified();
        if !self.started() {
            raised.await;
        }
    }
}
