//! The commands of a transcript.
//!
//! ```text
//! set NAME=VALUE                    a setting, before the first other command
//! given ID STATE PID@EPOCH [TOPIC:N…] [last=EPOCH] [prev=PID] [next=PID] [v=N] [timeout=MS]
//!                                   a record that is there already, before the first of the commands below
//! init ID [timeout=MS] [as=PID@EPOCH]
//! add ID PID@EPOCH TOPIC:N… [v=N] [; ID PID@EPOCH …]      AddPartitions; v=2 unless it is said
//! verify ID PID@EPOCH TOPIC:N… [; …]
//! offsets ID PID@EPOCH N            AddOffsets
//! commit ID PID@EPOCH [v=N]
//! abort ID PID@EPOCH [v=N]
//! stop ID                           an administrator's abort
//! describe ID…
//! list [states=S,…] [ids=PID,…] [longer=MS] [pattern=REGEX]
//! settled ID [TOPIC:N…]             markers are written; all that are under way if none is named
//! failed ID [TOPIC:N…]
//! late ID ROUND TOPIC:N…            settled, reported for another round
//! allocation slow                   from here on ids are given out by the two commands below
//! allocate
//! no-id
//! advance N(ms|s|m|h|d)
//! crash                             the machine is dropped and loaded again from its records
//! state                             what the records say
//! ```
//! Producer ids are allocated from 1000 on.

use std::collections::BTreeMap;

use thalweg_types::{ProducerEpoch, ProducerId, Timestamp, TopicName};

use super::super::driver::EPOCH_MS;
use crate::record::Entry;
use crate::{
    AddOffsets, AddPartitions, EndTransaction, InitProducerId, ListTransactions, MarkerRound,
    Partitions, Producer, Purpose, Record, Request, Settings, TransactionMetadata,
    TransactionState, TransactionVersion, TransactionalId, TxnOutcome,
};

pub enum Command {
    Given(Record),
    Request(Request),
    Settled(TransactionalId, Partitions),
    Failed(TransactionalId, Partitions),
    Late(TransactionalId, Partitions, MarkerRound),
    Allocation(bool),
    Allocate,
    NoId,
    Advance(u64),
    Crash,
    State,
}

/// The words of a command: those with `=`, and the others in order.
struct Words<'a> {
    plain: Vec<&'a str>,
    named: BTreeMap<&'a str, &'a str>,
}

impl<'a> Words<'a> {
    fn new(words: impl Iterator<Item = &'a str>) -> Self {
        let (mut plain, mut named) = (Vec::new(), BTreeMap::new());
        for word in words {
            match word.split_once('=') {
                Some((name, value)) => drop(named.insert(name, value)),
                None => plain.push(word),
            }
        }
        Self { plain, named }
    }

    fn id(&self) -> TransactionalId {
        TransactionalId::new(self.plain[0]).unwrap()
    }

    fn producer(&self, index: usize) -> Producer {
        producer(self.plain[index])
    }

    fn partitions(&self, from: usize) -> Partitions {
        let mut partitions = Partitions::new();
        for word in &self.plain[from..] {
            let (topic, number) = word.split_once(':').unwrap();
            let topic = TopicName::new(topic).unwrap();
            partitions.entry(topic).or_default().insert(number.parse().unwrap());
        }
        partitions
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.named.get(name).map(|value| value.parse().unwrap())
    }

    fn version(&self) -> TransactionVersion {
        TransactionVersion::from_level(self.number("v").unwrap_or(2) as i16).unwrap()
    }

    fn list(&self, name: &str) -> Vec<&'a str> {
        self.named.get(name).map(|value| value.split(',').collect()).unwrap_or_default()
    }
}

fn producer(word: &str) -> Producer {
    let (id, epoch) = word.split_once('@').unwrap();
    Producer::new(ProducerId(id.parse().unwrap()), ProducerEpoch(epoch.parse().unwrap()))
}

