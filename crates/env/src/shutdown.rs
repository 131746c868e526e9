//! One signal that asks every task to finish what it holds and return.

use std::sync::Arc;

use tokio::sync::watch;

/// A flag that is raised once. Cheap to clone.
#[derive(Clone)]
pub struct Shutdown(Arc<watch::Sender<bool>>);

impl Default for Shutdown {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Shutdown {
    /// Raises the flag.
    pub fn start(&self) {
        self.0.send_replace(true);
    }

    /// True once the flag is up.
    pub fn started(&self) -> bool {
        *self.0.borrow()
    }

    /// Completes once the flag is up.
    pub async fn wait(&self) {
        // The sender lives in `self`, so waiting cannot fail.
        let _ = self.0.subscribe().wait_for(|up| *up).await;
    }
}
