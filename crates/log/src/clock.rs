//! The retention clock: what the log goes by when it asks how old something is.
//!
//! Retention by the wall clock alone has two failures. A jump forward, by a bad time server or a
//! battery that died, makes everything old at once, and data is deleted that nobody asked to delete.
//! A jump backward makes everything young, and retention stops until the clock has caught up.
//!
//! So this clock runs on monotonic time, from the latest time that the log has on disk, and follows
//! the wall clock by three rules:
//!
//! - It leans towards it by a tenth of the time that passes. Everyday corrections are followed within
//!   seconds; a jump of an hour takes ten hours, in which data goes at most a tenth early or late.
//! - A wall clock that has not jumped for a day is believed, whatever it says: no mistake, on either
//!   side, lasts for ever. An operator who sees the warning has that day to set it right. The gap that
//!   down time leaves at a start is believed after ten minutes, in which time servers have had their say.
//! - While the two disagree, the clock is [in doubt](RetentionClock::in_doubt). Then retention asks for
//!   more than an old timestamp: the record must also have been in the log for as long.
//!
//! Time that a suspended machine slept is not in its monotonic clock; it is caught up with like a
//! jump. That keeps data longer, never shorter.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use thalweg_env::{Env, Instant};
use thalweg_types::Timestamp;

/// The clock leans towards the wall clock by one part of this many of the time that passes.
const SLEW_PART: i64 = 10;

/// Clocks that differ by less agree; a wall clock that moves by more between two rounds has jumped.
const ASTRAY: Duration = Duration::from_mins(1);

/// A wall clock without a jump for this long is believed.
const BELIEVED_AFTER: Duration = Duration::from_hours(24);

/// The same for a gap forward at the start.
const SETTLED_AFTER: Duration = Duration::from_mins(10);

/// Down time above this is said when it is believed.
const DOWN_LONG: Duration = Duration::from_hours(3 * 24);

pub(crate) struct RetentionClock {
    env: Env,
    began: Instant,
    /// The time at `began`.
    base: Timestamp,
    /// Milliseconds that the clock was moved towards the wall clock since.
    moved: AtomicI64,
    in_doubt: AtomicBool,
    wall: Mutex<WallWatch>,
}

/// What the wall clock did so far.
struct WallWatch {
    /// Its lead over monotonic time, counted from `base`.
    lead: i64,
    /// When it jumped last.
    steady_since: Instant,
    /// True until the first jump.
    as_at_start: bool,
    /// True if the disk told no time: then a correction backward, which deletes nothing, is followed
    /// without question in the first minutes.
    unproven: bool,
}

impl RetentionClock {
    /// A clock that goes on from `known`, the latest time found on disk; from the wall clock if there
    /// is none.
    pub(crate) fn start(env: &Env, known: Option<Timestamp>) -> Self {
        let (began, wall) = (env.now(), env.wall());
        let base = known.unwrap_or(wall);
        let lead = wall.millis_since(base);
        let unproven = known.is_none();
        Self {
            env: env.clone(),
            began,
            base,
            moved: AtomicI64::new(0),
            in_doubt: AtomicBool::new(is_astray(lead)),
            wall: Mutex::new(WallWatch { lead, steady_since: began, as_at_start: true, unproven }),
        }
    }

    /// The time. Between two calls to [`follow`](Self::follow) it is exactly as long as it takes.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp(self.monotonic().0.saturating_add(self.moved.load(Ordering::Relaxed)))
    }

    /// True while this clock and the wall clock disagree.
    pub(crate) fn in_doubt(&self) -> bool {
        self.in_doubt.load(Ordering::Relaxed)
    }

    fn monotonic(&self) -> Timestamp {
        self.base.plus(self.env.now().saturating_duration_since(self.began))
    }

    /// Follows the wall clock. `passed` is the time since the last call.
    pub(crate) fn follow(&self, passed: Duration) {
        let lead = self.env.wall().millis_since(self.monotonic());
        let ahead = lead.saturating_sub(self.moved.load(Ordering::Relaxed));
        let step = if self.is_believed(lead, ahead) {
            ahead
        } else {
            let most = i64::try_from(passed.as_millis()).unwrap_or(i64::MAX) / SLEW_PART;
            ahead.clamp(-most, most)
        };
        self.moved.fetch_add(step, Ordering::Relaxed);
        let in_doubt = is_astray(ahead - step);
        if in_doubt && !self.in_doubt.swap(in_doubt, Ordering::Relaxed) {
            let seconds = ahead / 1000;
            tracing::warn!(seconds, "the wall clock jumped: retention follows slowly");
        } else if !in_doubt && self.in_doubt.swap(in_doubt, Ordering::Relaxed) {
            tracing::info!("wall clock and retention clock agree again");
        }
    }

    /// True if the wall clock, `ahead` of this one, has proved itself.
    fn is_believed(&self, lead: i64, ahead: i64) -> bool {
        let mut wall = self.wall.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.env.now();
        if is_astray(lead.saturating_sub(wall.lead)) {
            wall.steady_since = now;
            wall.as_at_start = false;
        }
        wall.lead = lead;
        let settling = now.saturating_duration_since(self.began) < SETTLED_AFTER;
        let down_time = wall.as_at_start && ahead > 0;
        let after = if down_time { SETTLED_AFTER } else { BELIEVED_AFTER };
        let believed = (wall.unproven && settling && ahead < 0)
            || now.saturating_duration_since(wall.steady_since) >= after;
        if believed && ahead.unsigned_abs() > DOWN_LONG.as_millis() as u64 {
            tracing::warn!(
                hours = ahead / 3_600_000,
                "the wall clock is believed: retention jumps"
            );
        }
        believed
    }
}

fn is_astray(millis: i64) -> bool {
    u128::from(millis.unsigned_abs()) > ASTRAY.as_millis()
}
