//! The two clocks that a step is told.

use thalweg_types::Timestamp;

/// Milliseconds of a monotonic clock with an arbitrary origin. All deadlines are measured with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(pub u64);

impl Millis {
    /// This time later by `duration_ms`.
    #[must_use]
    pub fn plus_ms(self, duration_ms: u64) -> Self {
        Self(self.0.saturating_add(duration_ms))
    }
}

/// The time of a step, on both clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// For deadlines and intervals. Must not run backwards.
    pub monotonic: Millis,
    /// For what is stored and ages: when an offset was committed, when a transaction began. A driver should
    /// pass a clock that does not follow jumps of the wall clock while it runs.
    pub wall: Timestamp,
}
