//! Both brokers: each is asked the same, and what they answer is compared.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use thalweg_kafka_wire::Request;
use tokio::time::{Instant, sleep};

use crate::answer::{Answer, Difference};
use crate::connection::Connection;
use crate::failure::Failure;
use crate::known::Known;
use crate::names::Names;

/// How long a broker may ask to wait for the end of a transaction before that is its answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same for what has to come about on both sides before the script can go on.
const SETTLE_PATIENCE: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(5);

/// A request in the words of the script. How it is printed is how a difference is read.
pub trait Ask: Debug {
    /// The message that carries it.
    type Request: Request;

    /// The versions that can carry it.
    fn versions(&self) -> RangeInclusive<i16> {
        Self::Request::KEY.stable_versions()
    }

    /// The message for one of the brokers.
    fn request(&self, version: i16, names: &Names) -> Result<Self::Request, Failure>;

    /// What in the answer may not differ.
    fn answer(
        &self,
        version: i16,
        names: &mut Names,
        response: <Self::Request as Request>::Response,
    ) -> Answer;
}

/// One of the two brokers.
pub struct Peer {
    name: &'static str,
    connection: Connection,
    names: Names,
}

/// Both brokers, and what has been found so far.
pub struct Pair {
    kafka: Peer,
    thalweg: Peer,
    known: Known,
    verbose: bool,
    /// Requests that were compared, by api.
    pub asked: BTreeMap<&'static str, u64>,
    /// How often each code or other answer came, by api: shows that the wrong turns were taken.
    pub codes: BTreeMap<(&'static str, String), u64>,
    /// Requests whose answers differ in a way that is not known.
    pub differing: u64,
}

impl Peer {
    async fn open(name: &'static str, address: SocketAddr, began_ms: i64) -> Result<Self, Failure> {
        let connection = Connection::open(name, address).await?;
        Ok(Self { name, connection, names: Names::new(began_ms) })
    }

    async fn ask_once<A: Ask>(&mut self, ask: &A, version: i16) -> Result<Answer, Failure> {
        let request = ask.request(version, &self.names)?;
        let Some(response) = self.connection.call(version, &request).await? else {
            return Ok(Answer::closed());
        };
        Ok(ask.answer(version, &mut self.names, response))
    }

    async fn ask<A: Ask>(&mut self, ask: &A, version: i16) -> Result<Answer, Failure> {
        let began = Instant::now();
        loop {
            let answer = self.ask_once(ask, version).await?;
            let again = answer.is_busy() && began.elapsed() < PATIENCE
                || answer.is_loading() && began.elapsed() < SETTLE_PATIENCE;
            if !again {
                return Ok(answer);
            }
            sleep(PAUSE).await;
        }
    }

    async fn settle<A: Ask>(
        &mut self,
        ask: &A,
        version: i16,
        done: fn(&Answer) -> bool,
    ) -> Result<(), Failure> {
        let deadline = Instant::now() + SETTLE_PATIENCE;
        loop {
            let answer = self.ask_once(ask, version).await?;
            if done(&answer) {
                return Ok(());
            }
            if Instant::now() > deadline {
                let what = format!("{ask:?} stays at {answer:?}");
                return Err(Failure::Stuck { peer: self.name, what });
            }
            sleep(PAUSE).await;
        }
    }
}

impl Pair {
    /// Connects to both.
    pub async fn open(
        kafka: SocketAddr,
        thalweg: SocketAddr,
        verbose: bool,
    ) -> Result<Self, Failure> {
        let began_ms = Names::begin_ms();
        Ok(Self {
            kafka: Peer::open("kafka", kafka, began_ms).await?,
            thalweg: Peer::open("thalweg", thalweg, began_ms).await?,
            known: Known::load()?,
            verbose,
            asked: BTreeMap::new(),
            codes: BTreeMap::new(),
            differing: 0,
        })
    }

    /// Sends a step of the script to both, compares, and returns what Kafka answered.
    pub async fn ask<A: Ask>(&mut self, ask: &A, version: i16) -> Result<Answer, Failure> {
        let (kafka, thalweg) =
            tokio::join!(self.kafka.ask(ask, version), self.thalweg.ask(ask, version));
        let api = A::Request::KEY.name();
        if kafka.is_err() || thalweg.is_err() {
            println!("{:5} {api} v{version} {ask:?}", self.requests());
        }
        let (kafka, thalweg) = (kafka?, thalweg?);
        *self.asked.entry(api).or_default() += 1;
        for code in kafka.codes() {
            *self.codes.entry((api, code.to_owned())).or_default() += 1;
        }
        let mut differences = kafka.differences(&thalweg);
        differences.retain(|difference| !self.known.covers(api, difference));
        if self.verbose || !differences.is_empty() {
            println!("{:5} {api} v{version} {ask:?}", self.requests());
        }
        self.report(&kafka, &differences);
        Ok(kafka)
    }

    /// Asks both until both have come to what `done` says. Not a step of the script.
    pub async fn settle<A: Ask>(
        &mut self,
        ask: &A,
        version: i16,
        done: fn(&Answer) -> bool,
    ) -> Result<(), Failure> {
        let (kafka, thalweg) = tokio::join!(
            self.kafka.settle(ask, version, done),
            self.thalweg.settle(ask, version, done)
        );
        kafka.and(thalweg)
    }

    /// Requests compared so far.
    pub fn requests(&self) -> u64 {
        self.asked.values().sum()
    }

    /// The known differences, and how often each was met.
    pub fn known(&self) -> &Known {
        &self.known
    }

    fn report(&mut self, kafka: &Answer, differences: &[Difference]) {
        if self.verbose {
            println!("      {kafka:?}");
        }
        for Difference { path, kafka, thalweg } in differences {
            println!("      DIFFERS {path}: kafka {kafka}, thalweg {thalweg}");
        }
        self.differing += u64::from(!differences.is_empty());
    }
}
