//! Deadlines by name.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Millis, TransactionalId};

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

/// The deadlines of one machine, by name and by time.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    deadlines: BTreeMap<Timer, Millis>,
    queue: BTreeSet<(Millis, Timer)>,
}

impl Timers {
    /// Sets the deadline of `timer`, in place of the one it had.
    pub fn schedule(&mut self, timer: Timer, deadline: Millis) {
        if let Some(before) = self.deadlines.insert(timer.clone(), deadline) {
            self.queue.remove(&(before, timer.clone()));
        }
        self.queue.insert((deadline, timer));
    }

    /// Forgets `timer`, if it is set.
    pub fn cancel(&mut self, timer: &Timer) {
        if let Some(before) = self.deadlines.remove(timer) {
            self.queue.remove(&(before, timer.clone()));
        }
    }

    /// The earliest deadline.
    pub fn next(&self) -> Option<Millis> {
        self.queue.first().map(|(deadline, _)| *deadline)
    }

    /// True if `timer` has a deadline.
    pub fn is_set(&self, timer: &Timer) -> bool {
        self.deadlines.contains_key(timer)
    }

    /// Takes the earliest timer that is due at `now`.
    pub fn take_due(&mut self, now: Millis) -> Option<Timer> {
        if self.next()? > now {
            return None;
        }
        let (_, timer) = self.queue.pop_first()?;
        self.deadlines.remove(&timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_fire_in_order_of_time_and_once() {
        let mut timers = Timers::default();
        let id = TransactionalId::new("t").unwrap();
        let (open, markers) = (Timer::Transaction(id.clone()), Timer::Markers(id));
        timers.schedule(open.clone(), Millis(5));
        timers.schedule(markers.clone(), Millis(3));
        timers.schedule(open.clone(), Millis(2));
        timers.schedule(Timer::Expiry, Millis(9));
        timers.cancel(&Timer::Expiry);

        assert_eq!(timers.take_due(Millis(1)), None);
        assert_eq!(timers.take_due(Millis(4)), Some(open));
        assert_eq!(timers.next(), Some(Millis(3)));
        assert_eq!(timers.take_due(Millis(4)), Some(markers));
        assert_eq!(timers.take_due(Millis(99)), None);
        assert_eq!(timers.next(), None);
    }
}
