//! Everything that happens to a broker between two faults, and the audit after each.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use fastrand::Rng;
use thalweg_checker::Event;
use tokio::task::JoinHandle;

use crate::audit::{Audit, committed};
use crate::connection::Connection;
use crate::failure::Failure;
use crate::history::{History, Outcome};
use crate::member::{Group, Member};
use crate::producer::{Lane, Producer, Until};
use crate::topics::{KEPT, KEPT_PARTITIONS, Topics, all_lanes};

/// The checker's number of the audit; members have those after it.
const AUDITOR: u32 = 0;
const MEMBERS_OF_GROUPS: [u32; 3] = [1, 1, 2];
const IDEMPOTENT_PRODUCERS: usize = 4;
const PLAIN_PRODUCERS: usize = 2;
/// Every so many cycles everything is read from its start.
const FULL_AUDIT_EVERY: u64 = 20;
const SESSION_TIMEOUT_MS: i32 = 30_000;

/// Clients that outlive brokers.
pub struct Workload {
    /// What they did and saw.
    pub history: Arc<History>,
    topics: Arc<Topics>,
    producers: Vec<Producer>,
    members: Vec<Member>,
    groups: Vec<Group>,
    audit: Audit,
    random: Rng,
    next_producer: u32,
    cycle: u64,
    /// Deletions of topics asked for.
    pub deletions: Arc<AtomicU64>,
    /// Orders to delete records asked for.
    pub cuts: Arc<AtomicU64>,
}

/// Clients at work on one broker.
pub struct Running {
    stop: Arc<AtomicBool>,
    producers: Vec<JoinHandle<(Producer, Result<(), Failure>)>>,
    members: Vec<JoinHandle<(Member, Result<(), Failure>)>>,
    janitor: JoinHandle<Result<(), Failure>>,
}

impl Workload {
    /// Clients that have done nothing yet.
    pub fn new(seed: u64) -> Self {
        let mut workload = Self {
            history: Arc::default(),
            topics: Arc::default(),
            producers: Vec::new(),
            members: Vec::new(),
            groups: Vec::new(),
            audit: Audit::new(AUDITOR),
            random: Rng::with_seed(seed),
            next_producer: 0,
            cycle: 0,
            deletions: Arc::default(),
            cuts: Arc::default(),
        };
        for _ in 0..IDEMPOTENT_PRODUCERS + PLAIN_PRODUCERS {
            let producer = workload.new_producer();
            workload.producers.push(producer);
        }
        let mut consumer = AUDITOR;
        for (number, members) in MEMBERS_OF_GROUPS.iter().enumerate() {
            let name = format!("group-{number}").into();
            let group = Group {
                name,
                topic: KEPT.into(),
                partitions: KEPT_PARTITIONS,
                session_timeout_ms: SESSION_TIMEOUT_MS,
            };
            for _ in 0..*members {
                consumer += 1;
                workload.members.push(Member::new(group.clone(), consumer));
            }
            workload.groups.push(group);
        }
        workload
    }

    /// Creates the topics.
    pub async fn prepare(&self, address: SocketAddr) -> Result<(), Failure> {
        self.topics.create(&mut Connection::open(address).await?).await
    }

    /// Reads all there is, while nobody writes.
    pub async fn audit(&mut self, address: SocketAddr) -> Result<(), Failure> {
        let whole = self.cycle.is_multiple_of(FULL_AUDIT_EVERY);
        self.audit_from(address, whole).await
    }

    /// Reads all there is, the old as well.
    pub async fn audit_whole(&mut self, address: SocketAddr) -> Result<(), Failure> {
        self.audit_from(address, true).await
    }

    async fn audit_from(&mut self, address: SocketAddr, whole: bool) -> Result<(), Failure> {
        let mut connection = Connection::open(address).await?;
        self.topics.audit(&mut connection, &self.history).await?;
        for place in self.topics.places() {
            self.audit.read(&mut connection, &place, whole, &self.history).await?;
        }
        let partitions: Vec<i32> = (0..KEPT_PARTITIONS).collect();
        for Group { name, topic, .. } in &self.groups {
            committed(&mut connection, name, topic, &partitions, &self.history).await?;
        }
        Ok(())
    }

    /// Lets the clients loose on a broker.
    pub fn start(&mut self, address: SocketAddr) -> Running {
        self.cycle += 1;
        self.replace_one_producer();
        let stop = Arc::new(AtomicBool::new(false));
        let producers = std::mem::take(&mut self.producers);
        let until = Until::Stopped(stop.clone());
        let producers = producers.into_iter().map(|mut producer| {
            let (history, until) = (self.history.clone(), until.clone());
            tokio::spawn(async move {
                let outcome = producer.run(address, &history, &until).await;
                (producer, outcome)
            })
        });
        let members = std::mem::take(&mut self.members);
        let members = members.into_iter().map(|mut member| {
            let (history, stop) = (self.history.clone(), stop.clone());
            tokio::spawn(async move {
                let outcome = member.run(address, &history, &stop).await;
                (member, outcome)
            })
        });
        Running {
            producers: producers.collect(),
            members: members.collect(),
            janitor: tokio::spawn(self.janitor(address, &stop).run()),
            stop,
        }
    }

    /// Waits for so many acknowledged batches more.
    pub async fn wait_for(&self, batches: u64) -> Result<(), Failure> {
        self.history.wait_for(batches).await
    }

