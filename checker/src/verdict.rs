//! What is wrong with a history.

use std::collections::BTreeMap;
use std::fmt;

/// Verdicts kept with their details; more are only counted.
const VERDICTS_KEPT_MAX: usize = 100;

/// Kinds of violations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// A record that was acknowledged, or read before, is not where a reader passed.
    Lost,
    /// A record is stored more often than its producer allows.
    Duplicated,
    /// Records of an idempotent producer stand in another order than they were sent in, or a
    /// reader got an offset below its position.
    Reordered,
    /// A record was read that was never sent there, or whose sending was refused.
    Phantom,
    /// Two records had the same offset at one time or another.
    OffsetReused,
    /// A record was acknowledged at one offset and read at another.
    Misacknowledged,
    /// A group's offset is not the one that was committed.
    CommitLost,
    /// A reader of committed records got one of an aborted transaction.
    AbortedRead,
    /// A reader of committed records got one before anybody asked for a commit.
    PrecommittedRead,
    /// Readers of committed records got one record of a transaction, and passed another.
    TornTransaction,
    /// Transactions have read from each other in a circle.
    Cycle,
}

/// One violation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Its kind.
    pub class: Class,
    /// Where.
    pub topic: String,
    /// Where.
    pub partition: i32,
    /// In a sentence, with the record and the offsets.
    pub what: String,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}-{}: {}", self.class, self.topic, self.partition, self.what)
    }
}

/// What a checker found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Events seen.
    pub events: u64,
    /// Records sent, each counted once.
    pub sent: u64,
    /// Records acknowledged.
    pub acked: u64,
    /// Reads.
    pub reads: u64,
    /// Commits acknowledged.
    pub commits: u64,
    /// Crashes.
    pub crashes: u64,
    /// Transactions that were committed.
    pub committed: u64,
    /// Transactions that are known to be aborted.
    pub aborted: u64,
    /// Times that a transaction wrote to a partition behind another's records, and those behind its
    /// own. Kafka allows it.
    pub interleaved: u64,
    /// Groups of committed transactions that are in a circle if the order of their writes counts as well
    /// as who has read from whom. Kafka allows it.
    pub write_cycles: u64,
    /// Acknowledged records that no reader got and none passed: nothing is known about them. A run
    /// that claims to have lost nothing has none of these.
    pub unread: u64,
    /// The first violations.
    pub verdicts: Vec<Verdict>,
    /// All violations, counted.
    pub violations: BTreeMap<Class, u64>,
}

impl Report {
    /// True if there was no violation.
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }

    pub(crate) fn add(&mut self, class: Class, verdict: impl FnOnce() -> Verdict) {
        *self.violations.entry(class).or_default() += 1;
        if self.verdicts.len() < VERDICTS_KEPT_MAX {
            self.verdicts.push(verdict());
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} events: {} sent, {} acknowledged ({} of them never read), {} reads, {} commits, {} crashes",
            self.events, self.sent, self.acked, self.unread, self.reads, self.commits, self.crashes
        )?;
        if self.committed + self.aborted > 0 {
            writeln!(
                f,
                "{} transactions committed, {} aborted; interleaved {} times, {} circles of writes",
                self.committed, self.aborted, self.interleaved, self.write_cycles
            )?;
        }
        for verdict in &self.verdicts {
            writeln!(f, "{verdict}")?;
        }
        match self.violations.values().sum::<u64>() {
            0 => write!(f, "no violation"),
            total => write!(f, "{total} violations: {:?}", self.violations),
        }
    }
}
