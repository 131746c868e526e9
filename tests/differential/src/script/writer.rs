//! A producer as the script knows it: what it would have to send next, and what it sent before.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::apis::transactions::EndTxn;
use crate::apis::{Claim, Place};
use crate::batch::Batch;
use crate::names::Pid;

/// Brokers remember five batches; the script a few more, to send those that are forgotten.
const BATCHES_MAX: usize = 8;

/// How a client speaks of transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// As before KIP-890: it adds partitions and groups, and keeps its epoch.
    Old,
    /// As since: brokers add what it writes to, and each transaction has its epoch.
    New,
}

/// A producer.
#[derive(Clone, Debug)]
pub struct Writer {
    /// Its transactional id; without one it is idempotent only.
    pub id: Option<String>,
    /// How it speaks.
    pub style: Style,
    /// Its producer id.
    pub producer: Pid,
    /// Its epoch.
    pub epoch: i16,
    /// What it added to its transaction.
    pub added: BTreeSet<Place>,
    /// Where there are records of its transaction.
    pub written: BTreeSet<Place>,
    /// The groups that it added.
    pub groups: BTreeSet<String>,
    /// True if a transaction should be open.
    pub open: bool,
    /// Who it was before.
    pub stale: Vec<(Pid, i16)>,
    /// How it ended its last transaction.
    pub last_end: Option<EndTxn>,
    /// Failures of what should have worked, since it was last initialised.
    pub trouble: u32,
    /// How often it acted.
    pub age: u32,
    sent: BTreeMap<Place, Sent>,
}

#[derive(Clone, Debug, Default)]
struct Sent {
    next: i32,
    batches: VecDeque<Batch>,
}

impl Writer {
    /// One that has no producer id yet.
    pub fn new(id: Option<String>, style: Style) -> Self {
        Self {
            id,
            style,
            producer: Pid::None,
            epoch: -1,
            added: BTreeSet::new(),
            written: BTreeSet::new(),
            groups: BTreeSet::new(),
            open: false,
            stale: Vec::new(),
            last_end: None,
            trouble: 0,
            age: 0,
            sent: BTreeMap::new(),
        }
    }

    /// Who it claims to be if it is honest.
    pub fn claim(&self) -> Claim {
        let id = self.id.clone().unwrap_or_default();
        Claim { id, producer: self.producer, epoch: self.epoch }
    }

    /// It has become this producer in this epoch: sequences begin anew.
    pub fn becomes(&mut self, producer: Pid, epoch: i16) {
        if (producer, epoch) != (self.producer, self.epoch) {
            self.stale.push((self.producer, self.epoch));
            self.sent.clear();
        }
        (self.producer, self.epoch) = (producer, epoch);
    }

    /// No transaction is open any more.
    pub fn ended(&mut self) {
        self.open = false;
        self.added.clear();
        self.written.clear();
        self.groups.clear();
    }

    /// The sequence with which the next batch there begins.
    pub fn next_sequence(&self, place: &Place) -> i32 {
        self.sent.get(place).map_or(0, |sent| sent.next)
    }

    /// A batch that was sent there, counted from the last.
    pub fn sent_before(&self, place: &Place, back: usize) -> Option<Batch> {
        let batches = &self.sent.get(place)?.batches;
        batches.iter().rev().nth(back).cloned()
    }

    /// True for a batch of a transaction in its name that no open transaction covers and that is not its
    /// next one: Kafka would then refuse all higher ones, see the README.
    pub fn would_be_haunted(&self, place: &Place, batch: &Batch) -> bool {
        let expected = self.sent.get(place).map(|sent| sent.next);
        (batch.producer, batch.epoch) == (self.producer, self.epoch)
            && batch.transactional
            && !self.written.contains(place)
            && expected.is_some_and(|next| next != batch.sequence)
    }

    /// A batch was taken.
    pub fn taken(&mut self, place: &Place, batch: &Batch) {
        if batch.producer != self.producer {
            return;
        }
        self.becomes(batch.producer, batch.epoch);
        let sent = self.sent.entry(place.clone()).or_default();
        if sent.batches.contains(batch) {
            return;
        }
        sent.next =
            (i64::from(batch.sequence) + i64::from(batch.records)).rem_euclid(1 << 31) as i32;
        sent.batches.push_back(batch.clone());
        if sent.batches.len() > BATCHES_MAX {
            sent.batches.pop_front();
        }
        if self.id.is_some() && batch.transactional {
            self.open = true;
            self.added.insert(place.clone());
            self.written.insert(place.clone());
        }
    }
}
