//! Bugs planted on purpose, to show that the checkers catch them.
//!
//! Without the feature `planted-bugs` every question is answered `false` at compile time. With it,
//! `plant` switches one bug on for the whole process, `plant_here` for one thread, and so does the
//! environment variable `PLANTED_BUG` with a bug's name, for a whole binary under test.

/// Declares the bugs: each once, with its name on command lines and in the environment.
macro_rules! bugs {
    ($($(#[$what:meta])+ $bug:ident = $name:literal,)+) => {
        /// A bug that can be planted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Bug {
            $($(#[$what])+ $bug,)+
        }

        impl Bug {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$bug),+];

            /// The name on command lines and in the environment.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$bug => $name,)+
                }
            }
        }
    };
}

bugs! {
    /// Replies leave before the flush.
    AckBeforeFlush = "ack-before-flush",
    /// After recovery one offset too few is known.
    ReuseOffset = "reuse-offset",
    /// Bytes from disk are served unchecked.
    SkipChecksum = "skip-checksum",
    /// A producer's sequence is not remembered.
    ForgetSequence = "forget-sequence",
    /// A checkpoint claims one log file more than it covers.
    CheckpointTooEarly = "checkpoint-too-early",
    /// A torn chunk at the end of the log is believed.
    TrustTornTail = "trust-torn-tail",
    /// A failed flush is taken for a good one.
    IgnoreFlushError = "ignore-flush-error",
    /// Replaced files are removed before the checkpoint that names their replacement.
    RemoveBeforeCheckpoint = "remove-before-checkpoint",

    /// Compaction does not wait for the ends of transactions.
    CompactOpenTransaction = "compact-open-transaction",
    /// Tombstones and markers go in the first pass that meets them.
    TombstoneTooEarly = "tombstone-too-early",
    /// Compaction lets aborted records take the place of committed ones.
    CompactByAborted = "compact-by-aborted",
    /// An aborted transaction is not remembered as one.
    DropAbort = "drop-abort",
    /// After recovery the aborted transactions of the checkpoint are not known.
    ForgetAborted = "forget-aborted",
    /// After recovery the open transactions of the checkpoint are not known.
    ForgetOpen = "forget-open",
    /// The last stable offset lets the first record of an open transaction through.
    StableTooHigh = "stable-too-high",
    /// A marker of the transaction before ends the one after.
    LateMarker = "late-marker",
    /// Markers have the epoch of what they end, where they should have the next.
    MarkerWithOldEpoch = "marker-with-old-epoch",

    /// Coordinators act before their records are durable.
    ActBeforeDurable = "act-before-durable",
    /// A client that named its partitions once need not be in a transaction.
    StaleVerification = "stale-verification",
    /// A client is not told the epoch of its next transaction.
    KeepEpoch = "keep-epoch",
    /// A coordinator that loads does not go on with what was decided.
    ForgetDecision = "forget-decision",
    /// A coordinator that loads aborts what was decided to be committed.
    AbortDecided = "abort-decided",
    /// A group coordinator that loads takes pending offsets for committed ones.
    PendingCounts = "pending-counts",
    /// A group coordinator that loads does not know of pending offsets.
    ForgetPending = "forget-pending",
}

impl Bug {
    /// The bug of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|bug| bug.name() == name)
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

    const NONE: u8 = u8::MAX;

    /// The bug of the process.
    static PLANTED: AtomicU8 = AtomicU8::new(NONE);
    static OF_ENVIRONMENT: OnceLock<Option<Bug>> = OnceLock::new();

    thread_local! {
        static HERE: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// Plants `bug` in the whole process, or none.
    pub fn plant(bug: Option<Bug>) {
        PLANTED.store(bug.map_or(NONE, |bug| bug as u8), Ordering::Relaxed);
    }

    /// Plants `bug` for what runs on this thread, or none: for simulations side by side.
    pub fn plant_here(bug: Option<Bug>) {
        HERE.set(bug);
    }

    /// True if `bug` is planted.
    pub fn is(bug: Bug) -> bool {
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
pub use switch::{is, plant, plant_here};

/// True if the bug is planted.
#[cfg(not(feature = "planted-bugs"))]
pub const fn is(_: Bug) -> bool {
    false
}
