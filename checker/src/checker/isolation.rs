//! The rules of transactions: what readers of committed records may see of them, and have to.

use std::collections::BTreeSet;

use super::{Checker, Malformed};
use crate::compaction::Excuse;
use crate::cycles::cycles;
use crate::transactions::{Fate, PendingOffset, Place};
use crate::verdict::Class;
use crate::{Event, Value};

/// Members of a cycle that its verdict names.
const NAMED_MAX: usize = 8;

impl Checker {
    pub(super) fn observe_transaction(&mut self, event: &Event<'_>) -> Result<(), Malformed> {
        match event {
            Event::ReadCommitted { consumer } => {
                self.transactions.isolate(*consumer);
                Ok(())
            }
            Event::TxnBegin { transaction, producer, consumer } => {
                let is_new = self.producers.begin(*producer, *transaction)
                    && self.transactions.begin(*transaction, *producer, *consumer);
                is_new.then_some(()).ok_or(Malformed::Transaction(*transaction))
            }
            Event::TxnOffset { transaction, commit } => {
                let partition = self.number(&commit.topic, commit.partition);
                let group = commit.group.to_string();
                let begun = self.transactions.get_mut(*transaction);
                let begun = begun.filter(|begun| begun.fate == Fate::Open);
                let begun = begun.ok_or(Malformed::Transaction(*transaction))?;
                begun.offsets.push(PendingOffset { group, partition, offset: commit.offset });
                Ok(())
            }
            Event::TxnCommit { transaction } => self.ask(*transaction),
            Event::TxnCommitted { transaction } => self.committed(*transaction),
            Event::TxnAborted { transaction } => self.aborted(*transaction),
            _ => Ok(()),
        }
    }

    /// Somebody is about to ask for a commit.
    fn ask(&mut self, number: u32) -> Result<(), Malformed> {
        self.turn(number, &[Fate::Open], Fate::Asked)?;
        for PendingOffset { group, partition, offset } in self.offsets(number) {
            self.commits.sent(&group, partition, offset, Some(number));
        }
        self.decide(number, Fate::Asked);
        Ok(())
    }

    fn committed(&mut self, number: u32) -> Result<(), Malformed> {
        self.turn(number, &[Fate::Asked, Fate::Seen], Fate::Committed)?;
        for PendingOffset { group, partition, offset } in self.offsets(number) {
            self.report.commits += 1;
            self.commits.acked(&group, partition, offset, Some(number));
        }
        self.decide(number, Fate::Committed);
        if let Some(Place { partition, offset, value }) = self.take_skipped(number) {
            let what =
                || format!("record {value} at {offset} of committed transaction {number} is gone");
            self.accuse(partition, Class::Lost, what);
        }
        Ok(())
    }

    fn aborted(&mut self, number: u32) -> Result<(), Malformed> {
        let before = self.turn(number, &[Fate::Open, Fate::Asked, Fate::Seen], Fate::Aborted)?;
        for PendingOffset { group, partition, offset } in self.offsets(number) {
            self.commits.failed(&group, partition, offset, Some(number));
        }
        self.decide(number, Fate::Aborted);
        if before == Fate::Seen {
            let first = self.records_of(number).first().copied();
            let sent = first.and_then(|value| self.producers.get_mut(value));
            let id = sent.map_or(0, |sent| sent.partition);
            let what = || format!("transaction {number} was read as committed, then aborted");
            self.accuse(id, Class::AbortedRead, what);
        }
        Ok(())
    }

    /// Notes how a transaction stands, if that follows from how it stood.
    fn turn(&mut self, number: u32, from: &[Fate], to: Fate) -> Result<Fate, Malformed> {
        let transaction = self.transactions.get_mut(number);
        let transaction = transaction.filter(|transaction| from.contains(&transaction.fate));
        let transaction = transaction.ok_or(Malformed::Transaction(number))?;
        Ok(std::mem::replace(&mut transaction.fate, to))
    }

    fn offsets(&mut self, number: u32) -> Vec<PendingOffset> {
        self.transactions.get_mut(number).map(|begun| begun.offsets.clone()).unwrap_or_default()
    }

    fn records_of(&mut self, number: u32) -> Vec<Value> {
        let producer = self.transactions.get_mut(number).map_or(0, |begun| begun.producer);
        self.producers.of_transaction(number, producer).collect()
    }

    fn take_skipped(&mut self, number: u32) -> Option<Place> {
        self.transactions.get_mut(number)?.skipped.take()
    }

    /// Tells compaction what the records of a transaction are from now on.
    fn decide(&mut self, number: u32, fate: Fate) {
        for value in self.records_of(number) {
            let Some(sent) = self.producers.get_mut(value) else { continue };
            if let Some(offset) = sent.offset() {
                let compaction = &mut self.partitions[sent.partition as usize].compaction;
                compaction.stands_at(value, offset, Some(fate));
            }
        }
    }

