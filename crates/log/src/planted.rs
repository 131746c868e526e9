//! Bugs planted on purpose, to show that the checkers catch them.
//!
//! Without the feature `planted-bugs` every question is answered `false` at compile time. With it,
//! `plant` switches one bug on for the whole process, `plant_here` for one thread, and so does the
//! environment variable `PLANTED_BUG` with a bug's name, for a whole binary under test.

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
    /// Compaction does not wait for the ends of transactions.
    CompactOpenTransaction,
    /// Tombstones and markers go in the first pass that meets them.
    TombstoneTooEarly,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::AckBeforeFlush,
        Self::ReuseOffset,
        Self::SkipChecksum,
        Self::ForgetSequence,
        Self::CheckpointTooEarly,
        Self::TrustTornTail,
        Self::IgnoreFlushError,
        Self::RemoveBeforeCheckpoint,
        Self::CompactOpenTransaction,
        Self::TombstoneTooEarly,
    ];

    /// The name on command lines and in the environment.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AckBeforeFlush => "ack-before-flush",
            Self::ReuseOffset => "reuse-offset",
            Self::SkipChecksum => "skip-checksum",
            Self::ForgetSequence => "forget-sequence",
            Self::CheckpointTooEarly => "checkpoint-too-early",
            Self::TrustTornTail => "trust-torn-tail",
            Self::IgnoreFlushError => "ignore-flush-error",
            Self::RemoveBeforeCheckpoint => "remove-before-checkpoint",
            Self::CompactOpenTransaction => "compact-open-transaction",
            Self::TombstoneTooEarly => "tombstone-too-early",
        }
    }

    /// The bug of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|bug| bug.name() == name)
    }
}

#[cfg(feature = "planted-bugs")]
mod switch {
    use std::cell::Cell;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::Bug;

    /// Names the bug to plant in a whole binary. Variables that begin with `THALWEG_` are settings.
    const VARIABLE: &str = "PLANTED_BUG";

    /// The bug of the process; 0 for none.
    static PLANTED: AtomicU8 = AtomicU8::new(0);
    static OF_ENVIRONMENT: OnceLock<Option<Bug>> = OnceLock::new();

    thread_local! {
        static HERE: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// Plants `bug` in the whole process, or none.
    pub fn plant(bug: Option<Bug>) {
        PLANTED.store(bug.map_or(0, |bug| bug as u8), Ordering::Relaxed);
    }

    /// Plants `bug` for what runs on this thread, or none: for simulations side by side.
    pub fn plant_here(bug: Option<Bug>) {
        HERE.set(bug);
    }

    pub(crate) fn is(bug: Bug) -> bool {
        PLANTED.load(Ordering::Relaxed) == bug as u8
            || HERE.get() == Some(bug)
            || *OF_ENVIRONMENT.get_or_init(of_environment) == Some(bug)
    }

    fn of_environment() -> Option<Bug> {
        let name = std::env::var(VARIABLE).ok()?;
        let bug = Bug::from_name(&name);
        if bug.is_some() {
            tracing::warn!("planted on purpose: {name}");
        } else {
            tracing::error!("{VARIABLE} names no bug: {name}");
        }
        bug
    }
}

#[cfg(feature = "planted-bugs")]
pub(crate) use switch::is;
#[cfg(feature = "planted-bugs")]
pub use switch::{plant, plant_here};

#[cfg(not(feature = "planted-bugs"))]
pub(crate) const fn is(_: Bug) -> bool {
    false
}
