//! A named task.

use tokio::task::JoinHandle;

/// A running task. Dropping it lets the task run on.
#[derive(Debug)]
pub struct Task<T> {
    name: &'static str,
    handle: JoinHandle<T>,
}

impl<T> Task<T> {
    pub(crate) fn new(name: &'static str, handle: JoinHandle<T>) -> Self {
        Self { name, handle }
    }

    /// The task's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Stops the task at its next await.
    pub fn abort(&self) {
        self.handle.abort();
    }

    /// Waits for the output; `None` if the task was aborted or panicked.
    pub async fn join(self) -> Option<T> {
        self.handle.await.ok()
    }
}
