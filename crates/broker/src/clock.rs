//! One clock for what coordinators measure and store.

use std::sync::Arc;

use thalweg_coordination::{Millis, Now};
use thalweg_env::{Env, Instant};
use thalweg_log::Log;

/// Measures by monotonic time, and dates by the log's retention clock: a wall clock that jumps, even
/// over a restart, must not expire committed offsets.
pub(crate) struct Clock {
    started: Instant,
    log: Arc<Log>,
}

impl Clock {
    pub fn start(env: &Env, log: Arc<Log>) -> Self {
        Self { started: env.now(), log }
    }

    /// The time of a step.
    pub fn now(&self, env: &Env) -> Now {
        let elapsed = env.now() - self.started;
        Now { monotonic: Millis(elapsed.as_millis() as u64), wall: self.log.now() }
    }

    /// The moment that a deadline means.
    pub fn instant(&self, deadline: Millis) -> Instant {
        self.started + std::time::Duration::from_millis(deadline.0)
    }
}
