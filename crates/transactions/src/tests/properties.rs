//! Random clients, crashes, delays and failures. What has to hold whatever happens to the machine alone
//! is checked by the driver after every step; what has to hold for data, by the partitions in `world`.

use std::collections::{BTreeMap, VecDeque};

use proptest::collection::vec;
use proptest::prelude::*;
use thalweg_types::{ErrorKind, ProducerEpoch, ProducerId, Timestamp, TopicName};

use super::actions::{Action, PARTITIONS, action};
use super::driver::Driver;
use super::world::{Fates, Label, PartitionModel};
use crate::record::Entry;
use crate::{
    AddPartitions, EndTransaction, InitProducerId, Input, Marker, MarkerReport, Outbox, Partitions,
    Producer, Purpose, Reply, ReplyTo, Request, Settings, TransactionError, TransactionMetadata,
    TransactionState, TransactionVersion, TransactionalId, TxnOutcome,
};

const TIMEOUT_MS: i32 = 30_000;
/// Rounds after which everything that was begun has come to its end.
const ROUNDS_MAX: usize = 200;

/// A process with a producer.
struct Client {
    id: TransactionalId,
    version: TransactionVersion,
    producer: Option<Producer>,
    label: Label,
    /// A request is under way.
    is_busy: bool,
    /// It was refused for good, and has to begin anew.
    is_broken: bool,
    /// The transaction has a partition, as far as the client knows.
    has_begun: bool,
    /// The end that was asked for and not heard of yet: nothing else makes sense before.
    ending: Option<TxnOutcome>,
}

#[derive(Clone, Copy)]
enum Asked {
    Init,
    Add { partition: usize },
    Verify { partition: usize, guard: u64 },
    End(TxnOutcome),
}

/// What a step handed out, and how long the log was then.
struct Turn {
    log_length: usize,
    replies: Vec<(ReplyTo, Reply)>,
    markers: Vec<Marker>,
}

struct World {
    driver: Driver,
    clients: Vec<Client>,
    partitions: [PartitionModel; PARTITIONS],
    fates: Fates,
    asked: BTreeMap<ReplyTo, (usize, Asked)>,
    turns: VecDeque<Turn>,
    durable: usize,
    markers: Vec<Marker>,
    /// For each id, who took it over for itself, and where the log says so.
    usurpers: BTreeMap<TransactionalId, Vec<(usize, Producer)>>,
    labels: Label,
}

fn transactional_id(number: u8) -> TransactionalId {
    TransactionalId::new(["t", "u"][usize::from(number)]).unwrap()
}

fn partitions(numbers: impl IntoIterator<Item = usize>) -> Partitions {
    let numbers: std::collections::BTreeSet<_> = numbers.into_iter().map(|n| n as i32).collect();
    let topic = TopicName::new("a").unwrap();
    if numbers.is_empty() { Partitions::new() } else { Partitions::from([(topic, numbers)]) }
}

/// An id whose epochs are about to run out.
fn old_timer() -> Entry {
    let metadata = TransactionMetadata {
        producer: Producer::new(ProducerId(500), ProducerEpoch(i16::MAX - 4)),
        previous_producer_id: ProducerId(500),
        next_producer_id: None,
        last_epoch: None,
        timeout_ms: TIMEOUT_MS,
        state: TransactionState::Empty,
        partitions: Partitions::new(),
        updated_at: Timestamp(super::driver::EPOCH_MS),
        started_at: Timestamp::NONE,
        version: TransactionVersion::V0,
    };
    Entry { transactional_id: transactional_id(0), metadata: Some(metadata) }
}

impl World {
    fn new() -> Self {
        let settings = Settings {
            id_expiration_ms: 600_000,
            waiting_max: 4,
            ids_max: 2,
            ..Settings::default()
        };
        let mut driver = Driver::new(settings);
        driver.allocates_at_once = false;
        driver.log.push(old_timer().encode());
        driver.load();
        let durable = driver.log.len();
        let mut world = Self {
            driver,
            clients: Vec::new(),
            partitions: Default::default(),
            fates: Fates::default(),
            asked: BTreeMap::new(),
            turns: VecDeque::new(),
            durable,
            markers: Vec::new(),
            usurpers: BTreeMap::new(),
            labels: 0,
        };
        world.start(0, true);
        world.start(1, false);
        world.calm();
        world
    }

