//! Bugs planted on purpose, to show that the checkers catch them.
//!
//! Without the feature `planted-bugs` every question is answered `false` at compile time. With it,
//! [`plant`] switches one bug on for the whole process.

/// A bug that can be planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Bug {
    /// Replies leave before the flush.
    AckBeforeFlush = 1,
    /// After recovery one offset too few is known.
    ReuseOffset,
    /// Bytes from disk are served unchecked.
    SkipChecksum,
    /// A producer's sequence is not remembered.
    ForgetSequence,
    /// A checkpoint claims one log file more than it covers.
    CheckpointTooEarly,
    /// A torn chunk at the end of the log is believed.
    TrustTornTail,
    /// A failed flush is taken for a good one.
    IgnoreFlushError,
    /// Replaced files are removed before the checkpoint that names their replacement.
    RemoveBeforeCheckpoint,
}

#[cfg(feature = "planted-bugs")]
mod switch {
    use std::sync::atomic::{AtomicU8, Ordering};

    static PLANTED: AtomicU8 = AtomicU8::new(0);

    /// Plants `bug`, or none.
    pub fn plant(bug: Option<super::Bug>) {
        PLANTED.store(bug.map_or(0, |bug| bug as u8), Ordering::Relaxed);
    }

    pub(crate) fn is(bug: super::Bug) -> bool {
        PLANTED.load(Ordering::Relaxed) == bug as u8
    }
}

#[cfg(feature = "planted-bugs")]
pub(crate) use switch::is;
#[cfg(feature = "planted-bugs")]
pub use switch::plant;

#[cfg(not(feature = "planted-bugs"))]
pub(crate) const fn is(_: Bug) -> bool {
    false
}