    /// How the transaction of a record ends, if it has one.
    pub(super) fn fate_of(&self, value: Value) -> Option<(u32, Fate)> {
        let number = self.producers.transaction_of(value)?;
        Some((number, self.transactions.fate(number)))
    }

    /// Whether compaction explains that a record is missing; of one that may be aborted it does.
    pub(super) fn excuse(&self, id: u32, value: Value, offset: i64) -> Excuse {
        let compaction = &self.partitions[id as usize].compaction;
        match self.fate_of(value) {
            Some((_, fate)) if !fate.counts() && compaction.knows(value) => Excuse::Taken,
            _ => compaction.excuse(value, offset),
        }
    }

    /// Judges that `consumer` has got a record.
    pub(super) fn see(&mut self, consumer: u32, place: Place) {
        let Some((number, fate)) = self.fate_of(place.value) else { return };
        if !self.transactions.is_isolated(consumer) {
            return;
        }
        self.transactions.read(consumer, number);
        let Place { partition, offset, value } = place;
        match fate {
            Fate::Seen | Fate::Committed => {}
            Fate::Open => {
                let what = || {
                    format!("record {value} at {offset} was read before transaction {number} ended")
                };
                self.accuse(partition, Class::PrecommittedRead, what);
            }
            Fate::Aborted => {
                let what = || {
                    format!("record {value} at {offset} of aborted transaction {number} was read")
                };
                self.accuse(partition, Class::AbortedRead, what);
            }
            Fate::Asked => {
                if let Some(transaction) = self.transactions.get_mut(number) {
                    transaction.fate = Fate::Seen;
                }
                self.decide(number, Fate::Seen);
                if let Some(skipped) = self.take_skipped(number) {
                    self.torn(number, skipped);
                }
            }
        }
    }

    fn torn(&mut self, number: u32, Place { partition, offset, value }: Place) {
        let what = || {
            format!("record {value} at {offset} is missing, others of transaction {number} are not")
        };
        self.accuse(partition, Class::TornTransaction, what);
    }

    /// Takes out of `missing` what a reader of committed records need not see.
    pub(super) fn leave_out(&mut self, id: u32, missing: &mut Vec<(i64, Value)>) {
        missing.retain(|(offset, value)| {
            let Some((number, fate)) = self.fate_of(*value) else { return true };
            match fate {
                Fate::Seen | Fate::Committed => return true,
                Fate::Open | Fate::Aborted => {
                    if let Some(sent) = self.producers.get_mut(*value) {
                        sent.set_excused();
                    }
                }
                Fate::Asked => {
                    let compaction = &self.partitions[id as usize].compaction;
                    let is_expected = compaction.excuse(*value, *offset) == Excuse::None;
                    let place = Place { partition: id, offset: *offset, value: *value };
                    if let Some(asked) = self.transactions.get_mut(number).filter(|_| is_expected) {
                        asked.skipped.get_or_insert(place);
                    }
                }
            }
            false
        });
    }

    /// What it means that a record of this transaction is gone.
    pub(super) fn missing(&mut self, id: u32, offset: i64, value: Value) {
        if let Some((number, Fate::Seen)) = self.fate_of(value) {
            return self.torn(number, Place { partition: id, offset, value });
        }
        let what = || format!("record {value} at offset {offset} is gone");
        self.accuse(id, Class::Lost, what);
    }

    /// Looks for transactions that depend on each other in a circle, and for what Kafka allows.
    pub(super) fn check_cycles(&mut self) {
        self.report.committed = self.transactions.committed();
        self.report.aborted = self.transactions.aborted();
        let mut edges = self.transactions.read_from();
        for cycle in cycles(&edges) {
            let named = &cycle[..cycle.len().min(NAMED_MAX)];
            let what =
                || format!("{} transactions have read from each other: {named:?}", cycle.len());
            self.accuse(0, Class::Cycle, what);
        }
        for id in 0..self.partitions.len() {
            self.follow_writes(id, &mut edges);
        }
        self.report.write_cycles = cycles(&edges).len() as u64;
    }

    /// Adds the order in which the transactions of a partition have written, and counts those that
    /// others have written between.
    fn follow_writes(&mut self, id: usize, edges: &mut BTreeSet<(u32, u32)>) {
        let mut met = BTreeSet::new();
        let (mut last, mut before) = (None, None);
        for value in self.partitions[id].records() {
            let committed = self.fate_of(value).filter(|(_, fate)| fate.counts());
            let number = committed.map(|(number, _)| number);
            if let Some(number) = number {
                self.report.interleaved += u64::from(last != Some(number) && !met.insert(number));
                if let Some(before) = before.replace(number).filter(|before| *before != number) {
                    edges.insert((before, number));
                }
            }
            last = number;
        }
    }
}