    fn label(&mut self) -> Label {
        self.labels += 1;
        self.labels
    }

    fn act(&mut self, action: &Action) {
        match *action {
            Action::Start { id, bumps } => self.start(id, bumps),
            Action::Recover { client } => self.recover(client),
            Action::Produce { client, partition } => self.produce(client, partition.into()),
            Action::End { client, outcome } => self.end(client, outcome),
            Action::Retry { client } => self.retry(client),
            Action::Stop { id } => {
                let (_, out) = self.driver.request(Request::AbortTransaction(transactional_id(id)));
                self.take_turn(out);
            }
            Action::Allocate { succeeds } if self.driver.wanted > 0 => {
                let driver = &mut self.driver;
                let out = if succeeds { driver.allocate() } else { driver.refuse_to_allocate() };
                self.take_turn(out);
            }
            Action::Allocate { .. } => {}
            Action::Flush { turns } => (0..turns).for_each(|_| self.flush()),
            Action::Deliver { marker, reach } => self.deliver(marker, reach),
            Action::Advance(duration_ms) => {
                for (_, out) in self.driver.advance(duration_ms) {
                    self.take_turn(out);
                }
            }
            Action::Calm => self.calm(),
            Action::Crash { survives } => self.crash(survives),
        }
    }

    fn start(&mut self, id: u8, bumps: bool) {
        let id = transactional_id(id);
        let version = if bumps { TransactionVersion::V2 } else { TransactionVersion::V0 };
        let label = self.label();
        self.clients.push(Client {
            id,
            version,
            producer: None,
            label,
            is_busy: false,
            is_broken: false,
            has_begun: false,
            ending: None,
        });
        self.init(self.clients.len() - 1);
    }

    /// One of the latest clients that has nothing under way.
    fn idle(&self, index: u8) -> Option<usize> {
        let index = self.clients.len().checked_sub(1 + usize::from(index))?;
        (!self.clients[index].is_busy).then_some(index)
    }

    fn init(&mut self, index: usize) {
        let client = &self.clients[index];
        let request = InitProducerId {
            transactional_id: client.id.clone(),
            timeout_ms: TIMEOUT_MS,
            expected: client.producer,
        };
        self.ask(index, Asked::Init, Request::InitProducerId(request));
    }

    fn recover(&mut self, client: u8) {
        if let Some(index) = self.idle(client) {
            self.init(index);
        }
    }

    fn produce(&mut self, client: u8, partition: usize) {
        let Some(index) = self.idle(client) else { return };
        if self.clients[index].producer.is_none() || self.clients[index].is_broken {
            return self.init(index);
        }
        if self.clients[index].ending.is_none() {
            let purpose = Purpose::Add(self.clients[index].version);
            self.name(index, Asked::Add { partition }, partition, purpose);
        }
    }

    fn name(&mut self, index: usize, asked: Asked, partition: usize, purpose: Purpose) {
        let client = &self.clients[index];
        let Some(producer) = client.producer else { return };
        let request = AddPartitions {
            transactional_id: client.id.clone(),
            producer,
            partitions: partitions([partition]),
            purpose,
        };
        self.ask(index, asked, Request::AddPartitions(vec![request]));
    }

    fn end(&mut self, client: u8, outcome: TxnOutcome) {
        let Some(index) = self.idle(client) else { return };
        let client = &mut self.clients[index];
        let Some(producer) = client.producer else { return };
        let aborts_nothing = client.version.bumps_epoch() && outcome == TxnOutcome::Abort;
        if !client.has_begun && !aborts_nothing {
            return;
        }
        let outcome = *client.ending.get_or_insert(outcome);
        let request = EndTransaction {
            transactional_id: client.id.clone(),
            producer,
            outcome,
            version: client.version,
        };
        self.ask(index, Asked::End(outcome), Request::EndTransaction(request));
    }

