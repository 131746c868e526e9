//! The rules.

mod isolation;

use std::collections::BTreeMap;

use crate::commits::Commits;
use crate::compaction::{Excuse, Keyed};
use crate::partition::{Fit, Partition};
use crate::producers::{Outcome, Producers, Sent};
use crate::transactions::{Fate, Place, Transactions};
use crate::verdict::{Class, Report, Verdict};
use crate::{Commit, Event, Value};

/// Judges a history while it grows. Crashes do not end it.
///
/// Memory: 28 bytes a record (16 as sent, 12 for its offset), up to twice that while a list grows,
/// and a few hundred for each topic, partition, producer, consumer, group and transaction: ten million
/// events, a third of them sends, take about 100 to 200 MB.
#[derive(Default)]
pub struct Checker {
    numbers: BTreeMap<String, BTreeMap<i32, u32>>,
    places: Vec<(String, i32)>,
    partitions: Vec<Partition>,
    producers: Producers,
    commits: Commits,
    transactions: Transactions,
    report: Report,
}

/// Why an event cannot belong to a history. The harness is wrong, or the broker beyond belief.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A producer's records are not numbered 0, 1, 2, …, or only some of them are idempotent.
    #[error("record {0} is not its producer's next, or its producer changed its kind")]
    Number(Value),
    /// An outcome of a record that was not sent.
    #[error("record {0} has an outcome but was not sent")]
    NotSent(Value),
    /// A second outcome.
    #[error("record {0} has two outcomes")]
    SecondOutcome(Value),
    /// A transaction that was not begun, or begun twice, or has ended already or otherwise.
    #[error("transaction {0} cannot be in this state")]
    Transaction(u32),
    /// An offset that is negative or far from every other.
    #[error("offset {0} is out of range")]
    Offset(i64),
}

impl Checker {
    /// A checker that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was found so far. Some losses and inversions show only in [`Checker::finish`].
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Judges one event.
    pub fn observe(&mut self, event: &Event<'_>) -> Result<(), Malformed> {
        self.report.events += 1;
        match event {
            Event::Send { value, idempotent, key, tombstone, topic, partition } => {
                let id = self.number(topic, *partition);
                let in_transaction = self.send(*value, *idempotent, id)?;
                if let Some(key) = *key {
                    let keyed = Keyed { key, tombstone: *tombstone };
                    let compaction = &mut self.partitions[id as usize].compaction;
                    compaction.sent(*value, keyed, in_transaction);
                }
                Ok(())
            }
            Event::Retry { value } => {
                self.producers.retry(*value).then_some(()).ok_or(Malformed::NotSent(*value))
            }
            Event::Acked { value, offset } => self.acked(*value, *offset),
            Event::Failed { value } => self.failed(*value),
            Event::Unknown { value } => self.open_record(*value).map(drop),
            Event::Seek { consumer, topic, partition, offset } => {
                let id = self.at(topic, *partition, *offset)?;
                let partition = &mut self.partitions[id as usize];
                partition.seek(*consumer, *offset);
                partition.compaction.take_doubts(*consumer);
                Ok(())
            }
            Event::Read { consumer, topic, partition, offset, value } => {
                let id = self.at(topic, *partition, *offset)?;
                self.read(*consumer, id, *offset, *value);
                Ok(())
            }
            Event::End { consumer, topic, partition, offset } => {
                let id = self.at(topic, *partition, *offset)?;
                self.end(*consumer, id, *offset);
                Ok(())
            }
            Event::Trimmed { topic, partition, offset } => {
                let id = self.at(topic, *partition, *offset)?;
                let trimmed = &mut self.partitions[id as usize].trimmed;
                *trimmed = (*trimmed).max(*offset);
                Ok(())
            }
            Event::Cut { topic, partition, offset } => {
                let id = self.at(topic, *partition, *offset)?;
                self.cut(id, *offset);
                Ok(())
            }
            event => {
                self.observe_group(event);
                self.observe_transaction(event)
            }
        }
    }

    /// Closes the history: what only its end can tell.
    pub fn finish(mut self) -> Report {
        for id in 0..self.partitions.len() as u32 {
            self.check_order(id, true);
        }
        self.check_cycles();
        let mut nowhere = Vec::new();
        for (value, sent) in self.producers.iter().filter(|(_, sent)| sent.is_unread()) {
            let partition = &self.partitions[sent.partition as usize];
            match sent.offset() {
                Some(offset) if offset < partition.trimmed => {}
                None if partition.is_read_out()
                    && self.excuse(sent.partition, value, 0) == Excuse::None =>
                {
                    nowhere.push((value, sent.partition));
                }
                _ => self.report.unread += 1,
            }
        }
        for (value, id) in nowhere {
            let what = || format!("record {value}, acknowledged, is nowhere in the log");
            self.accuse(id, Class::Lost, what);
        }
        self.report
    }