    /// Takes the clients back, from a broker that is gone or after [`Running::stop`].
    pub async fn take_back(&mut self, running: Running) -> Result<(), Failure> {
        let mut outcomes = Vec::new();
        for task in running.producers {
            let (producer, outcome) = joined(task.await)?;
            self.producers.push(producer);
            outcomes.push(outcome);
        }
        for task in running.members {
            let (member, outcome) = joined(task.await)?;
            self.members.push(member);
            outcomes.push(outcome);
        }
        outcomes.push(joined(running.janitor.await)?);
        outcomes.into_iter().collect()
    }

    /// Tells the history that the broker died.
    pub fn crashed(&self) -> Result<(), Failure> {
        Ok(self.history.observe(&Event::Crash)?)
    }

    /// Sends again what waits for it, so that nothing is left open.
    pub async fn settle(&mut self, address: SocketAddr) -> Result<(), Failure> {
        for producer in &mut self.producers {
            producer.run(address, &self.history, &Until::Settled).await?;
        }
        Ok(())
    }

    /// Records that audits have read.
    pub fn audited(&self) -> u64 {
        self.audit.records
    }

    /// Closes the history.
    pub fn finish(self) -> Outcome {
        self.history.finish()
    }

    fn janitor(&mut self, address: SocketAddr, stop: &Arc<AtomicBool>) -> Janitor {
        self.next_producer += 2;
        Janitor {
            address,
            cycle: self.cycle,
            next_producer: self.next_producer - 2,
            topics: self.topics.clone(),
            history: self.history.clone(),
            stop: stop.clone(),
            random: Rng::with_seed(self.random.u64(..)),
            deletions: self.deletions.clone(),
            cuts: self.cuts.clone(),
        }
    }

    /// Producers come and go: one that is new has no past that could help it.
    fn replace_one_producer(&mut self) {
        if self.cycle > 1 && self.random.u8(..4) == 0 {
            self.producers.remove(0);
            let producer = self.new_producer();
            self.producers.push(producer);
        }
    }

    fn new_producer(&mut self) -> Producer {
        let number = self.next_producer;
        self.next_producer += 1;
        let mut lanes = all_lanes();
        self.random.shuffle(&mut lanes);
        lanes.truncate(self.random.usize(2..=lanes.len()));
        let kinds = IDEMPOTENT_PRODUCERS + PLAIN_PRODUCERS;
        let idempotent = number as usize % kinds < IDEMPOTENT_PRODUCERS;
        Producer::new(number, idempotent, lanes)
    }
}

impl Running {
    /// Lets the clients finish what they have begun.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Creates and deletes topics, and deletes records, while the others work.
struct Janitor {
    address: SocketAddr,
    cycle: u64,
    next_producer: u32,
    topics: Arc<Topics>,
    history: Arc<History>,
    stop: Arc<AtomicBool>,
    random: Rng,
    deletions: Arc<AtomicU64>,
    cuts: Arc<AtomicU64>,
}

impl Janitor {
    async fn run(self) -> Result<(), Failure> {
        match self.converse().await {
            Err(failure) if failure.is_ended() => Ok(()),
            outcome => outcome,
        }
    }

    async fn converse(mut self) -> Result<(), Failure> {
        let mut connection = Connection::open(self.address).await?;
        let lanes = match self.topics.create_doomed(&mut connection, self.cycle).await {
            Err(failure) if failure.is_passing() => return Ok(()),
            lanes => lanes?,
        };
        let writers = [true, false].map(|idempotent| {
            self.next_producer += 1;
            self.write(self.next_producer - 1, idempotent, &lanes)
        });
        // Some topics are deleted as they are being written, some at rest, and some not before
        // later cycles find them.
        let victims: Vec<u64> = (self.cycle.saturating_sub(3)..=self.cycle).collect();
        while !self.stop.load(Ordering::Relaxed) && !writers[0].is_finished() {
            tokio::time::sleep(Duration::from_millis(self.random.u64(2..40))).await;
            let outcome = if self.random.bool() {
                self.cut(&mut connection).await
            } else {
                let victim = victims[self.random.usize(..victims.len())];
                self.delete(&mut connection, victim).await
            };
            match outcome {
                Err(failure) if failure.is_passing() => {}
                outcome => outcome?,
            }
        }
        for writer in writers {
            joined(writer.await)?.1?;
        }
        Ok(())
    }

    async fn cut(&mut self, connection: &mut Connection) -> Result<(), Failure> {
        self.cuts.fetch_add(1, Ordering::Relaxed);
        self.topics.cut(connection, &self.history, &mut self.random).await
    }

    async fn delete(&self, connection: &mut Connection, victim: u64) -> Result<(), Failure> {
        let deleted = self.topics.delete_doomed(connection, victim, &self.history).await?;
        self.deletions.fetch_add(u64::from(deleted), Ordering::Relaxed);
        Ok(())
    }

    fn write(
        &self,
        number: u32,
        idempotent: bool,
        lanes: &[Lane],
    ) -> JoinHandle<(Producer, Result<(), Failure>)> {
        let mut producer = Producer::new(number, idempotent, lanes.iter().cloned());
        let (history, address) = (self.history.clone(), self.address);
        let until = Until::Stopped(self.stop.clone());
        tokio::spawn(async move {
            let outcome = producer.run(address, &history, &until).await;
            (producer, outcome)
        })
    }
}

fn joined<T>(outcome: Result<T, tokio::task::JoinError>) -> Result<T, Failure> {
    outcome.map_err(|error| Failure::Other(format!("a client of the test: {error}")))
}
