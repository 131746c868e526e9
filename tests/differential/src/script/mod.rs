//! The script: clients that mostly do what they should, and often not.
//!
//! It is made while it runs, from a seed and from what Kafka answered so far. Where the brokers agree,
//! the same seed gives the same script.

mod admin;
mod groups;
mod produce;
mod reads;
mod transactions;
mod writer;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::answer::Answer;
use crate::apis::Place;
use crate::apis::groups::{FindCoordinator, Member};
use crate::apis::inspect::DescribeTransactions;
use crate::failure::Failure;
use crate::pair::{Ask, Pair};
use writer::{Style, Writer};

/// Settings of a topic.
type Settings = &'static [(&'static str, &'static str)];

/// Topics that live as long as the script, with their partitions and settings.
const TOPICS: [(&str, i32, Settings); 4] = [
    ("plain", 3, &[("retention.ms", "-1")]),
    ("compacted", 2, &[("cleanup.policy", "compact")]),
    ("stamped", 1, &[("retention.ms", "-1"), ("message.timestamp.type", "LogAppendTime")]),
    ("tight", 1, &[("retention.ms", "-1"), ("max.message.bytes", "1000")]),
];
const TRANSACTIONAL: usize = 6;
const IDEMPOTENT: usize = 3;
/// After so many acts a producer makes room for another.
const AGE_MAX: u32 = 120;

/// The state of the script.
pub struct Script {
    pair: Pair,
    rng: fastrand::Rng,
    /// Topics that come and go.
    passing: Vec<String>,
    writers: Vec<Writer>,
    /// Where logs end, as far as the script has seen.
    ends: BTreeMap<Place, i64>,
    /// The next record's time.
    moment: i64,
    /// A transactional id whose markers may still be on their way.
    unsettled: Option<String>,
    /// The member of the one group that has one.
    member: Member,
    /// How many names have been used.
    named: u32,
}

impl Script {
    /// Runs a script of at least so many requests, and returns what was found.
    pub async fn run(pair: Pair, seed: u64, requests: u64) -> Result<Pair, Failure> {
        let mut script = Self {
            pair,
            rng: fastrand::Rng::with_seed(seed),
            passing: Vec::new(),
            writers: Vec::new(),
            ends: BTreeMap::new(),
            moment: 0,
            unsettled: None,
            member: Member::NOBODY,
            named: 0,
        };
        script.set_up().await?;
        while script.pair.requests() < requests {
            script.act().await?;
        }
        Ok(script.pair)
    }

    async fn set_up(&mut self) -> Result<(), Failure> {
        for (topic, partitions, configs) in TOPICS {
            self.create_topic(topic, partitions, configs).await?;
        }
        // Kafka makes the topics of its coordinators when somebody looks for one.
        for kind in [0, 1] {
            let ask = FindCoordinator { kind, key: "anybody".into() };
            self.pair.settle(&ask, 4, Answer::all_ok).await?;
        }
        self.join_group().await?;
        for number in 0..TRANSACTIONAL + IDEMPOTENT {
            let writer = self.new_writer(number);
            self.writers.push(writer);
        }
        Ok(())
    }

    async fn act(&mut self) -> Result<(), Failure> {
        match self.rng.u32(0..100) {
            0..30 => self.act_of_writer().await,
            30..40 => self.produce_plainly().await,
            40..55 => self.produce_idempotently().await,
            55..68 => self.fetch().await,
            68..76 => self.list_offsets().await,
            76..78 => self.epoch_ends().await,
            78..80 => self.delete_records().await,
            80..84 => self.commit_offsets().await,
            84..88 => self.fetch_offsets().await,
            88..89 => self.find_coordinator().await,
            89..91 => self.describe_producers().await,
            91..93 => self.list_transactions().await,
            93..95 => self.describe_transactions().await,
            95..97 => self.write_markers().await,
            97..98 => self.leave_open().await,
            _ => self.change_topics().await,
        }
    }

