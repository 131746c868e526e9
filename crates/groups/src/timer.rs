//! What can become due.

use crate::{GroupId, MemberId};

/// What can become due. Each has one deadline at most.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// Committed offsets are to be looked at for their age.
    Expiry,
    /// A group has waited long enough for its members to join.
    Join(GroupId),
    /// A group has waited long enough for its members to ask for their assignments.
    Sync(GroupId),
    /// A member, or one that was only given an id so far, has been silent for too long.
    Session(GroupId, MemberId),
}
