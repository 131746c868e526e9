//! The end of a run: everything works again, everything is there, everybody is told the same.

mod isolation;

use std::time::Duration;

use thalweg_broker::{Broker, OffsetSpec, PartitionSize, Resource, TopicKey};
use thalweg_records::Compression;
use thalweg_types::TopicName;

use crate::admin::SHORT_LIVED;
use crate::commits::Offsets;
use crate::connection::{Connection, REQUEST_TIMEOUT, session};
use crate::group::Member;
use crate::ledger::Presence;
use crate::producer::Producer;
use crate::reader::{Manner, Progress, Reader};
use crate::scenario::{Kind, ProducerPlan, RETENTION, RETENTION_BYTES, TransactorPlan};
use crate::stage::{Stage, Target};
use crate::transactor::Session;

/// Within this time a healed broker has to serve everybody.
const PATIENCE: Duration = Duration::from_mins(1);

/// How often somebody may be fenced by requests that were under way.
const ATTEMPTS: usize = 5;

/// Time between two attempts.
const PAUSE: Duration = Duration::from_millis(200);

/// So long an expired record may stay at the end of a run: until its segment is closed, until somebody
/// looks, and as long as the retention clock is behind. That does not count the time while the broker
/// was down, and leans towards a wrong wall clock.
const RETENTION_PATIENCE: Duration = Duration::from_mins(1);

/// How the auditor fetches: it does not wait.
const MANNER: Manner = Manner { wait_max: Duration::ZERO, bytes_max: 256 << 10 };

pub(crate) struct Audit {
    stage: Stage,
    targets: Vec<Target>,
    random: fastrand::Rng,
}

impl Audit {
    pub fn new(stage: &Stage, targets: &[Target], random: fastrand::Rng) -> Self {
        Self { stage: stage.clone(), targets: targets.to_vec(), random }
    }

    /// Everything has to be possible now: producing to each partition, and joining each group.
    pub async fn liveness(&mut self) {
        for target in self.targets.clone() {
            let plan = ProducerPlan {
                topic: 0,
                idempotent: true,
                codec: Compression::None,
                batch_records_max: 2,
                window: 5,
                pause_max: Duration::ZERO,
                patience: REQUEST_TIMEOUT,
            };
            let mut producer = Producer::new(&self.stage, &target, plan, self.random.fork());
            let partitions: Vec<i32> = (0..target.partitions).collect();
            if producer.send(&partitions, PATIENCE).await.is_err() {
                self.complain(&format!("nobody can produce to {}", target.name));
            }
        }
        for at in 0..self.stage.scenario.groups.len() {
            self.join(at).await;
        }
        for plan in self.stage.scenario.transactors.clone() {
            self.commit(&plan).await;
        }
    }

    /// Somebody has to be able to commit transactions under the plan's id. What others have asked for
    /// before they went may come in between.
    async fn commit(&mut self, plan: &TransactorPlan) {
        for _ in 0..ATTEMPTS {
            let session = Session::new(&self.stage, &self.targets, plan, self.random.fork());
            if let Some(mut session) = session
                && session.prove().await.is_ok()
            {
                return;
            }
        }
        self.complain(&format!("nobody can commit as {}", plan.transactional_id));
    }

    async fn join(&mut self, at: usize) {
        let plan = self.stage.scenario.groups[at].clone();
        let target = self.targets[plan.topic].clone();
        let deadline = self.stage.env.now() + PATIENCE;
        let mut member = Member::new(&self.stage, &target, &plan, plan.members, self.random.fork());
        while self.stage.env.now() < deadline {
            if let Some(connection) = self.stage.address.connect()
                && member.enter(&connection).await.is_ok()
            {
                return;
            }
            self.stage.env.sleep(PAUSE).await;
        }
        self.complain(&format!("nobody can join {}", plan.name));
    }

    /// What is too old has to go, whatever the wall clock does.
    pub async fn retention(&self) {
        let deadline = self.stage.env.now() + RETENTION_PATIENCE;
        for target in self.targets.iter().filter(|target| target.kind == Kind::Expiring) {
            for partition in 0..target.partitions {
                while !self.is_empty(target, partition).await {
                    if self.stage.env.now() >= deadline {
                        let topic = &target.name;
                        self.complain(&format!("{topic}-{partition} keeps its records for ever"));
                        break;
                    }
                    self.stage.env.sleep(RETENTION).await;
                }
            }
        }
    }

    async fn is_empty(&self, target: &Target, partition: i32) -> bool {
        let Some(connection) = self.stage.address.connect() else { return false };
        let reader = Reader::new(&self.stage, target);
        let start = reader.list(&connection, partition, OffsetSpec::Earliest).await;
        let end = reader.list(&connection, partition, OffsetSpec::Latest).await;
        matches!((start, end), (Some(Ok(start)), Some(Ok(end))) if start >= end)
    }

    /// Everything has to be there.
    pub async fn completeness(&mut self) {
        let Some(connection) = self.stage.address.connect() else {
            return self.complain("nobody can connect");
        };
        self.check_topics(&connection).await;
        self.check_settings(&connection).await;
        self.check_sizes(&connection).await;
        // From then on nobody writes, not even markers.
        if !isolation::settle(self, &connection).await {
            return;
        }
        for target in self.everything() {
            self.read(&connection, Reader::new(&self.stage, &target).with_times()).await;
        }
        isolation::audit(self, &connection).await;
        for plan in self.stage.scenario.groups.clone() {
            let target = &self.targets[plan.topic];
            let offsets = Offsets::new(&self.stage, target, plan.name.as_str().into());
            let partitions: Vec<i32> = (0..target.partitions).collect();
            let deadline = self.stage.env.now() + PATIENCE;
            while offsets.fetch(&connection, &partitions).await.is_none() {
                if self.stage.env.now() >= deadline {
                    return self.complain(&format!("nobody knows the offsets of {}", plan.name));
                }
                self.stage.env.sleep(PAUSE).await;
            }
        }
    }

