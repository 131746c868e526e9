//! What is known of transactions: how they end, and who read what they wrote.

use std::collections::{BTreeMap, BTreeSet};

use crate::Value;

/// What is known of the end of a transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Its client has not asked for a commit: there can be none.
    #[default]
    Open,
    /// Its client has asked for a commit, and has no answer.
    Asked,
    /// The same, and a reader of committed records got one of its records.
    Seen,
    /// Its commit was confirmed.
    Committed,
    /// There was no commit, and there will be none.
    Aborted,
}

impl Fate {
    /// True if it is committed as far as anybody can tell.
    pub(crate) fn counts(self) -> bool {
        matches!(self, Self::Seen | Self::Committed)
    }
}

/// A record, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub partition: u32,
    pub offset: i64,
    pub value: Value,
}

/// An offset of a group that counts from the commit on.
#[derive(Clone, Debug)]
pub(crate) struct PendingOffset {
    pub group: String,
    pub partition: u32,
    pub offset: i64,
}

#[derive(Default)]
pub(crate) struct Transaction {
    pub fate: Fate,
    pub producer: u32,
    /// The first of its records that a reader of committed records passed while nobody knew its end.
    pub skipped: Option<Place>,
    pub offsets: Vec<PendingOffset>,
}

#[derive(Default)]
pub(crate) struct Transactions {
    all: BTreeMap<u32, Transaction>,
    /// Consumers that read what is committed and nothing else.
    isolated: BTreeSet<u32>,
    /// The transaction that the reads of a consumer belong to.
    reading: BTreeMap<u32, u32>,
    /// Pairs of transactions: the second has read what the first wrote.
    read_from: BTreeSet<(u32, u32)>,
}

impl Transactions {
    /// Notes a transaction; false if there is one of the number.
    pub(crate) fn begin(&mut self, number: u32, producer: u32, consumer: Option<u32>) -> bool {
        if let Some(consumer) = consumer {
            self.reading.insert(consumer, number);
        }
        let begun = Transaction { producer, ..Transaction::default() };
        self.all.insert(number, begun).is_none()
    }

    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut Transaction> {
        self.all.get_mut(&number)
    }

    pub(crate) fn fate(&self, number: u32) -> Fate {
        self.all.get(&number).map_or(Fate::Open, |transaction| transaction.fate)
    }

    /// The consumer reads what is committed and nothing else.
    pub(crate) fn isolate(&mut self, consumer: u32) {
        self.isolated.insert(consumer);
    }

    pub(crate) fn is_isolated(&self, consumer: u32) -> bool {
        self.isolated.contains(&consumer)
    }

    /// `consumer` has got a record of transaction `writer`.
    pub(crate) fn read(&mut self, consumer: u32, writer: u32) {
        if let Some(reader) = self.reading.get(&consumer).filter(|reader| **reader != writer) {
            self.read_from.insert((writer, *reader));
        }
    }

    /// Who has read from whom, among those that count.
    pub(crate) fn read_from(&self) -> BTreeSet<(u32, u32)> {
        let counts = |number: u32| self.fate(number).counts();
        self.read_from.iter().copied().filter(|(from, to)| counts(*from) && counts(*to)).collect()
    }

    /// How many count.
    pub(crate) fn committed(&self) -> u64 {
        self.all.values().filter(|transaction| transaction.fate.counts()).count() as u64
    }

    /// How many are known to be aborted.
    pub(crate) fn aborted(&self) -> u64 {
        let aborted = |transaction: &&Transaction| transaction.fate == Fate::Aborted;
        self.all.values().filter(aborted).count() as u64
    }
}
