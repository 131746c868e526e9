//! An administrator: topics that come and go, settings that change, records that are deleted.

use std::time::Duration;

use thalweg_broker::config::{Alteration, Operation};
use thalweg_broker::{Broker, BrokerError, NewTopic, OffsetSpec, Resource};
use thalweg_records::Compression;
use thalweg_types::{Offset, TopicName};

use crate::connection::{Connection, REQUEST_TIMEOUT, session};
use crate::producer::Producer;
use crate::reader::{Manner, Progress, Reader};
use crate::scenario::{Kind, ProducerPlan};
use crate::stage::{Stage, Target};
use crate::topics::{self, Outcome, PATIENCE};

/// How the names of topics begin that do not last.
pub(crate) const SHORT_LIVED: &str = "short-lived-";

/// Names that short-lived topics take turns at.
const NAMES: u32 = 3;

/// A setting that nothing else depends on, and what it is at first.
const SETTING: &str = "flush.messages";
const DEFAULT: &str = "9223372036854775807";

struct Admin {
    stage: Stage,
    random: fastrand::Rng,
}

/// Administers until the stage's end.
pub(crate) async fn administer(stage: Stage, targets: Vec<Target>, random: fastrand::Rng) {
    let mut admin = Admin { stage, random };
    loop {
        let pause = Duration::from_millis(admin.random.u64(200..4000));
        if !admin.stage.pause(pause).await {
            return;
        }
        let Some(connection) = admin.stage.address.connect() else { continue };
        let any = &targets[admin.random.usize(..targets.len())];
        let trimmed = targets.iter().find(|target| target.kind == Kind::Trimmed);
        match (admin.random.u8(..8), trimmed) {
            (0..3, _) => admin.short_lived_topic(connection).await,
            (3..5, _) | (_, None) => admin.change_setting(&connection, any).await,
            (_, Some(target)) => admin.delete_records(&connection, target).await,
        }
    }
}

impl Admin {
    /// Creates a topic, uses it a little, and deletes it: now, some time, or never.
    async fn short_lived_topic(&mut self, connection: Connection) {
        let new = NewTopic {
            name: format!("{SHORT_LIVED}{}", self.random.u32(..NAMES)),
            partitions: self.random.i32(1..=3),
            replication_factor: 1,
            assignments: Vec::new(),
            configs: [("retention.ms".to_owned(), Some("-1".to_owned()))].into(),
        };
        let id = match topics::create(&self.stage, &connection, &new).await {
            Outcome::Done(id) => id,
            Outcome::Refused(_) => {
                return topics::delete(&self.stage, &connection, &new.name).await;
            }
            Outcome::Unclear => return,
        };
        drop(connection);
        let target = Target {
            name: id.to_string().into(),
            id: Some(id),
            partitions: new.partitions,
            kind: Kind::Plain,
        };
        self.use_up(&target).await;
        if self.random.u8(..4) > 0
            && let Some(connection) = self.stage.address.connect()
        {
            topics::delete(&self.stage, &connection, &new.name).await;
        }
    }

    /// Writes something to a topic and reads it.
    async fn use_up(&mut self, target: &Target) {
        let plan = ProducerPlan {
            topic: 0,
            idempotent: self.random.bool(),
            codec: Compression::None,
            batch_records_max: 4,
            window: 3,
            pause_max: Duration::ZERO,
            patience: REQUEST_TIMEOUT,
        };
        let mut producer = Producer::new(&self.stage, target, plan, self.random.fork());
        for _ in 0..self.random.u8(..4) {
            let partitions: Vec<i32> = (0..target.partitions).collect();
            if producer.send(&partitions, Duration::from_secs(5)).await.is_err() {
                break;
            }
        }
        let Some(connection) = self.stage.address.connect() else { return };
        let mut reader = Reader::new(&self.stage, target);
        for partition in 0..target.partitions {
            if !reader.begin(&connection, partition).await {
                return;
            }
        }
        for _ in 0..self.random.u8(..3) {
            let manner = Manner::any(&mut self.random);
            let Progress::Read(_) = reader.poll(&connection, manner).await else { return };
        }
    }

    async fn change_setting(&mut self, connection: &Connection, target: &Target) {
        let value = self.random.u32(1..1_000_000).to_string();
        let Ok(name) = TopicName::new(&target.name) else { return };
        self.stage.ledger.config_asked(&target.name, SETTING, DEFAULT, &value);
        let change = Alteration {
            name: SETTING.to_owned(),
            operation: Operation::Set,
            value: Some(value.clone()),
        };
        let work = |broker: Broker| async move {
            broker.alter_configs(&session(), Resource::Topic(name), vec![change], false).await
        };
        let outcome = Outcome::from(connection.call(PATIENCE, work).await);
        match outcome {
            Outcome::Done(()) => {
                self.stage.history.note(format_args!("{SETTING} of {} is {value}", target.name));
                self.stage.ledger.config_set(&target.name, SETTING, &value);
                self.stage.ledger.count("setting changes");
            }
            Outcome::Unclear => {}
            Outcome::Refused(error) => {
                self.stage.history.complain(format_args!("a setting is refused: {error}"));
            }
        }
    }

    /// Deletes some of the oldest records of a partition.
    async fn delete_records(&mut self, connection: &Connection, target: &Target) {
        let partition = self.random.i32(0..target.partitions);
        let reader = Reader::new(&self.stage, target);
        let start = reader.list(connection, partition, OffsetSpec::Earliest).await;
        let end = reader.list(connection, partition, OffsetSpec::Latest).await;
        let (Some(Ok(start)), Some(Ok(end))) = (start, end) else { return };
        let before = self.random.i64(start..=end.max(start));
        let topic = target.name.clone();
        self.stage.history.trims(|trims| trims.ask(&topic, partition, before));
        // It may be done whatever the answer is.
        self.stage.history.log_start(&topic, partition, before);
        let target = target.clone();
        let work = move |broker: Broker| async move {
            broker.delete_records(&session(), target.key(), partition, Some(Offset(before))).await
        };
        match connection.call(PATIENCE, work).await {
            Some(Ok(start)) if start.0 < before => self.stage.history.complain(format_args!(
                "{topic}-{partition} starts at {start} after deletion before {before}"
            )),
            Some(Ok(start)) => {
                self.stage.history.trims(|trims| trims.confirm(&topic, partition, start.0));
                self.stage.ledger.count("record deletions");
            }
            Some(Err(BrokerError::Storage(_) | BrokerError::Closing)) | None => {}
            Some(Err(error)) => self
                .stage
                .history
                .complain(format_args!("deletion of {topic}-{partition} is refused: {error}")),
        }
    }
}