    /// The lasting topics, and the short-lived ones that live.
    fn everything(&self) -> Vec<Target> {
        let mut all = self.targets.clone();
        for (name, presence) in self.stage.ledger.topics() {
            if let Presence::Here(id, partitions) = presence
                && name.starts_with(SHORT_LIVED)
            {
                let name = id.to_string().into();
                all.push(Target { name, id: Some(id), partitions, kind: Kind::Plain });
            }
        }
        all
    }

    /// Reads a topic from its start to its end; returns the reader if it came there.
    async fn read(&mut self, connection: &Connection, mut reader: Reader) -> Option<Reader> {
        let target = &reader.target().clone();
        for partition in 0..target.partitions {
            if !reader.begin(connection, partition).await {
                self.complain(&format!("{}-{partition} has no start", target.name));
                return None;
            }
            let start = reader.positions().get(&partition).copied().unwrap_or(0);
            let least = self.stage.history.trims(|trims| trims.confirmed(&target.name, partition));
            if start < least {
                self.complain(&format!("{}-{partition} starts at {start} again", target.name));
            }
        }
        let deadline = self.stage.env.now() + PATIENCE;
        loop {
            let Progress::Read(ends) = reader.poll(connection, MANNER).await else {
                self.complain(&format!("{} cannot be read", target.name));
                return None;
            };
            let is_done = ends.len() == reader.positions().len()
                && ends
                    .iter()
                    .all(|(partition, end)| reader.positions().get(partition) == Some(end));
            if is_done {
                break;
            }
            if self.stage.env.now() >= deadline {
                self.complain(&format!("reading {} does not end", target.name));
                return None;
            }
            self.stage.env.sleep(Duration::from_millis(1)).await;
        }
        (0..target.partitions).for_each(|partition| reader.end(partition));
        self.check_times(connection, target, &reader).await;
        Some(reader)
    }

    /// Look-ups by time have to find what was just read, where nothing takes it meanwhile.
    async fn check_times(&mut self, connection: &Connection, target: &Target, reader: &Reader) {
        let Some(times) = reader.times().filter(|_| target.kind.stands_still()) else { return };
        for partition in 0..target.partitions {
            let timestamp = times.any(partition, &mut self.random);
            for (spec, expected) in [
                (OffsetSpec::Timestamp(timestamp), times.at_or_after(partition, timestamp)),
                (OffsetSpec::MaxTimestamp, times.largest(partition)),
            ] {
                let found = reader.list(connection, partition, spec).await;
                if !matches!(found, Some(Ok(offset)) if offset == expected) {
                    let topic = &target.name;
                    let what =
                        format!("{topic}-{partition} has {spec:?} at {found:?}, not {expected}");
                    self.complain(&what);
                }
            }
        }
    }

    async fn check_topics(&self, connection: &Connection) {
        for (name, presence) in self.stage.ledger.topics() {
            let asked = name.clone();
            let work = |broker: Broker| async move {
                let table = broker.table();
                let topic = table.topic(TopicKey::Name(&asked)).ok();
                topic.map(|topic| (topic.id(), topic.partition_count()))
            };
            let Some(found) = connection.call(PATIENCE, work).await else {
                return self.complain("nobody knows the topics");
            };
            let expected = match presence {
                Presence::Here(id, partitions) => Some((id, partitions)),
                Presence::Gone => None,
                Presence::Unclear => continue,
            };
            if found != expected {
                self.complain(&format!("topic {name} is {found:?} and not {expected:?}"));
            }
        }
    }

    async fn check_settings(&self, connection: &Connection) {
        for (topic, setting, allowed) in self.stage.ledger.configs() {
            let Ok(name) = TopicName::new(&topic) else { continue };
            let work = |broker: Broker| async move {
                let settings = broker.describe_configs(&session(), &Resource::Topic(name)).ok()?;
                settings.into_iter().find(|found| found.setting.name == setting)?.value
            };
            let found = connection.call(PATIENCE, work).await.flatten();
            if found.as_ref().is_none_or(|value| !allowed.contains(value)) {
                self.complain(&format!("a setting of {topic} is {found:?}, not of {allowed:?}"));
            }
        }
    }

    /// Retention by size takes no more than it has to.
    async fn check_sizes(&self, connection: &Connection) {
        for target in self.targets.iter().filter(|target| target.kind == Kind::Bounded) {
            let reader = Reader::new(&self.stage, target);
            for partition in 0..target.partitions {
                // Once something is gone, there is never less than retention leaves.
                let start = reader.list(connection, partition, OffsetSpec::Earliest).await;
                let bytes = size(connection, target, partition).await;
                if matches!(start, Some(Ok(1..)))
                    && bytes.is_none_or(|bytes| bytes < RETENTION_BYTES)
                {
                    self.complain(&format!(
                        "of {}-{partition} only {bytes:?} are left",
                        target.name
                    ));
                }
            }
        }
    }

    fn complain(&self, what: &str) {
        self.stage.history.complain(what);
    }
}

/// Bytes of a partition.
async fn size(connection: &Connection, target: &Target, partition: i32) -> Option<u64> {
    let work = |broker: Broker| async move { broker.log_dir().await.partitions };
    let sizes = connection.call(PATIENCE, work).await?;
    let is_meant = |size: &&PartitionSize| {
        size.topic.name().as_str() == &*target.name && size.partition == partition
    };
    sizes.iter().find(is_meant).map(|size| size.bytes)
}