    fn retry(&mut self, client: u8) {
        if let Some(index) = self.idle(client)
            && let Some(outcome) = self.clients[index].ending
        {
            self.end(client, outcome);
        }
    }

    fn ask(&mut self, index: usize, asked: Asked, request: Request) {
        let client = &mut self.clients[index];
        client.is_busy = true;
        let (id, producer) = (client.id.clone(), client.producer);
        let usurpers = self.usurpers.get(&id).map_or(&[][..], Vec::as_slice);
        let usurper = usurpers.iter().map(|(_, usurper)| *usurper).max();
        let (reply_to, out) = self.driver.request(request);
        self.asked.insert(reply_to, (index, asked));
        if producer.is_some() && producer < usurper {
            let refused = out.replies.iter().all(|(_, reply)| refusals(reply).count() > 0);
            let changed = out.records.len();
            assert!(refused && changed == 0, "{producer:?} did something after {usurper:?}");
        }
        self.take_turn(out);
    }

    fn take_turn(&mut self, out: Outbox) {
        let log_length = self.driver.log.len();
        for (reply_to, reply) in &out.replies {
            if let Reply::InitProducerId(Ok(producer)) = reply
                && let Some((index, _)) = self.asked.get(reply_to)
                && self.clients[*index].producer.is_none()
            {
                let id = self.clients[*index].id.clone();
                self.usurpers.entry(id).or_default().push((log_length, *producer));
            }
        }
        for record in out.records.iter().filter(|record| record.value.is_none()) {
            // Forgotten: whoever comes next begins anew, with a producer id that nobody had.
            let id = Entry::decode(record).unwrap().transactional_id;
            self.usurpers.remove(&id);
        }
        let Outbox { replies, markers, .. } = out;
        self.turns.push_back(Turn { log_length, replies, markers });
    }

    fn flush(&mut self) {
        let Some(turn) = self.turns.pop_front() else { return };
        self.durable = turn.log_length;
        self.markers.extend(turn.markers);
        for (reply_to, reply) in turn.replies {
            if let Some((index, asked)) = self.asked.remove(&reply_to) {
                self.clients[index].is_busy = false;
                self.hear(index, asked, reply);
            }
        }
    }

    fn hear(&mut self, index: usize, asked: Asked, reply: Reply) {
        if refusals(&reply).any(|error| error.kind() != ErrorKind::Retry) {
            let client = &mut self.clients[index];
            if matches!(asked, Asked::Init) {
                // There is no way back: the process starts again, and takes over.
                client.producer = None;
            }
            client.is_broken = true;
        }
        match (asked, reply) {
            (Asked::Init, Reply::InitProducerId(Ok(producer))) => {
                let label = self.label();
                let client = &mut self.clients[index];
                (client.producer, client.label, client.ending) = (Some(producer), label, None);
                (client.has_begun, client.is_broken) = (false, false);
            }
            (Asked::Add { partition }, reply) if refusals(&reply).count() == 0 => {
                self.added(index, partition);
            }
            (Asked::Verify { partition, guard }, reply) if refusals(&reply).count() == 0 => {
                self.append(index, partition, Some(guard));
            }
            (Asked::End(outcome), Reply::EndTransaction(result)) => {
                self.ended(index, outcome, result);
            }
            _ => {}
        }
    }

    /// Clients of KIP-890 were added by the partition itself; the others it verifies.
    fn added(&mut self, index: usize, partition: usize) {
        let Some(producer) = self.clients[index].producer else { return };
        self.clients[index].has_begun = true;
        if self.clients[index].version.bumps_epoch() {
            return self.append(index, partition, None);
        }
        let guard = self.partitions[partition].guard(producer.id);
        self.name(index, Asked::Verify { partition, guard }, partition, Purpose::Verify);
    }

    fn append(&mut self, index: usize, partition: usize, guard: Option<u64>) {
        let Client { producer, label, .. } = self.clients[index];
        let Some(producer) = producer else { return };
        if self.partitions[partition].append(producer, label, guard) {
            self.fates.wrote(label, partition);
        }
    }

