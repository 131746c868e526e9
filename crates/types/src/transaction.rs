//! How transactions end.

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TxnOutcome {
    /// What was written does not count.
    Abort,
    /// What was written counts.
    Commit,
}
