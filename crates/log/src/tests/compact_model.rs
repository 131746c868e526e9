//! Random producers, transactions, passes, crashes and hours, against a model of what consumers see.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use thalweg_env::Env;
use thalweg_env::simulated::{Crash, SimWorld};
use thalweg_records::Batch;
use thalweg_types::{Offset, Timestamp, TxnOutcome};

use super::compact::{Change, HOUR, compacted, keyed};
use super::compact_transactions::txn;
use super::consumer::{Seen, batches, committed, records, table};
use super::harness::{DIR, append, id, options, simulate};
use super::transactions::{end, marker, write};
use crate::{Log, LogOptions, Marker, Partition, PartitionConfig, verify};

/// Keys that are written often, …
const HOT: u64 = 5;
/// … and all of them.
const KEYS: u64 = 60;
const STEPS: usize = 150;
const PRODUCERS: i64 = 3;

/// A record that was acknowledged.
struct Written {
    key: String,
    value: Option<u64>,
    /// Its transaction's number, if it has one.
    transaction: Option<usize>,
    at: Timestamp,
}

#[derive(Default)]
struct Transaction {
    /// How it ended, and the offset of its marker.
    ended: Option<(TxnOutcome, Offset)>,
}

#[derive(Default)]
struct Producer {
    epoch: i16,
    sequence: i32,
    open: Option<usize>,
    last_marker: Option<Offset>,
}

/// All that was ever written, and how it ended.
#[derive(Default)]
struct Model {
    records: BTreeMap<i64, Written>,
    transactions: Vec<Transaction>,
}

impl Model {
    fn outcome(&self, record: &Written) -> Option<TxnOutcome> {
        let Some(number) = record.transaction else { return Some(TxnOutcome::Commit) };
        self.transactions[number].ended.map(|(outcome, _)| outcome)
    }

    /// The newest record of each key among those that `counts` and that begin before `end`.
    fn newest(
        &self,
        end: Offset,
        counts: impl Fn(&Written) -> bool,
    ) -> BTreeMap<&str, (i64, &Written)> {
        let counted = self.records.range(..end.0).filter(|(_, record)| counts(record));
        counted.map(|(offset, record)| (record.key.as_str(), (*offset, record))).collect()
    }

    fn check_seen(&self, seen: &Seen) -> &Written {
        let written = self.records.get(&seen.offset).expect("it was written");
        assert_eq!((seen.key.as_deref(), seen.value), (Some(&*written.key), written.value));
        written
    }
}

/// A log with one partition, its producers, and what must be in it.
struct Scene {
    seed: u64,
    env: Env,
    world: SimWorld,
    random: fastrand::Rng,
    log: Log,
    partition: Arc<Partition>,
    incarnation: u32,
    producers: Vec<Producer>,
    model: Model,
    value: u64,
}

/// The settings of a seed: many keys in memory or few, long segments or short ones, files that fill or
/// end early.
fn open_of(seed: u64, env: &Env, incarnation: u32) -> (Log, Arc<Partition>) {
    let config = PartitionConfig {
        compaction_lag_max: seed.is_multiple_of(2).then_some(Duration::from_secs(1)),
        segment_bytes: if seed % 3 == 1 { 3000 } else { 1 << 20 },
        ..compacted()
    };
    let keys = if seed % 5 == 2 { 4 } else { 1000 };
    let options = LogOptions { compaction_keys_max: keys, ..options(incarnation) };
    let live = [(id(0), config)].into_iter().collect();
    let (log, _) = Log::open(env, options, live).expect("opens");
    let partition = log.partition(id(0)).expect("partition");
    (log, partition)
}

impl Scene {
    fn new(seed: u64, env: Env, world: SimWorld) -> Self {
        let (log, partition) = open_of(seed, &env, 0);
        Self {
            seed,
            random: world.fork_random(),
            env,
            world,
            log,
            partition,
            incarnation: 0,
            producers: (0..PRODUCERS).map(|_| Producer::default()).collect(),
            model: Model::default(),
            value: 0,
        }
    }

    async fn step(&mut self) {
        let (seconds, hours) = (self.random.u64(1..30), self.random.f64() * 1.5);
        match self.random.u8(0..100) {
            0..40 => self.write_plain().await,
            40..72 => self.write_in_transaction().await,
            72..88 => self.end_transaction().await,
            88..96 => self.wait(Duration::from_secs(seconds)).await,
            96..98 => self.wait(HOUR.mul_f64(hours)).await,
            98 => self.trim().await,
            _ => self.restart().await,
        }
    }

    fn changes(&mut self) -> Vec<(String, Option<u64>)> {
        let count = self.random.usize(1..4);
        let mut change = || {
            self.value += 1;
            let value = (self.random.u8(0..4) > 0).then_some(self.value);
            let keys = if self.random.bool() { HOT } else { KEYS };
            (format!("k{}", self.random.u64(0..keys)), value)
        };
        (0..count).map(|_| change()).collect()
    }