    fn observe_group(&mut self, event: &Event<'_>) {
        match event {
            Event::Commit(Commit { group, topic, partition, offset }) => {
                let id = self.number(topic, *partition);
                self.commits.sent(group, id, *offset, None);
            }
            Event::CommitAcked(Commit { group, topic, partition, offset }) => {
                let id = self.number(topic, *partition);
                self.report.commits += 1;
                self.commits.acked(group, id, *offset, None);
            }
            Event::CommitFailed(Commit { group, topic, partition, offset }) => {
                let id = self.number(topic, *partition);
                self.commits.failed(group, id, *offset, None);
            }
            Event::Committed { group, topic, partition, offset } => {
                let id = self.number(topic, *partition);
                if let Err(expected) = self.commits.fetched(group, id, *offset) {
                    let what = || format!("group {group} has {offset:?}: {expected}");
                    self.accuse(id, Class::CommitLost, what);
                }
            }
            Event::Crash => {
                self.report.crashes += 1;
                self.commits.crash();
            }
            _ => {}
        }
    }

    /// Notes a record; true if it is part of a transaction.
    fn send(&mut self, value: Value, idempotent: bool, id: u32) -> Result<bool, Malformed> {
        let transaction = self.producers.current(value.producer);
        if let Some(number) =
            transaction.filter(|number| self.transactions.fate(*number) != Fate::Open)
        {
            return Err(Malformed::Transaction(number));
        }
        if !self.producers.send(value, idempotent, id) {
            return Err(Malformed::Number(value));
        }
        self.report.sent += 1;
        Ok(transaction.is_some())
    }

