//! The retention clock: what the log goes by when it asks how old something is.
//!
//! Retention by the wall clock alone has two failures. A jump forward, by a bad time server or a
//! restored snapshot, makes everything old at once, and data is deleted that nobody asked to delete.
//! A jump backward makes everything young, and retention stops until the clock has caught up.
//!
//! This clock runs on monotonic time and leans towards the wall clock by a tenth of the time that
//! passes. Everyday corrections are followed within seconds. After a jump of an hour the two agree
//! again after ten hours, in which data goes, or stays, at most a tenth early or late; an operator
//! who sees the warning has that long to set the wall clock right. It keeps running over restarts: it
//! goes on from the latest time that the log itself has on disk, never from an earlier one. Whether a
//! gap forward at the start was down time or a wrong clock cannot be told; it is believed, and told.
//!
//! Time that a suspended machine slept is not in its monotonic clock; it is caught up with like a
//! jump. That keeps data longer, never shorter.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use thalweg_env::{Env, Instant};
use thalweg_types::Timestamp;

/// The clock leans towards the wall clock by one part of this many of the time that passes.
const SLEW_PART: i64 = 10;

/// A difference above this is said once.
const ASTRAY: Duration = Duration::from_mins(1);

/// Down time above this is said: it may be a wrong clock.
const DOWN_LONG: Duration = Duration::from_hours(3 * 24);

pub(crate) struct RetentionClock {
    env: Env,
    began: Instant,
    /// The time at `began`.
    base: Timestamp,
    /// Milliseconds by which the clock has leaned towards the wall clock since.
    slewed: AtomicI64,
    astray: AtomicBool,
}

impl RetentionClock {
    /// A clock that goes on from `known`, the latest time found on disk, or from the wall clock if
    /// that is later.
    pub(crate) fn start(env: &Env, known: Option<Timestamp>) -> Self {
        let wall = env.wall();
        let base = known.map_or(wall, |known| known.max(wall));
        if let Some(known) = known {
            let gap = wall.millis_since(known);
            if i128::from(gap) > DOWN_LONG.as_millis() as i128 {
                tracing::warn!(
                    hours = gap / 3_600_000,
                    "the wall clock is far ahead of the last start: taken for down time"
                );
            }
        }
        Self {
            env: env.clone(),
            began: env.now(),
            base,
            slewed: AtomicI64::new(0),
            astray: AtomicBool::new(false),
        }
    }

    /// The time. Between two calls to [`follow`](Self::follow) it is exactly as long as it takes.
    pub(crate) fn now(&self) -> Timestamp {
        let passed = self.env.now().saturating_duration_since(self.began);
        Timestamp(self.base.plus(passed).0.saturating_add(self.slewed.load(Ordering::Relaxed)))
    }

    /// Leans towards the wall clock. `passed` is the time since the last call.
    pub(crate) fn follow(&self, passed: Duration) {
        let behind = self.env.wall().millis_since(self.now());
        let most = i64::try_from(passed.as_millis()).unwrap_or(i64::MAX) / SLEW_PART;
        self.slewed.fetch_add(behind.clamp(-most, most), Ordering::Relaxed);
        let astray = u128::from(behind.unsigned_abs()) > ASTRAY.as_millis();
        if astray != self.astray.swap(astray, Ordering::Relaxed) {
            if astray {
                tracing::warn!(
                    seconds = behind / 1000,
                    "the wall clock jumped: retention follows slowly"
                );
            } else {
                tracing::info!("wall clock and retention clock agree again");
            }
        }
    }
}
