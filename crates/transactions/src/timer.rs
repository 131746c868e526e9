//! What can become due.

use crate::TransactionalId;

/// What can become due. Each has one deadline at most.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// Transactional ids are to be looked at for their age.
    Expiry,
    /// A transaction has been open for as long as it may.
    Transaction(TransactionalId),
    /// Markers that failed are to be asked for again.
    Markers(TransactionalId),
}
