//! A log that keeps its promises makes histories without violations; a lie in one is found.

use std::collections::BTreeMap;

use super::{check, check_lines};
use crate::{Class, Commit, Event, Value, write_line};

const PARTITIONS: i32 = 3;
const CONSUMERS: u32 = 2;
const PRODUCERS: u32 = 6;

/// Producers whose records all belong to transactions, and the consumer that reads committed ones only.
const TRANSACTIONAL: [u32; 2] = [10, 12];
const ISOLATED: u32 = 1;

/// A partition: records, and offsets that hold none.
type Log = Vec<Option<Value>>;

struct Model {
    random: fastrand::Rng,
    logs: Vec<Log>,
    /// Records that nobody was told of yet end here, per partition: a crash may take what follows.
    known: Vec<usize>,
    sent: BTreeMap<u32, u32>,
    /// Transactions by number; their end, once there is one.
    committed_transactions: Vec<Option<bool>>,
    /// The transaction of each record that has one.
    transaction_of: BTreeMap<Value, u32>,
    /// The transaction that a producer has open.
    open: BTreeMap<u32, u32>,
    positions: [[usize; PARTITIONS as usize]; CONSUMERS as usize],
    committed: Vec<Option<i64>>,
    last_commit: i64,
    /// Acknowledgements on their way.
    answers: Vec<Event<'static>>,
    history: Vec<Event<'static>>,
}

/// Of producers with even numbers.
fn is_idempotent(value: Value) -> bool {
    value.producer.is_multiple_of(2)
}

fn topic() -> std::borrow::Cow<'static, str> {
    "model".into()
}

/// A history of `steps` steps, at whose end every consumer has read everything.
fn clean_history(seed: u64, steps: usize) -> Vec<Event<'static>> {
    let mut model = Model {
        random: fastrand::Rng::with_seed(seed),
        logs: vec![Log::new(); PARTITIONS as usize],
        known: vec![0; PARTITIONS as usize],
        sent: BTreeMap::new(),
        committed_transactions: Vec::new(),
        transaction_of: BTreeMap::new(),
        open: BTreeMap::new(),
        positions: Default::default(),
        committed: vec![None; PARTITIONS as usize],
        last_commit: 0,
        answers: Vec::new(),
        history: Vec::new(),
    };
    model.history.push(Event::ReadCommitted { consumer: ISOLATED });
    for consumer in 0..CONSUMERS {
        for partition in 0..PARTITIONS {
            model.history.push(Event::Seek { consumer, topic: topic(), partition, offset: 0 });
        }
    }
    for _ in 0..steps {
        model.step();
    }
    model.answer();
    for producer in TRANSACTIONAL {
        model.end_transaction(producer);
    }
    for consumer in 0..CONSUMERS {
        for partition in 0..PARTITIONS {
            model.read(consumer, partition, usize::MAX);
            let offset = model.logs[partition as usize].len() as i64;
            model.history.push(Event::End { consumer, topic: topic(), partition, offset });
        }
    }
    model.history
}

impl Model {
    fn step(&mut self) {
        let partition = self.random.i32(0..PARTITIONS);
        match self.random.u8(..28) {
            0 => self.crash(),
            1 => self.logs[partition as usize].push(None),
            2 | 3 => self.commit(partition),
            4..8 => {
                let consumer = self.random.u32(..CONSUMERS);
                let most = self.random.usize(1..8);
                self.read(consumer, partition, most);
            }
            8..10 => self.answer(),
            10..16 => self.produce_in_transaction(partition),
            16 | 17 => {
                let producer = TRANSACTIONAL[self.random.usize(..TRANSACTIONAL.len())];
                self.end_transaction(producer);
            }
            _ => self.produce(partition),
        }
    }