    fn ended(
        &mut self,
        index: usize,
        outcome: TxnOutcome,
        result: Result<Option<Producer>, TransactionError>,
    ) {
        let Ok(producer) = result else { return };
        self.fates.told(self.clients[index].label, outcome);
        let label = self.label();
        let client = &mut self.clients[index];
        (client.label, client.ending, client.has_begun) = (label, None, false);
        client.producer = producer.or(client.producer);
    }

    /// Bits of `reach`: which partitions it comes to, and whether the rest is told to have failed.
    fn deliver(&mut self, marker: u8, reach: u8) {
        if self.markers.is_empty() {
            return;
        }
        let index = usize::from(marker) % self.markers.len();
        let marker = self.markers.swap_remove(index);
        let numbers = marker.partitions.values().flatten().map(|number| *number as usize);
        let (reached, missed): (Vec<_>, Vec<_>) = numbers.partition(|n| reach >> n & 1 == 1);
        for &number in &reached {
            if let Some(label) = self.partitions[number].mark(&marker) {
                self.fates.marked(label, number, marker.outcome);
            }
        }
        let report = MarkerReport {
            transactional_id: marker.transactional_id.clone(),
            round: marker.round,
            settled: partitions(reached),
            failed: partitions(missed),
        };
        let out = self.driver.step(Input::MarkersSettled(report));
        self.take_turn(out);
    }

    fn crash(&mut self, survives: prop::sample::Index) {
        let survivors = self.driver.log.len() - self.durable;
        let durable = self.durable + survives.index(survivors + 1);
        for usurpers in self.usurpers.values_mut() {
            usurpers.retain(|(log_length, _)| *log_length <= durable);
        }
        self.turns.clear();
        self.markers.clear();
        self.asked.clear();
        for client in &mut self.clients {
            client.is_busy = false;
        }
        let out = self.driver.crash(durable);
        self.durable = durable;
        self.take_turn(out);
    }

    fn calm(&mut self) {
        while self.driver.wanted > 0 {
            self.act(&Action::Allocate { succeeds: true });
        }
        while !self.turns.is_empty() {
            self.flush();
        }
        while !self.markers.is_empty() {
            self.deliver(0, u8::MAX);
        }
    }

    /// Everything that was begun comes to its end.
    fn settle(&mut self) {
        for _ in 0..ROUNDS_MAX {
            self.calm();
            self.act(&Action::Advance(TIMEOUT_MS as u64));
            let is_settled = self.turns.is_empty() && self.driver.unanswered.is_empty();
            let states = self.driver.machine.durable().transactions().values();
            if is_settled && states.clone().all(|metadata| metadata.state.is_idle()) {
                break;
            }
        }
        assert!(self.driver.unanswered.is_empty(), "requests wait for ever");
        let open: Vec<_> = self.partitions.iter().map(PartitionModel::open).collect();
        assert!(open.iter().all(Vec::is_empty), "transactions hang: {open:?}");
        self.fates.assert_complete();
    }
}

/// Why a request, or a part of it, was not served.
fn refusals(reply: &Reply) -> impl Iterator<Item = TransactionError> {
    let errors: Vec<_> = match reply {
        Reply::InitProducerId(result) => result.err().into_iter().collect(),
        Reply::EndTransaction(result) => result.err().into_iter().collect(),
        Reply::AddPartitions(Ok(added)) => {
            let results = added.iter().flat_map(|added| &added.partitions);
            results.filter_map(|(_, _, result)| result.err()).collect()
        }
        _ => Vec::new(),
    };
    errors.into_iter()
}

proptest! {
    #[test]
    fn whatever_happens_the_rules_hold(actions in vec(action(), 1..120)) {
        let mut world = World::new();
        for action in actions {
            world.act(&action);
        }
        world.settle();
    }
}

/// The random clients do get somewhere: without that the property above would hold for nothing.
#[test]
fn random_clients_commit() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let mut committed = 0;
    for _ in 0..50 {
        let actions = vec(action(), 100..120).new_tree(&mut runner).unwrap().current();
        let mut world = World::new();
        for action in &actions {
            world.act(action);
        }
        world.settle();
        committed += world.fates.committed();
    }
    assert!(committed >= 50, "only {committed} transactions were committed");
}