    fn acked(&mut self, value: Value, offset: Option<i64>) -> Result<(), Malformed> {
        let sent = self.open_record(value)?;
        sent.outcome = Outcome::Acked;
        let id = sent.partition;
        self.report.acked += 1;
        let partition = &mut self.partitions[id as usize];
        partition.note_ack();
        match offset {
            Some(offset) if !partition.admits(offset) => Err(Malformed::Offset(offset)),
            Some(offset) => {
                self.place(id, offset, value, false);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn failed(&mut self, value: Value) -> Result<(), Malformed> {
        let sent = self.open_record(value)?;
        sent.outcome = Outcome::Failed;
        let (id, was_read) = (sent.partition, sent.was_read());
        if sent.offset().is_none() {
            self.partitions[id as usize].compaction.settled(value);
        }
        if was_read {
            self.accuse(id, Class::Phantom, || format!("record {value} was read, then refused"));
        }
        Ok(())
    }

    fn read(&mut self, consumer: u32, id: u32, offset: i64, value: Value) {
        self.report.reads += 1;
        let partition = &mut self.partitions[id as usize];
        let position = partition.position(consumer, offset);
        partition.seek(consumer, offset + 1);
        if offset < position {
            let what = || format!("consumer {consumer} at {position} got offset {offset}");
            self.accuse(id, Class::Reordered, what);
        } else {
            self.pass(consumer, id, position, offset);
        }
        let phantom = match self.producers.get_mut(value) {
            None => Some("was never sent"),
            Some(sent) if sent.partition != id => Some("was sent to another partition"),
            Some(sent) => {
                sent.set_read();
                (sent.outcome == Outcome::Failed).then_some("was refused")
            }
        };
        if let Some(why) = phantom {
            let what = || format!("record {value} at offset {offset} {why}");
            self.accuse(id, Class::Phantom, what);
            return;
        }
        self.place(id, offset, value, true);
        self.see(consumer, Place { partition: id, offset, value });
        self.check_order(id, false);
    }

    fn end(&mut self, consumer: u32, id: u32, offset: i64) {
        let partition = &mut self.partitions[id as usize];
        let position = partition.position(consumer, offset);
        partition.seek(consumer, offset);
        let beyond = partition.beyond(offset);
        self.pass(consumer, id, position, offset);
        self.lost(id, beyond);
        self.settle_doubts(consumer, id);
        self.check_order(id, false);
        self.partitions[id as usize].note_end(offset);
    }

    /// Forgets what stood at `offset` and after.
    fn cut(&mut self, id: u32, offset: i64) {
        for (offset, value) in self.partitions[id as usize].cut(offset) {
            if let Some(sent) = self.producers.get_mut(value) {
                sent.set_excused();
                sent.leaves(offset);
            }
        }
    }

    /// Notes that a record stands at an offset, as its producer was told or a reader saw.
    fn place(&mut self, id: u32, offset: i64, value: Value, read: bool) {
        let fate = self.fate_of(value).map(|(_, fate)| fate);
        let excuse = if read { Excuse::None } else { self.excuse(id, value, offset) };
        let partition = &mut self.partitions[id as usize];
        let Some(sent) = self.producers.get_mut(value) else { return };
        match partition.put(offset, value, read) {
            Fit::Known => return,
            Fit::Conflict(other) => {
                let what = || format!("offset {offset} has record {other} and record {value}");
                return self.accuse(id, Class::OffsetReused, what);
            }
            // Compacted before its producer heard of it.
            Fit::TooLate if excuse != Excuse::None => {}
            Fit::TooLate => {
                sent.set_lost();
                let what = || format!("record {value} came to offset {offset} behind a reader");
                accuse(&mut self.report, &self.places, id, Class::Lost, what);
            }
            Fit::New => {}
        }
        if sent.offset().is_none() {
            partition.compaction.settled(value);
        }
        partition.compaction.stands_at(value, offset, fate);
        let Some(first) = sent.stands_at(offset) else { return };
        if read && partition.was_read(first) {
            let what = || format!("record {value} is at offsets {first} and {offset}");
            self.accuse(id, Class::Duplicated, what);
        } else {
            let (told, seen) = if read { (first, offset) } else { (offset, first) };
            let what = || format!("record {value} was acknowledged at {told} and read at {seen}");
            self.accuse(id, Class::Misacknowledged, what);
        }
    }

    /// Judges what a reader that goes `from` one offset `to` another has not got.
    fn pass(&mut self, consumer: u32, id: u32, from: i64, to: i64) {
        let isolated = self.transactions.is_isolated(consumer);
        let mut missing = self.partitions[id as usize].pass(from, to, isolated);
        if isolated {
            self.leave_out(id, &mut missing);
        }
        missing.retain(|(offset, value)| match self.excuse(id, *value, *offset) {
            Excuse::None => true,
            Excuse::Perhaps => {
                let compaction = &mut self.partitions[id as usize].compaction;
                compaction.doubt(consumer, *offset, *value);
                false
            }
            Excuse::Taken => {
                self.producers.get_mut(*value).map(Sent::set_excused);
                false
            }
        });
        self.lost(id, missing);
    }

    /// Judges what a reader missed on its way, now that it has seen the rest.
    fn settle_doubts(&mut self, consumer: u32, id: u32) {
        let mut doubts = self.partitions[id as usize].compaction.take_doubts(consumer);
        doubts.retain(|(offset, value)| {
            let taken = self.excuse(id, *value, *offset) == Excuse::Taken;
            if taken {
                self.producers.get_mut(*value).map(Sent::set_excused);
            }
            !taken
        });
        self.lost(id, doubts);
    }

    fn lost(&mut self, id: u32, missing: Vec<(i64, Value)>) {
        for (offset, value) in missing {
            if self.producers.get_mut(value).is_some_and(Sent::set_lost) {
                self.missing(id, offset, value);
            }
        }
    }

    fn check_order(&mut self, id: u32, to_end: bool) {
        let inversions = self.partitions[id as usize].check_order(&self.producers, to_end);
        for at in inversions {
            let what = || format!("record {} at {} follows {}", at.value, at.offset, at.after);
            self.accuse(id, Class::Reordered, what);
        }
    }

    /// A record that was sent and has no outcome yet.
    fn open_record(&mut self, value: Value) -> Result<&mut Sent, Malformed> {
        match self.producers.get_mut(value) {
            None => Err(Malformed::NotSent(value)),
            Some(sent) if sent.outcome != Outcome::Open => Err(Malformed::SecondOutcome(value)),
            Some(sent) => Ok(sent),
        }
    }

    /// The partition's number, if `offset` can be one of its.
    fn at(&mut self, topic: &str, partition: i32, offset: i64) -> Result<u32, Malformed> {
        let id = self.number(topic, partition);
        let admitted = self.partitions[id as usize].admits(offset);
        admitted.then_some(id).ok_or(Malformed::Offset(offset))
    }

    fn number(&mut self, topic: &str, partition: i32) -> u32 {
        if let Some(id) = self.numbers.get(topic).and_then(|of_topic| of_topic.get(&partition)) {
            return *id;
        }
        let id = self.places.len() as u32;
        self.places.push((topic.to_owned(), partition));
        self.partitions.push(Partition::default());
        self.numbers.entry(topic.to_owned()).or_default().insert(partition, id);
        id
    }

    fn accuse(&mut self, id: u32, class: Class, what: impl FnOnce() -> String) {
        accuse(&mut self.report, &self.places, id, class, what);
    }
}

fn accuse(
    report: &mut Report,
    places: &[(String, i32)],
    id: u32,
    class: Class,
    what: impl FnOnce() -> String,
) {
    let (topic, partition) = places[id as usize].clone();
    report.add(class, || Verdict { class, topic, partition, what: what() });
}