    fn produce(&mut self, partition: i32) {
        let producer = self.random.u32(..PRODUCERS);
        let value = self.send(producer, partition);
        let idempotent = is_idempotent(value);
        let mut copies = usize::from(self.random.u8(..4) > 0);
        if self.random.u8(..4) == 0 {
            self.history.push(Event::Retry { value });
            copies = if idempotent { 1 } else { 2 };
        }
        let log = &mut self.logs[partition as usize];
        let offset = log.len() as i64;
        log.extend(std::iter::repeat_n(Some(value), copies));
        let answer = match (copies, self.random.u8(..4)) {
            (0, 0..2) => Event::Failed { value },
            (0, _) | (_, 0) => Event::Unknown { value },
            _ => {
                self.known[partition as usize] = offset as usize + 1;
                Event::Acked { value, offset: (self.random.u8(..8) > 0).then_some(offset) }
            }
        };
        self.answers.push(answer);
    }

    fn send(&mut self, producer: u32, partition: i32) -> Value {
        let next = self.sent.entry(producer).or_default();
        let value = Value { producer, number: *next };
        *next += 1;
        let (idempotent, key, tombstone) = (is_idempotent(value), None, false);
        self.history.push(Event::Send {
            value,
            idempotent,
            key,
            tombstone,
            topic: topic(),
            partition,
        });
        value
    }

    fn produce_in_transaction(&mut self, partition: i32) {
        let producer = TRANSACTIONAL[self.random.usize(..TRANSACTIONAL.len())];
        let transaction = *self.open.entry(producer).or_insert_with(|| {
            let transaction = self.committed_transactions.len() as u32;
            self.committed_transactions.push(None);
            self.history.push(Event::TxnBegin { transaction, producer, consumer: None });
            transaction
        });
        let value = self.send(producer, partition);
        self.transaction_of.insert(value, transaction);
        let log = &mut self.logs[partition as usize];
        let offset = log.len() as i64;
        log.push(Some(value));
        self.known[partition as usize] = log.len();
        self.history.push(Event::Acked { value, offset: Some(offset) });
    }

    fn end_transaction(&mut self, producer: u32) {
        let Some(transaction) = self.open.remove(&producer) else { return };
        let (commits, is_heard_of) = (self.random.u8(..3) > 0, self.random.u8(..3) > 0);
        self.committed_transactions[transaction as usize] = Some(commits);
        if commits || self.random.bool() {
            self.history.push(Event::TxnCommit { transaction });
        }
        match (is_heard_of, commits) {
            (true, true) => self.history.push(Event::TxnCommitted { transaction }),
            (true, false) => self.history.push(Event::TxnAborted { transaction }),
            (false, _) => {}
        }
    }

    /// The end of the transaction of a record: committed if it has none, nothing if it is open.
    fn end_of(&self, value: Value) -> Option<bool> {
        let transaction = self.transaction_of.get(&value);
        transaction.map_or(Some(true), |number| self.committed_transactions[*number as usize])
    }

    fn answer(&mut self) {
        self.random.shuffle(&mut self.answers);
        self.history.append(&mut self.answers);
    }

    fn read(&mut self, consumer: u32, partition: i32, most: usize) {
        let position = self.positions[consumer as usize][partition as usize];
        let end = self.logs[partition as usize].len();
        let mut at = position;
        while at < end && at - position < most {
            let record = self.logs[partition as usize][at];
            let offset = at as i64;
            let fate = record.map_or(Some(true), |value| self.end_of(value));
            if consumer == ISOLATED && fate.is_none() {
                break;
            }
            if let Some(value) = record.filter(|_| consumer != ISOLATED || fate == Some(true)) {
                let topic = topic();
                self.history.push(Event::Read { consumer, topic, partition, offset, value });
            }
            at += 1;
        }
        self.positions[consumer as usize][partition as usize] = at;
        let known = &mut self.known[partition as usize];
        *known = (*known).max(at);
    }

    /// Commits always differ by two, so that the offset between is never a commit.
    fn commit(&mut self, partition: i32) {
        self.last_commit += 2;
        let offset = self.last_commit;
        let commit = Commit { group: "g\"1\"".into(), topic: topic(), partition, offset };
        let register = &mut self.committed[partition as usize];
        self.history.push(Event::Commit(commit.clone()));
        match self.random.u8(..6) {
            0 => self.history.push(Event::CommitFailed(commit)),
            1 => self.history.push(Event::CommitUnknown(commit)),
            2 => {
                *register = Some(offset);
                self.history.push(Event::CommitUnknown(commit));
            }
            _ => {
                *register = Some(offset);
                self.history.push(Event::CommitAcked(commit));
            }
        }
        let offset = *register;
        let group = "g\"1\"".into();
        self.history.push(Event::Committed { group, topic: topic(), partition, offset });
    }

