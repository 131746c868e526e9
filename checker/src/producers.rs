//! What is known of each record that was sent.

use std::collections::BTreeMap;

use crate::Value;

/// Not known to stand anywhere.
const NOWHERE: i64 = -1;

/// What became of sending a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nobody has heard, or can tell.
    #[default]
    Open,
    Acked,
    Failed,
}

/// A record that was sent. Sixteen bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    /// The first offset at which it is known to stand.
    offset: i64,
    /// The partition's number within the checker.
    pub partition: u32,
    pub outcome: Outcome,
    /// How often it may stand in the log.
    pub copies_max: u8,
    copies: u8,
    flags: u8,
}

/// It was read.
const READ: u8 = 1;
/// Its loss was reported.
const LOST: u8 = 2;
/// It may be gone: compaction took it, or a crash that it was not to survive.
const EXCUSED: u8 = 4;

impl Sent {
    pub(crate) fn offset(&self) -> Option<i64> {
        (self.offset != NOWHERE).then_some(self.offset)
    }

    /// Notes a place where it stands; returns the first one if that makes too many.
    pub(crate) fn stands_at(&mut self, offset: i64) -> Option<i64> {
        self.copies = self.copies.saturating_add(1);
        if self.offset == NOWHERE {
            self.offset = offset;
        }
        (self.copies > self.copies_max).then_some(self.offset)
    }

    pub(crate) fn was_read(&self) -> bool {
        self.flags & READ != 0
    }

    pub(crate) fn set_read(&mut self) {
        self.flags |= READ;
    }

    pub(crate) fn set_excused(&mut self) {
        self.flags |= EXCUSED;
    }

    /// Forgets the place at `offset`, where it stands no more.
    pub(crate) fn leaves(&mut self, offset: i64) {
        self.copies = self.copies.saturating_sub(1);
        if self.offset == offset {
            self.offset = NOWHERE;
        }
    }

    /// True if it was acknowledged and nothing was heard of it since.
    pub(crate) fn is_unread(&self) -> bool {
        self.outcome == Outcome::Acked && self.flags == 0
    }

    /// Reports the loss once: true the first time.
    pub(crate) fn set_lost(&mut self) -> bool {
        let first = self.flags & LOST == 0;
        self.flags |= LOST;
        first
    }
}

#[derive(Default)]
pub(crate) struct Producers(BTreeMap<u32, Producer>);

struct Producer {
    idempotent: bool,
    sent: Vec<Sent>,
    /// Its transactions, each with the number of its first record.
    transactions: Vec<(u32, u32)>,
}

impl Producer {
    fn new(idempotent: bool) -> Self {
        Self { idempotent, sent: Vec::new(), transactions: Vec::new() }
    }
}

impl Producers {
    /// Notes a record; false if its number is not the next one or its producer changed its kind.
    pub(crate) fn send(&mut self, value: Value, idempotent: bool, partition: u32) -> bool {
        let producer = self.0.entry(value.producer).or_insert_with(|| Producer::new(idempotent));
        if producer.idempotent != idempotent || producer.sent.len() != value.number as usize {
            return false;
        }
        producer.sent.push(Sent {
            offset: NOWHERE,
            partition,
            outcome: Outcome::Open,
            copies_max: 1,
            copies: 0,
            flags: 0,
        });
        true
    }

    /// Notes that a producer begins a transaction; false if it is not one that could.
    pub(crate) fn begin(&mut self, producer: u32, transaction: u32) -> bool {
        let producer = self.0.entry(producer).or_insert_with(|| Producer::new(true));
        producer.transactions.push((producer.sent.len() as u32, transaction));
        producer.idempotent
    }

    /// The transaction of a record, if it has one.
    pub(crate) fn transaction_of(&self, value: Value) -> Option<u32> {
        let transactions = &self.0.get(&value.producer)?.transactions;
        let next = transactions.partition_point(|(first, _)| *first <= value.number);
        transactions.get(next.checked_sub(1)?).map(|(_, transaction)| *transaction)
    }

    /// The transaction of the next record that `producer` sends, if it has one.
    pub(crate) fn current(&self, producer: u32) -> Option<u32> {
        self.0.get(&producer)?.transactions.last().map(|(_, transaction)| *transaction)
    }

    /// The records of a transaction.
    pub(crate) fn of_transaction(
        &self,
        transaction: u32,
        producer: u32,
    ) -> impl Iterator<Item = Value> + use<> {
        let known = self.0.get(&producer);
        let transactions = known.map_or(&[][..], |known| &known.transactions);
        let at = transactions.iter().rposition(|(_, number)| *number == transaction);
        let first = |at: usize| transactions.get(at).map(|(first, _)| *first);
        let sent = known.map_or(0, |known| known.sent.len() as u32);
        let numbers =
            at.map_or(0..0, |at| first(at).unwrap_or(sent)..first(at + 1).unwrap_or(sent));
        numbers.map(move |number| Value { producer, number })
    }

    /// Notes another attempt. One of an idempotent producer allows no second copy.
    pub(crate) fn retry(&mut self, value: Value) -> bool {
        let Some(producer) = self.0.get_mut(&value.producer) else { return false };
        let idempotent = producer.idempotent;
        let Some(sent) = producer.sent.get_mut(value.number as usize) else { return false };
        if !idempotent {
            sent.copies_max = sent.copies_max.saturating_add(1);
        }
        true
    }

    pub(crate) fn get_mut(&mut self, value: Value) -> Option<&mut Sent> {
        self.0.get_mut(&value.producer)?.sent.get_mut(value.number as usize)
    }

    /// True if `value` is of an idempotent producer and `offset` is its first place.
    pub(crate) fn stands_in_order_at(&self, value: Value, offset: i64) -> bool {
        let Some(producer) = self.0.get(&value.producer) else { return false };
        let sent = producer.sent.get(value.number as usize);
        producer.idempotent && sent.is_some_and(|sent| sent.offset == offset)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Value, &Sent)> {
        self.0.iter().flat_map(|(&producer, records)| {
            let numbered = (0..).zip(&records.sent);
            numbered.map(move |(number, sent)| (Value { producer, number }, sent))
        })
    }
}
