//! What is done to a broker while something goes wrong, and what goes wrong.

use std::fmt;

use clap::ValueEnum;

/// What clients do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Workload {
    /// Transactions that are committed, aborted, abandoned, fenced
    Transactions,
    /// Consume, transform, produce
    Copies,
    /// Records with keys, in transactions and without, in a compacted topic
    Compacted,
    /// Records without transactions, and a group
    Plain,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Fault {
    /// SIGKILL
    Kill,
    /// SIGSTOP, and SIGCONT when every session and transaction has timed out
    Pause,
    /// The power goes: only what was flushed stays
    Power,
    /// Calls of the write path fail, at last all, until the power goes
    Errors,
}

/// One of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    /// What clients do.
    pub workload: Workload,
    /// What goes wrong.
    pub fault: Fault,
}

impl Cell {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        let with = |workload: &Workload| {
            let workload = *workload;
            Fault::value_variants().iter().map(move |fault| Self { workload, fault: *fault })
        };
        Workload::value_variants().iter().flat_map(with)
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}/{:?}", self.workload, self.fault)
    }
}