    fn crash(&mut self) {
        for (log, known) in self.logs.iter_mut().zip(&self.known) {
            log.truncate(self.random.usize(*known.min(&log.len())..=log.len()));
        }
        self.history.push(Event::Crash);
    }
}

/// The reads of a history: where in it, and of what.
fn reads(history: &[Event<'_>]) -> Vec<(usize, i32, i64, Value)> {
    let read = |(at, event): (usize, &Event<'_>)| match event {
        Event::Read { partition, offset, value, .. } => Some((at, *partition, *offset, *value)),
        _ => None,
    };
    history.iter().enumerate().filter_map(read).collect()
}

fn positions(history: &[Event<'_>], choose: impl Fn(&Event<'_>) -> bool) -> Vec<usize> {
    (0..history.len()).filter(|at| choose(&history[*at])).collect()
}

/// Kinds of lies.
const LIES: usize = 11;

/// Puts one lie into a history; returns the classes of which one must be found, or nothing if the
/// history has no place for that lie.
fn lie(
    history: &mut Vec<Event<'static>>,
    kind: u8,
    random: &mut fastrand::Rng,
) -> Option<&'static [Class]> {
    let reads = reads(history);
    let (at, partition, offset, value) = *random.choice(&reads)?;
    match kind {
        0 => {
            history.retain(|event| !matches!(event, Event::Read { value: v, .. } if *v == value));
            let acked =
                |event: &Event<'_>| matches!(event, Event::Acked { value: v, .. } if *v == value);
            history.iter().any(acked).then_some(&[Class::Lost, Class::TornTransaction])
        }
        1 => {
            let Event::Read { value, .. } = &mut history[at] else { return None };
            value.producer = 1000;
            Some(&[Class::Phantom])
        }
        2 => {
            // A plain record's second copy would be a fair answer.
            let acks = positions(history, |event| match event {
                Event::Acked { value, offset } => offset.is_some() && is_idempotent(*value),
                _ => false,
            });
            let at = *random.choice(&acks)?;
            let Event::Acked { offset: Some(offset), .. } = &mut history[at] else { return None };
            *offset += random.i64(1..4);
            Some(&[Class::OffsetReused, Class::Misacknowledged, Class::Lost])
        }
        3 => {
            let idempotent = reads.iter().filter(|(.., value)| is_idempotent(*value));
            let (_, partition, offset, value) = *random.choice(idempotent.collect::<Vec<_>>())?;
            let offset = offset + 1000;
            history.push(Event::Read { consumer: 0, topic: topic(), partition, offset, value });
            Some(&[Class::Duplicated])
        }
        4 => {
            let others = reads.iter().filter(|(_, p, _, v)| *p == partition && *v != value);
            let (.., value) = *random.choice(others.collect::<Vec<_>>())?;
            history.push(Event::Seek { consumer: 7, topic: topic(), partition, offset });
            history.push(Event::Read { consumer: 7, topic: topic(), partition, offset, value });
            Some(&[Class::OffsetReused])
        }
        5 => {
            let unknown = |event: &Event<'_>| match event {
                Event::Unknown { value } => reads.iter().any(|(.., read)| read == value),
                _ => false,
            };
            let at = random.choice(positions(history, unknown))?;
            let Event::Unknown { value } = history[at] else { return None };
            history[at] = Event::Failed { value };
            Some(&[Class::Phantom])
        }
        6 => {
            let later = |(_, p, o, v): &(usize, i32, i64, Value)| {
                *p == partition && *o > offset && v.producer == value.producer && *v != value
            };
            let others: Vec<_> = reads.iter().filter(|read| later(read)).collect();
            let (_, _, there, other) = **random.choice(&others).filter(|_| is_idempotent(value))?;
            swap(history, (value, offset), (other, there));
            Some(&[Class::Reordered, Class::Phantom])
        }
        7 => {
            let fetches = |e: &Event<'_>| matches!(e, Event::Committed { offset: Some(_), .. });
            let at = random.choice(positions(history, fetches))?;
            let Event::Committed { offset: Some(offset), .. } = &mut history[at] else {
                return None;
            };
            *offset -= 1;
            Some(&[Class::CommitLost])
        }
        _ => lie_about_a_transaction(history, kind, random),
    }
}

