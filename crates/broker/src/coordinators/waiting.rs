//! Who waits for which reply of a machine.

use std::collections::BTreeMap;

use thalweg_coordination::ReplyTo;

/// Those who wait. To drop one tells it that there will be no reply.
pub(crate) struct Waiting<W> {
    waiters: BTreeMap<ReplyTo, W>,
    next: u64,
}

impl<W> Default for Waiting<W> {
    fn default() -> Self {
        Self { waiters: BTreeMap::new(), next: 0 }
    }
}

impl<W> Waiting<W> {
    /// Adds one; returns what its request is called.
    pub fn add(&mut self, waiter: W) -> ReplyTo {
        let reply_to = ReplyTo(self.next);
        self.next += 1;
        self.waiters.insert(reply_to, waiter);
        reply_to
    }

    /// Takes out whom a reply is for.
    pub fn take(&mut self, reply_to: ReplyTo) -> Option<W> {
        self.waiters.remove(&reply_to)
    }
}