    /// A step of a transactional producer; one that got old is replaced.
    async fn act_of_writer(&mut self) -> Result<(), Failure> {
        let at = self.rng.usize(0..TRANSACTIONAL);
        self.writers[at].age += 1;
        if self.writers[at].age > AGE_MAX {
            self.writers[at] = self.new_writer(at);
        }
        self.transactional_step(at).await
    }

    fn new_writer(&mut self, at: usize) -> Writer {
        self.named += 1;
        let style = if at.is_multiple_of(2) { Style::New } else { Style::Old };
        let id = (at < TRANSACTIONAL).then(|| format!("{style:?}-{}", self.named).to_lowercase());
        Writer::new(id, style)
    }

    /// Asks both brokers, in a version by chance, once nothing is on its way any more.
    async fn step<A: Ask>(&mut self, ask: A) -> Result<Answer, Failure> {
        let versions = ask.versions();
        self.step_in(versions, ask).await
    }

    async fn step_in<A: Ask>(
        &mut self,
        versions: RangeInclusive<i16>,
        ask: A,
    ) -> Result<Answer, Failure> {
        self.settle().await?;
        self.ask(versions, ask).await
    }

    /// The same without waiting for the markers of the asking producer's own last transaction.
    async fn step_eagerly<A: Ask>(
        &mut self,
        at: usize,
        versions: RangeInclusive<i16>,
        ask: A,
    ) -> Result<Answer, Failure> {
        if self.unsettled != self.writers[at].id {
            self.settle().await?;
        }
        self.ask(versions, ask).await
    }

    async fn ask<A: Ask>(
        &mut self,
        versions: RangeInclusive<i16>,
        ask: A,
    ) -> Result<Answer, Failure> {
        let range = *versions.start().max(ask.versions().start())
            ..=*versions.end().min(ask.versions().end());
        let version = self.rng.i16(range);
        self.pair.ask(&ask, version).await
    }

    /// Waits until the markers of the last transaction that ended are where they belong.
    async fn settle(&mut self) -> Result<(), Failure> {
        let Some(id) = self.unsettled.take() else { return Ok(()) };
        let ask = DescribeTransactions { ids: vec![id] };
        self.pair.settle(&ask, 0, DescribeTransactions::is_settled).await
    }

    /// True as often as that, of a hundred times.
    fn chance(&mut self, percent: u32) -> bool {
        self.rng.u32(0..100) < percent
    }

    fn pick<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.rng.usize(0..items.len())].clone()
    }

    /// A partition that exists, or now and then one that does not.
    fn any_place(&mut self) -> Place {
        if self.chance(3) {
            let wrong =
                [Place::new("nowhere", 0), Place::new("plain", 99), Place::new("plain", -1)];
            return self.pick(&wrong);
        }
        self.place()
    }

    /// A partition that exists.
    fn place(&mut self) -> Place {
        let passing = self.passing.last().cloned();
        if let Some(topic) = passing
            && self.chance(15)
        {
            return Place::new(topic, 0);
        }
        let (topic, partitions, _) = TOPICS[[0, 0, 0, 0, 1, 2, 3][self.rng.usize(0..7)]];
        Place::new(topic, self.rng.i32(0..partitions))
    }

    /// A few different partitions.
    fn places(&mut self, place: fn(&mut Self) -> Place) -> Vec<Place> {
        let count = if self.chance(70) { 1 } else { self.rng.usize(2..4) };
        let mut places: Vec<_> = (0..count).map(|_| place(self)).collect();
        places.sort();
        places.dedup();
        places
    }

    /// An offset in or near a partition.
    fn offset(&mut self, place: &Place) -> i64 {
        let end = self.ends.get(place).copied().unwrap_or_default();
        match self.rng.u32(0..10) {
            0..6 => self.rng.i64(0..=end),
            6 => 0,
            7 => end,
            8 => end + self.rng.i64(1..5),
            _ => self.rng.i64(-3..0),
        }
    }

    fn sees_end(&mut self, place: &Place, end: i64) {
        let known = self.ends.entry(place.clone()).or_default();
        *known = end.max(*known);
    }
}