/// The same of a transaction that was committed, confirmed, and read by who reads committed records.
fn lie_about_a_transaction(
    history: &mut Vec<Event<'static>>,
    kind: u8,
    random: &mut fastrand::Rng,
) -> Option<&'static [Class]> {
    let confirmed = |event: &Event<'_>| matches!(event, Event::TxnCommitted { .. });
    let at = *random.choice(&positions(history, confirmed))?;
    let Event::TxnCommitted { transaction } = history[at] else { return None };
    let begun = |event: &Event<'_>| matches!(event, Event::TxnBegin { transaction: t, .. } if *t == transaction);
    let from = history.iter().position(begun)?;
    let Event::TxnBegin { producer, .. } = history[from] else { return None };
    let own = history[from..at].iter().filter_map(|event| match event {
        Event::Send { value, .. } if value.producer == producer => Some(*value),
        _ => None,
    });
    let own: Vec<Value> = own.collect();
    let read = |event: &Event<'_>| match event {
        Event::Read { consumer: ISOLATED, value, .. } => own.contains(value),
        _ => false,
    };
    let seen = *random.choice(&positions(history, read))?;
    match kind {
        8 => {
            history[at] = Event::TxnAborted { transaction };
            Some(&[Class::AbortedRead])
        }
        9 => {
            history.remove(seen);
            Some(&[Class::Lost, Class::TornTransaction])
        }
        _ => {
            history.remove(at);
            let asked = |event: &Event<'_>| matches!(event, Event::TxnCommit { transaction: t } if *t == transaction);
            history.retain(|event| !asked(event));
            Some(&[Class::PrecommittedRead])
        }
    }
}

/// Lets two records and their offsets change places for everybody.
fn swap(history: &mut [Event<'static>], one: (Value, i64), other: (Value, i64)) {
    let counterpart = |value: Value| match value {
        value if value == one.0 => Some(other),
        value if value == other.0 => Some(one),
        _ => None,
    };
    for event in history {
        match event {
            Event::Read { value, .. } => {
                *value = counterpart(*value).map_or(*value, |there| there.0);
            }
            Event::Acked { value, offset: Some(offset) } => {
                *offset = counterpart(*value).map_or(*offset, |there| there.1);
            }
            _ => {}
        }
    }
}

#[test]
fn a_log_that_keeps_its_promises_is_not_accused() {
    let (mut crashes, mut committed, mut aborted) = (0, 0, 0);
    for seed in 0..300 {
        let report = check(&clean_history(seed, 400));
        assert!(report.is_clean() && report.unread == 0, "seed {seed}: {report}");
        assert!(report.acked > 20 && report.commits > 0);
        crashes += report.crashes;
        committed += report.committed;
        aborted += report.aborted;
    }
    assert!(crashes > 1000 && committed > 1000 && aborted > 300);
}

#[test]
fn every_lie_is_found() {
    let mut told = [0; LIES];
    for seed in 0..100 * LIES as u64 {
        let mut history = clean_history(seed, 200);
        let kind = (seed % LIES as u64) as u8;
        let Some(classes) = lie(&mut history, kind, &mut fastrand::Rng::with_seed(seed)) else {
            continue;
        };
        told[usize::from(kind)] += 1;
        let report = check(&history);
        let found = classes.iter().any(|class| report.violations.contains_key(class));
        assert!(found, "seed {seed}, lie {kind}: {report}");
    }
    assert!(told.iter().all(|count| *count >= 30), "{told:?}");
}

#[test]
fn lines_carry_a_history_whole() {
    let history = clean_history(7, 300);
    let mut lines = Vec::new();
    for event in &history {
        write_line(&mut lines, event).unwrap();
    }
    let read_back: Vec<Event<'_>> = std::str::from_utf8(&lines)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(read_back, history);
    assert_eq!(check_lines(&*lines).unwrap(), check(&history));
}