    fn note(&mut self, base: Offset, changes: Vec<(String, Option<u64>)>, number: Option<usize>) {
        let at = self.log.now();
        for (offset, (key, value)) in (base.0..).zip(changes) {
            let written = Written { key, value, transaction: number, at };
            self.model.records.insert(offset, written);
        }
    }

    async fn write_plain(&mut self) {
        let changes = self.changes();
        let base = append(&self.partition, keyed(&borrowed(&changes))).await.expect("append");
        self.note(base, changes, None);
    }

    async fn write_in_transaction(&mut self) {
        let changes = self.changes();
        let at = self.random.usize(0..self.producers.len());
        let producer = &mut self.producers[at];
        let number = *producer.open.get_or_insert_with(|| {
            self.model.transactions.push(Transaction::default());
            self.model.transactions.len() - 1
        });
        let Producer { epoch, sequence, .. } = *producer;
        producer.sequence += changes.len() as i32;
        let batch = txn(at as i64, epoch, sequence, &borrowed(&changes));
        let base = write(&self.partition, batch).await;
        self.note(base, changes, Some(number));
    }

    async fn end_transaction(&mut self) {
        let open = (0..self.producers.len()).filter(|at| self.producers[*at].open.is_some());
        let open: Vec<usize> = open.collect();
        let Some(at) = self.random.choice(open) else { return };
        self.end_of(at).await;
    }

    async fn end_of(&mut self, at: usize) {
        let outcome = if self.random.bool() { TxnOutcome::Commit } else { TxnOutcome::Abort };
        let producer = &mut self.producers[at];
        let Some(number) = producer.open.take() else { return };
        // The last one does not know KIP-890.
        let new_epoch = at + 1 < PRODUCERS as usize;
        if new_epoch {
            producer.epoch += 1;
            producer.sequence = 0;
        }
        let ends = Marker { new_epoch, ..marker(at as i64, producer.epoch, outcome) };
        let offset = end(&self.partition, ends).await;
        self.model.transactions[number].ended = Some((outcome, offset));
        self.producers[at].last_marker = Some(offset);
    }

    /// What lies in the first tenth goes.
    async fn trim(&mut self) {
        let watermarks = self.partition.watermarks();
        let (start, end) = (watermarks.log_start, watermarks.high_watermark);
        let to = Offset(self.random.i64(start.0..=start.0 + (end.0 - start.0) / 10));
        self.partition.trim(to).expect("trim").wait().await.expect("durable");
        self.model.records.retain(|offset, _| *offset >= to.0);
    }

    /// Every record that can be read.
    fn seen(&self) -> Vec<Seen> {
        let start = self.partition.watermarks().log_start;
        batches(&self.partition).iter().flat_map(|batch| records(batch, start)).collect()
    }

    /// Time goes by; the process may die in the middle of what it does meanwhile.
    async fn wait(&mut self, time: Duration) {
        if self.random.u8(0..3) == 0 {
            let crash = if self.random.bool() { Crash::Kill } else { Crash::PowerCut };
            self.world.disk().crash_at(self.random.u64(1..120), crash);
        }
        let _ = self.env.timeout(time, self.world.down()).await;
        self.world.disk().clear_faults();
        if !self.world.is_up() {
            self.restart().await;
        }
        self.check();
    }

    async fn restart(&mut self) {
        if self.world.is_up() && self.random.bool() {
            self.log.close().await;
        } else if self.world.is_up() {
            self.world.crash(Crash::PowerCut);
        }
        self.env = self.world.restart();
        let found = verify(self.env.disk(), Path::new(DIR)).expect("a check");
        assert_eq!(found.damage, [], "seed {}", self.seed);
        self.incarnation += 1;
        (self.log, self.partition) = open_of(self.seed, &self.env, self.incarnation);
        self.check();
    }

    fn check(&mut self) {
        let watermarks = self.partition.watermarks();
        let (start, stable) = (watermarks.log_start, watermarks.last_stable);
        self.check_uncommitted();
        self.check_committed(start, stable);
        let from = Offset(self.random.i64(start.0..=stable.0));
        self.check_committed(from, stable);
        let all = batches(&self.partition);
        self.check_markers(&all);
        self.check_producers(&all, start);
    }

    /// What is there was written, and what was not aborted makes the table that it must.
    fn check_uncommitted(&self) {
        let all = self.seen();
        let aborted = |written: &Written| self.model.outcome(written) == Some(TxnOutcome::Abort);
        let mut counted = all.clone();
        counted.retain(|seen| !aborted(self.model.check_seen(seen)));
        let newest = self.model.newest(Offset(i64::MAX), |written| !aborted(written));
        assert_eq!(table(&counted), table_of(&newest, Offset::ZERO), "seed {}", self.seed);
        let last: BTreeMap<&str, &Seen> =
            all.iter().filter_map(|seen| Some((seen.key.as_deref()?, seen))).collect();
        for (key, seen) in last {
            let expected = newest.get(key).map_or(-1, |(offset, _)| *offset);
            let gone = newest.get(key).is_some_and(|(_, newest)| newest.value.is_none());
            let newer = seen.offset >= expected;
            assert!(newer, "seed {}: {seen:?} after {expected}, {gone}", self.seed);
        }
    }

