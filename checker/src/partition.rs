//! What is known of one partition: which record stands at which offset.

use std::collections::BTreeMap;

use crate::Value;
use crate::compaction::Compaction;
use crate::producers::Producers;

/// Offsets may jump by this many; more is taken for nonsense rather than stored. It bounds what one
/// event can allocate to 192 MiB.
const OFFSET_JUMP_MAX: i64 = 1 << 24;

/// What is known of an offset. Twelve bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    /// Nothing.
    Unseen,
    /// A reader passed it and got no record.
    Vacant,
    /// A record was acknowledged there.
    Acked(Value),
    /// A record was read there.
    Read(Value),
}

/// How a record fits to what was known of its offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// Nothing was known.
    New,
    /// The same record was known there.
    Known,
    /// A reader had passed the offset without a record.
    TooLate,
    /// Another record was known there.
    Conflict(Value),
}

/// A record that stands behind one that was sent later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Inversion {
    pub offset: i64,
    pub value: Value,
    pub after: u32,
}

#[derive(Default)]
pub(crate) struct Partition {
    slots: Vec<Slot>,
    /// Offsets below may be gone.
    pub trimmed: i64,
    /// Records elsewhere may be gone.
    pub compaction: Compaction,
    /// Every offset was read or passed, to an end found after the last acknowledgement.
    read_out: bool,
    positions: BTreeMap<u32, i64>,
    /// Offsets below are known for good, and their order was checked.
    ordered: usize,
    /// The last record of each idempotent producer below `ordered`.
    last_numbers: BTreeMap<u32, u32>,
}

impl Partition {
    /// True if `offset` is no nonsense.
    pub(crate) fn admits(&self, offset: i64) -> bool {
        (0..=self.slots.len() as i64 + OFFSET_JUMP_MAX).contains(&offset)
    }

    /// Notes that `value` stands at `offset`.
    pub(crate) fn put(&mut self, offset: i64, value: Value, read: bool) -> Fit {
        let slot = self.slot(offset);
        let fit = match *slot {
            Slot::Unseen => Fit::New,
            Slot::Vacant => Fit::TooLate,
            Slot::Acked(known) | Slot::Read(known) if known == value => Fit::Known,
            Slot::Acked(known) | Slot::Read(known) => return Fit::Conflict(known),
        };
        if read {
            *slot = Slot::Read(value);
        } else if fit != Fit::Known {
            *slot = Slot::Acked(value);
        }
        fit
    }

    /// True if somebody read the record at `offset`, rather than being told of it.
    pub(crate) fn was_read(&self, offset: i64) -> bool {
        matches!(self.slots.get(offset as usize), Some(Slot::Read(_)))
    }

    pub(crate) fn seek(&mut self, consumer: u32, offset: i64) {
        self.positions.insert(consumer, offset);
    }

    /// Where `consumer` reads next, `offset` if it has not said.
    pub(crate) fn position(&self, consumer: u32, offset: i64) -> i64 {
        self.positions.get(&consumer).copied().unwrap_or(offset)
    }

    /// Notes that a reader found nothing in `from..to`; returns the records that are missing there.
    /// Where one of committed records finds nothing, others may.
    pub(crate) fn pass(&mut self, from: i64, to: i64, isolated: bool) -> Vec<(i64, Value)> {
        let mut missing = Vec::new();
        for offset in from.max(self.trimmed)..to {
            let slot = self.slot(offset);
            match *slot {
                Slot::Unseen if !isolated => *slot = Slot::Vacant,
                Slot::Unseen | Slot::Vacant => {}
                Slot::Acked(value) | Slot::Read(value) => missing.push((offset, value)),
            }
        }
        missing
    }

    pub(crate) fn note_ack(&mut self) {
        self.read_out = false;
    }

    pub(crate) fn note_end(&mut self, end: i64) {
        self.read_out = self.ordered as i64 >= end;
    }

    /// True if a record that is known nowhere is nowhere.
    pub(crate) fn is_read_out(&self) -> bool {
        self.read_out && self.trimmed == 0
    }

    /// The records known, in the order of the log.
    pub(crate) fn records(&self) -> impl Iterator<Item = Value> {
        self.slots.iter().filter_map(|slot| match slot {
            Slot::Acked(value) | Slot::Read(value) => Some(*value),
            Slot::Unseen | Slot::Vacant => None,
        })
    }

    /// The records known at `end` and after.
    pub(crate) fn beyond(&self, end: i64) -> Vec<(i64, Value)> {
        let slots = self.slots.iter().enumerate().skip(end.max(0) as usize);
        let known = slots.filter_map(|(offset, slot)| match slot {
            Slot::Acked(value) | Slot::Read(value) => Some((offset as i64, *value)),
            Slot::Unseen | Slot::Vacant => None,
        });
        known.collect()
    }

    /// Forgets what is known of `from` and after; returns the records that stood there.
    pub(crate) fn cut(&mut self, from: i64) -> Vec<(i64, Value)> {
        let gone = self.beyond(from);
        self.slots.truncate(from as usize);
        self.read_out = false;
        // A record that is gone may be sent again: whom it follows is to be found anew.
        self.ordered = 0;
        self.last_numbers.clear();
        gone
    }

    /// Checks the order of idempotent producers as far as no offset is open, or to the end.
    pub(crate) fn check_order(&mut self, producers: &Producers, to_end: bool) -> Vec<Inversion> {
        let mut inversions = Vec::new();
        while let Some(slot) = self.slots.get(self.ordered) {
            let offset = self.ordered as i64;
            match slot {
                Slot::Read(value) => inversions.extend(self.follow(producers, offset, *value)),
                Slot::Acked(value) if to_end => {
                    inversions.extend(self.follow(producers, offset, *value));
                }
                Slot::Vacant => {}
                Slot::Unseen if to_end || offset < self.trimmed => {}
                Slot::Acked(_) if offset < self.trimmed => {}
                Slot::Unseen | Slot::Acked(_) => break,
            }
            self.ordered += 1;
        }
        inversions
    }

    fn follow(&mut self, producers: &Producers, offset: i64, value: Value) -> Option<Inversion> {
        if !producers.stands_in_order_at(value, offset) {
            return None;
        }
        match self.last_numbers.insert(value.producer, value.number) {
            Some(after) if after > value.number => {
                self.last_numbers.insert(value.producer, after);
                Some(Inversion { offset, value, after })
            }
            _ => None,
        }
    }

    fn slot(&mut self, offset: i64) -> &mut Slot {
        let index = offset as usize;
        if index >= self.slots.len() {
            self.slots.resize(index + 1, Slot::Unseen);
        }
        &mut self.slots[index]
    }
}
