//! What is known of the offsets that groups committed: a register per group and partition.

use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
pub(crate) struct Commits {
    registers: BTreeMap<String, BTreeMap<u32, Register>>,
    crashes: u32,
}

/// The values that one register may have.
#[derive(Default)]
struct Register {
    /// The acknowledged commits of which one is the last. Several only if they overlapped.
    settled: BTreeSet<i64>,
    /// Commits of which nobody has heard, by offset and by the transaction that they are part of.
    open: BTreeMap<(i64, Option<u32>), Open>,
    /// Counts what settled the register.
    settlements: u64,
}

#[derive(Clone, Copy)]
struct Open {
    /// Crashes before it was sent: it can take effect until the next.
    crashes: u32,
    /// Settlements before it was sent: later ones overlap with it.
    settlements: u64,
    /// It was seen to have taken effect, which it does once.
    applied: bool,
}

impl Commits {
    pub(crate) fn crash(&mut self) {
        self.crashes += 1;
    }

    pub(crate) fn sent(&mut self, group: &str, partition: u32, offset: i64, within: Option<u32>) {
        let crashes = self.crashes;
        let register = self.register(group, partition);
        let open = Open { crashes, settlements: register.settlements, applied: false };
        register.open.insert((offset, within), open);
    }

    pub(crate) fn acked(&mut self, group: &str, partition: u32, offset: i64, within: Option<u32>) {
        let register = self.register(group, partition);
        let Some(open) = register.open.remove(&(offset, within)) else {
            register.settled.insert(offset);
            return;
        };
        if open.applied {
            return;
        }
        if open.settlements == register.settlements {
            register.settled.clear();
        }
        register.settled.insert(offset);
        register.settlements += 1;
        register.open.retain(|_, other| other.crashes >= open.crashes);
    }

    pub(crate) fn failed(&mut self, group: &str, partition: u32, offset: i64, within: Option<u32>) {
        self.register(group, partition).open.remove(&(offset, within));
    }

    /// Notes what a group's committed offset is now; says what it should have been if it is wrong.
    pub(crate) fn fetched(
        &mut self,
        group: &str,
        partition: u32,
        offset: Option<i64>,
    ) -> Result<(), String> {
        let crashes = self.crashes;
        let register = self.register(group, partition);
        let verdict = register.fetched(offset);
        // What had not taken effect when the broker died, and has not now, never will.
        register.open.retain(|_, open| open.crashes == crashes);
        verdict
    }

    fn register(&mut self, group: &str, partition: u32) -> &mut Register {
        self.registers.entry(group.to_owned()).or_default().entry(partition).or_default()
    }
}

impl Register {
    /// Takes what was found for the truth from here on, so that one loss is one verdict.
    fn fetched(&mut self, found: Option<i64>) -> Result<(), String> {
        let possible = match found {
            None => self.settled.is_empty(),
            Some(offset) => self.settled.contains(&offset) || self.apply(offset),
        };
        let verdict = if possible { Ok(()) } else { Err(self.expected()) };
        self.settled = found.into_iter().collect();
        verdict
    }

    /// Lets an open commit take effect, if there is one.
    fn apply(&mut self, offset: i64) -> bool {
        let mut of_offset = self.open.range_mut((offset, None)..=(offset, Some(u32::MAX)));
        let Some((_, open)) = of_offset.find(|(_, open)| !open.applied) else { return false };
        open.applied = true;
        self.settlements += 1;
        true
    }

    fn expected(&self) -> String {
        let open = self.open.iter().filter(|(_, open)| !open.applied);
        let open: Vec<_> = open.map(|((offset, _), _)| offset).collect();
        format!("acknowledged {:?}, possible {open:?}", self.settled)
    }
}