    fn check_committed(&self, from: Offset, stable: Offset) {
        let bytes_max = 1 + self.value as usize % 9000;
        let seen = committed(&self.partition, from, bytes_max);
        for seen in &seen {
            let outcome = self.model.outcome(self.model.check_seen(seen));
            assert_eq!(outcome, Some(TxnOutcome::Commit), "seed {}: {seen:?}", self.seed);
        }
        let commits = |written: &Written| self.model.outcome(written) == Some(TxnOutcome::Commit);
        let newest = self.model.newest(stable, commits);
        assert_eq!(table(&seen), table_of(&newest, from), "seed {} from {from}", self.seed);
        // Who is not further behind than `delete.retention.ms` learns what was deleted.
        let young = |written: &Written| written.at.plus(HOUR) > self.log.now();
        for (offset, written) in newest.into_values().filter(|(_, written)| young(written)) {
            let there = offset < from.0 || seen.iter().any(|seen| seen.offset == offset);
            assert!(there, "seed {}: {} at {offset}", self.seed, written.key);
        }
    }

    /// A marker is there as long as a record of its transaction is.
    fn check_markers(&self, all: &[Batch]) {
        let there: BTreeSet<Offset> = markers(all);
        for seen in self.seen() {
            let transaction = self.model.records[&seen.offset].transaction;
            let ended = transaction.and_then(|number| self.model.transactions[number].ended);
            let kept = ended.is_none_or(|(_, marker)| there.contains(&marker));
            assert!(kept, "seed {}: {seen:?} without {ended:?}", self.seed);
        }
    }

    /// Of each known producer the last batch and the last marker are there.
    fn check_producers(&self, all: &[Batch], start: Offset) {
        let there: BTreeSet<Offset> =
            all.iter().map(|batch| batch.header().last_offset()).collect();
        for (producer, state) in self.partition.producers() {
            let last = state.batches.back().map(|batch| batch.last_offset);
            let marker = self.producers[producer.0 as usize].last_marker;
            for offset in last.into_iter().chain(marker) {
                let kept = offset < start || there.contains(&offset);
                assert!(kept, "seed {}: {producer} {offset}", self.seed);
            }
        }
    }

    /// Everything has ended, and time enough goes by for all that may go.
    async fn finish(&mut self) {
        for at in 0..self.producers.len() {
            self.end_of(at).await;
        }
        for _ in 0..5 {
            let more = (self.partition.bytes() / 700).max(80);
            for _ in 0..more {
                let changes = vec![("filler".to_owned(), Some(0))];
                let base = append(&self.partition, keyed(&borrowed(&changes))).await;
                self.note(base.expect("append"), changes, None);
            }
            // It may crash, but not for two hours.
            self.wait(Duration::from_secs(20)).await;
            self.env.sleep(2 * HOUR).await;
        }
        self.check();
        let all = batches(&self.partition);
        let mut kept: BTreeSet<Offset> =
            self.partition.producers().iter().map(|(_, producer)| producer.last_marker).collect();
        let ends = |seen: &Seen| self.model.records[&seen.offset].transaction;
        for seen in self.seen() {
            assert!(seen.value.is_some(), "seed {}: a tombstone stays: {seen:?}", self.seed);
            let ended = ends(&seen).and_then(|number| self.model.transactions[number].ended);
            assert!(!matches!(ended, Some((TxnOutcome::Abort, _))), "seed {}: {seen:?}", self.seed);
            kept.extend(ended.map(|(_, marker)| marker));
        }
        let empty = all.iter().filter(|batch| batch.header().count == 0).count();
        let useless = markers(&all).difference(&kept).count();
        assert!(useless <= empty, "seed {}: {useless} markers too many", self.seed);
        let told = self.partition.aborted_transactions(Offset::ZERO, Offset(i64::MAX));
        assert!(told.iter().all(|aborted| markers(&all).contains(&aborted.last_offset)));
    }
}

fn borrowed(changes: &[(String, Option<u64>)]) -> Vec<Change<'_>> {
    changes.iter().map(|(key, value)| (key.as_str(), *value)).collect()
}

fn table_of(newest: &BTreeMap<&str, (i64, &Written)>, from: Offset) -> BTreeMap<String, u64> {
    let visible = newest.iter().filter(|(_, (offset, _))| *offset >= from.0);
    visible.filter_map(|(key, (_, written))| Some(((*key).to_owned(), written.value?))).collect()
}

fn markers(all: &[Batch]) -> BTreeSet<Offset> {
    let markers = all.iter().filter(|batch| batch.header().attributes.is_control());
    markers.map(|batch| batch.header().base_offset).collect()
}

pub(super) fn transactions_and_crashes(seed: u64) {
    simulate(seed, |env, world| async move {
        let mut scene = Scene::new(seed, env, world);
        for _ in 0..STEPS {
            scene.step().await;
        }
        scene.finish().await;
    });
}

#[test]
fn rule_48_and_49_consumers_see_the_same_whatever_passes_and_crashes() {
    for seed in 0..20 {
        transactions_and_crashes(seed);
    }
}
