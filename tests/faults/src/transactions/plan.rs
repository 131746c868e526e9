//! Of what topics and clients each workload consists.

use std::sync::Arc;

use super::cell::Workload;
use super::chain::Input;
use super::client::Client;
use super::reader::Reader;
use super::session::Manner;
use super::shared::Shared;
use super::transactor::Transactor;
use super::writer::Output;
use crate::failure::Failure;
use crate::fetch::Isolation;
use crate::member::{Group, Member};
use crate::producer::{Lane, Producer};

/// Partitions of every topic.
pub const PARTITIONS: i32 = 3;
/// A member of a group that is silent for longer is none, and a transaction that lasts longer is aborted.
pub const TIMEOUT_MS_MAX: i32 = 900;
const TIMEOUT_MS_MIN: i32 = 300;
/// Few, so that compaction has something to do.
const KEYS: u64 = 60;

/// Batches without a transaction that take as long as one with.
const BATCHES_FOR_ONE: u64 = 10;

/// What makes a topic compact soon and often.
const COMPACT: [(&str, &str); 5] = [
    ("cleanup.policy", "compact"),
    ("min.cleanable.dirty.ratio", "0.05"),
    ("segment.bytes", "1048576"),
    ("segment.ms", "300"),
    ("delete.retention.ms", "500"),
];
const KEEP: [(&str, &str); 1] = [("retention.ms", "-1")];

/// What a transactional client knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    BeforeKip890,
    Kip890,
}

/// Everything that a workload consists of. Who writes writes to the first topic.
pub struct Plan {
    /// Its topics.
    pub topics: Vec<Output>,
    /// What is copied, and where.
    pub copies: Vec<Copy>,
    /// Who reads the first topic.
    pub group: Option<Group>,
    idempotent: usize,
    plain: usize,
    transactors: &'static [Protocol],
}

/// A copy of the first topic.
pub struct Copy {
    /// What is copied.
    pub input: Input,
    /// Where.
    pub output: Output,
    protocol: Protocol,
}

impl Plan {
    /// What `workload` consists of.
    pub fn of(workload: Workload) -> Self {
        use Protocol::{BeforeKip890, Kip890};
        match workload {
            Workload::Transactions => {
                Self { transactors: &[Kip890, BeforeKip890, Kip890], ..Self::only("written", None) }
            }
            Workload::Compacted => Self {
                idempotent: 1,
                plain: 1,
                transactors: &[Kip890, BeforeKip890],
                ..Self::only("compacted", Some(KEYS))
            },
            Workload::Plain => {
                Self { idempotent: 3, plain: 1, group: Some(group()), ..Self::only("plain", None) }
            }
            Workload::Copies => {
                let copies = [Copy::of("new", Kip890), Copy::of("old", BeforeKip890)];
                let outputs = copies.iter().map(|copy| copy.output.clone());
                let mut plan =
                    Self { idempotent: 1, transactors: &[Kip890], ..Self::only("input", None) };
                plan.topics.extend(outputs);
                Self { copies: copies.into(), ..plan }
            }
        }
    }

    fn only(topic: &str, keys: Option<u64>) -> Self {
        Self {
            topics: vec![Output { topic: topic.into(), partitions: PARTITIONS, keys }],
            copies: Vec::new(),
            group: None,
            idempotent: 0,
            plain: 0,
            transactors: &[],
        }
    }

    /// Waits until so many transactions more have ended; where there are none, for acknowledged
    /// batches.
    pub async fn wait_for(&self, shared: &Shared, transactions: u64) -> Result<(), Failure> {
        if self.transactors.is_empty() {
            return shared.history.wait_for(BATCHES_FOR_ONE * transactions).await;
        }
        let ended = &shared.counts.ended;
        shared.history.wait_on(ended, transactions, "ended transactions").await
    }

    /// All clients: those that write, and readers of both kinds for each topic.
    pub fn clients(&self, shared: &Shared) -> Result<Vec<Client>, Failure> {
        let Some(first) = self.topics.first() else { return Ok(Vec::new()) };
        let mut clients = Vec::new();
        for number in 0..self.idempotent + self.plain {
            let is_idempotent = number < self.idempotent;
            let producer = Producer::new(shared.new_producer(), is_idempotent, lanes(first));
            clients.push(Client::Producer(Box::new(producer)));
        }
        for group in self.group.iter().flat_map(|group| [group, group]) {
            let member = Member::new(group.clone(), shared.new_consumer());
            clients.push(Client::Member(Box::new(member)));
        }
        for (protocol, number) in self.transactors.iter().zip(0..) {
            let manner = manner(format!("writer-{number}"), *protocol, number);
            let transactor = Transactor::new(shared, manner, first.clone(), None);
            clients.push(Client::Transactor(Box::new(transactor)));
        }
        for (copy, number) in self.copies.iter().zip(0..) {
            let Copy { input, output, protocol } = copy;
            let manner = manner(format!("copier-{number}"), *protocol, number);
            let transactor = Transactor::new(shared, manner, output.clone(), Some(input.clone()));
            clients.push(Client::Transactor(Box::new(transactor)));
        }
        for Output { topic, partitions, .. } in &self.topics {
            for isolation in [Isolation::Uncommitted, Isolation::Committed] {
                let reader = Reader::new(shared, topic, *partitions, isolation)?;
                clients.push(Client::Reader(Box::new(reader)));
            }
        }
        Ok(clients)
    }
}

impl Copy {
    fn of(name: &str, protocol: Protocol) -> Self {
        let group = format!("copies-{name}").into();
        let output = format!("output-{name}").into();
        Self {
            input: Input { topic: "input".into(), partitions: PARTITIONS, group },
            output: Output { topic: output, partitions: PARTITIONS, keys: None },
            protocol,
        }
    }
}

impl Output {
    /// The settings of the topic.
    pub fn configs(&self) -> &'static [(&'static str, &'static str)] {
        if self.keys.is_some() { &COMPACT } else { &KEEP }
    }
}

fn group() -> Group {
    Group {
        name: "readers".into(),
        topic: "plain".into(),
        partitions: PARTITIONS,
        session_timeout_ms: TIMEOUT_MS_MAX,
    }
}

fn lanes(output: &Output) -> impl Iterator<Item = Lane> + use<> {
    let topic: Arc<str> = output.topic.clone();
    let keys = output.keys;
    (0..output.partitions).map(move |partition| Lane { topic: topic.clone(), partition, keys })
}

fn manner(transactional_id: String, protocol: Protocol, number: i32) -> Manner {
    let timeout_ms = (TIMEOUT_MS_MIN * (number + 1)).min(TIMEOUT_MS_MAX);
    Manner { transactional_id, timeout_ms, before_kip_890: protocol == Protocol::BeforeKip890 }
}
