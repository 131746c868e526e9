//! One clock for what coordinators measure and store.

use thalweg_env::{Env, Instant};
use thalweg_groups::{Millis, Now};
use thalweg_types::Timestamp;

/// Follows the wall clock as it was at the start, and none of its jumps afterwards.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    started: Instant,
    wall: Timestamp,
}

impl Clock {
    pub fn start(env: &Env) -> Self {
        Self { started: env.now(), wall: env.wall() }
    }

    /// The time of a step.
    pub fn now(&self, env: &Env) -> Now {
        let elapsed = env.now() - self.started;
        Now { monotonic: Millis(elapsed.as_millis() as u64), wall: self.wall.plus(elapsed) }
    }

    /// The moment that a deadline means.
    pub fn instant(&self, deadline: Millis) -> Instant {
        self.started + std::time::Duration::from_millis(deadline.0)
    }
}
