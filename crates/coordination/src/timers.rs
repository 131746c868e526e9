//! Deadlines by name.

use std::collections::{BTreeMap, BTreeSet};

use crate::Millis;

/// The deadlines of one machine, by name and by time. A name has one deadline at most.
#[derive(Debug)]
pub struct Timers<Name> {
    deadlines: BTreeMap<Name, Millis>,
    queue: BTreeSet<(Millis, Name)>,
}

impl<Name> Default for Timers<Name> {
    fn default() -> Self {
        Self { deadlines: BTreeMap::new(), queue: BTreeSet::new() }
    }
}

impl<Name: Clone + Ord> Timers<Name> {
    /// Sets the deadline of `timer`, in place of the one it had.
    pub fn schedule(&mut self, timer: Name, deadline: Millis) {
        if let Some(before) = self.deadlines.insert(timer.clone(), deadline) {
            self.queue.remove(&(before, timer.clone()));
        }
        self.queue.insert((deadline, timer));
    }

    /// Forgets `timer`, if it is set.
    pub fn cancel(&mut self, timer: &Name) {
        if let Some(before) = self.deadlines.remove(timer) {
            self.queue.remove(&(before, timer.clone()));
        }
    }

    /// The earliest deadline.
    pub fn next(&self) -> Option<Millis> {
        self.queue.first().map(|(deadline, _)| *deadline)
    }

    /// True if `timer` has a deadline.
    pub fn is_set(&self, timer: &Name) -> bool {
        self.deadlines.contains_key(timer)
    }

    /// Takes the earliest timer that is due at `now`.
    pub fn take_due(&mut self, now: Millis) -> Option<Name> {
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
        timers.schedule("join", Millis(5));
        timers.schedule("sync", Millis(3));
        timers.schedule("join", Millis(2));
        timers.schedule("expiry", Millis(9));
        timers.cancel(&"expiry");

        assert_eq!(timers.take_due(Millis(1)), None);
        assert_eq!(timers.take_due(Millis(4)), Some("join"));
        assert_eq!(timers.next(), Some(Millis(3)));
        assert_eq!(timers.take_due(Millis(4)), Some("sync"));
        assert_eq!(timers.take_due(Millis(99)), None);
        assert_eq!(timers.next(), None);
    }
}