impl Command {
    pub fn parse(line: &str) -> Self {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let words = Words::new(rest.split_whitespace());
        match verb {
            "given" => Self::Given(given(&words)),
            "init" => Self::Request(Request::InitProducerId(InitProducerId {
                transactional_id: words.id(),
                timeout_ms: words.number("timeout").unwrap_or(60_000) as i32,
                expected: words.named.get("as").map(|word| producer(word)),
            })),
            "add" | "verify" => Self::Request(Request::AddPartitions(
                rest.split(';').map(|one| add(verb, &Words::new(one.split_whitespace()))).collect(),
            )),
            "offsets" => Self::Request(Request::AddOffsets(AddOffsets {
                transactional_id: words.id(),
                producer: words.producer(1),
                offsets_partition: words.plain[2].parse().unwrap(),
            })),
            "commit" => Self::Request(end(&words, TxnOutcome::Commit)),
            "abort" => Self::Request(end(&words, TxnOutcome::Abort)),
            "stop" => Self::Request(Request::AbortTransaction(words.id())),
            "describe" => {
                let ids = words.plain.iter().map(|id| TransactionalId::new(id).unwrap());
                Self::Request(Request::DescribeTransactions(ids.collect()))
            }
            "list" => Self::Request(Request::ListTransactions(list(&words))),
            "settled" => Self::Settled(words.id(), words.partitions(1)),
            "failed" => Self::Failed(words.id(), words.partitions(1)),
            "late" => {
                let round = MarkerRound(words.plain[1].parse().unwrap());
                Self::Late(words.id(), words.partitions(2), round)
            }
            "allocation" => Self::Allocation(words.plain != ["slow"]),
            "allocate" => Self::Allocate,
            "no-id" => Self::NoId,
            "advance" => Self::Advance(duration_ms(words.plain[0])),
            "crash" => Self::Crash,
            "state" => Self::State,
            other => panic!("unknown command {other}"),
        }
    }
}

fn given(words: &Words) -> Record {
    let state = TransactionState::ALL.into_iter().find(|state| state.as_str() == words.plain[1]);
    let (state, producer) = (state.unwrap(), words.producer(2));
    let is_empty = state == TransactionState::Empty;
    let metadata = TransactionMetadata {
        producer,
        previous_producer_id: words.number("prev").map_or(producer.id, ProducerId),
        next_producer_id: words.number("next").map(ProducerId),
        last_epoch: words.number("last").map(|epoch| ProducerEpoch(epoch as i16)),
        timeout_ms: words.number("timeout").unwrap_or(60_000) as i32,
        state,
        partitions: words.partitions(3),
        updated_at: Timestamp(EPOCH_MS),
        started_at: if is_empty { Timestamp::NONE } else { Timestamp(EPOCH_MS) },
        version: words.version(),
    };
    Entry { transactional_id: words.id(), metadata: Some(metadata) }.encode()
}

fn add(verb: &str, words: &Words) -> AddPartitions {
    AddPartitions {
        transactional_id: words.id(),
        producer: words.producer(1),
        partitions: words.partitions(2),
        purpose: match verb {
            "add" => Purpose::Add(words.version()),
            _ => Purpose::Verify,
        },
    }
}

fn end(words: &Words, outcome: TxnOutcome) -> Request {
    Request::EndTransaction(EndTransaction {
        transactional_id: words.id(),
        producer: words.producer(1),
        outcome,
        version: words.version(),
    })
}

fn list(words: &Words) -> ListTransactions {
    let ids = words.list("ids").into_iter().map(|id| ProducerId(id.parse().unwrap()));
    ListTransactions {
        states: words.list("states").into_iter().map(str::to_owned).collect(),
        producer_ids: ids.collect(),
        longer_than_ms: words.number("longer"),
        pattern: words.named.get("pattern").map(|&pattern| pattern.to_owned()),
    }
}

fn duration_ms(text: &str) -> u64 {
    let digits = text.trim_end_matches(char::is_alphabetic);
    let number: u64 = digits.parse().unwrap();
    number
        * match &text[digits.len()..] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            other => panic!("unknown unit {other}"),
        }
}

pub fn set(settings: &mut Settings, setting: &str) {
    let (name, value) = setting.split_once('=').unwrap();
    let value: u32 = value.parse().unwrap();
    match name {
        "timeout_max_ms" => settings.timeout_max_ms = value as i32,
        "id_expiration_ms" => settings.id_expiration_ms = value.into(),
        "ids_max" => settings.ids_max = value as usize,
        "waiting_max" => settings.waiting_max = value as usize,
        "record_bytes_max" => settings.record_bytes_max = value as usize,
        other => panic!("unknown setting {other}"),
    }
}
