//! Administrators: they look at transactions, end them by force, and change topics.

use super::Script;
use crate::answer::Answer;
use crate::apis::Place;
use crate::apis::inspect::{
    DescribeProducers, DescribeTransactions, ListTransactions, WriteMarkers,
};
use crate::apis::offsets::{ListOffsets, When};
use crate::apis::topics::{CreatePartitions, CreateTopic, DeleteTopic, Metadata};
use crate::failure::Failure;
use crate::names::Pid;

const STATES: [&str; 8] = [
    "Empty",
    "Ongoing",
    "PrepareCommit",
    "CompleteCommit",
    "CompleteAbort",
    "Dead",
    "Nonsense",
    "ongoing",
];
/// Topics that pass at the same time.
const PASSING_MAX: usize = 2;

impl Script {
    pub(super) async fn describe_producers(&mut self) -> Result<(), Failure> {
        let of = self.places(Self::any_place);
        self.step(DescribeProducers { of }).await?;
        Ok(())
    }

    pub(super) async fn list_transactions(&mut self) -> Result<(), Failure> {
        let mut list = ListTransactions::default();
        if self.chance(50) {
            list.states = vec![self.pick(&STATES).into(), self.pick(&STATES).into()];
        }
        if self.chance(30) {
            let known = self.writers[self.rng.usize(0..self.writers.len())].producer;
            list.producers = vec![self.pick(&[known, Pid::Unknown])];
        }
        if self.chance(30) {
            list.longer_ms = Some(self.pick(&[-1, 0, 3_600_000]));
        }
        if self.chance(30) {
            list.pattern = Some(self.pick(&["new-.*", "old-1.*", "nobody", "", "(", "ew"]).into());
        }
        self.step(list).await?;
        Ok(())
    }

    pub(super) async fn describe_transactions(&mut self) -> Result<(), Failure> {
        let mut ids = Vec::new();
        for _ in 0..self.rng.usize(1..4) {
            let of_writer = self.writers[self.rng.usize(0..super::TRANSACTIONAL)].claim().id;
            ids.push(if self.chance(90) { of_writer } else { self.pick(&["nobody", ""]).into() });
        }
        ids.dedup();
        self.step(DescribeTransactions { ids }).await?;
        Ok(())
    }

    /// Markers past the coordinator.
    pub(super) async fn write_markers(&mut self) -> Result<(), Failure> {
        let at = self.rng.usize(0..self.writers.len());
        if self.writers[at].producer == Pid::None {
            return Ok(());
        }
        if self.writers[at].id.is_some() {
            return self.end_by_force(at).await;
        }
        let writer = &self.writers[at];
        let (known, last) = (writer.producer, writer.epoch);
        let epoch = last.saturating_add(self.pick(&[1, 2, -1])).max(0);
        let version = self.pick(&[0, 1, 2]);
        let markers = WriteMarkers {
            producer: if self.chance(10) { Pid::Unknown } else { known },
            epoch,
            commit: self.chance(50),
            coordinator_epoch: self.pick(&[0, 1, 2, 3]),
            places: self.places(Self::any_place),
            transaction_version: if epoch > last { version } else { version.min(1) },
        };
        self.step(markers).await?;
        Ok(())
    }

    /// A transaction with a coordinator, which later epochs would fence for ever.
    async fn end_by_force(&mut self, at: usize) -> Result<(), Failure> {
        let writer = &self.writers[at];
        let places: Vec<Place> = writer.written.iter().take(2).cloned().collect();
        let (producer, epoch) = (writer.producer, writer.epoch);
        if places.is_empty() {
            return Ok(());
        }
        let epoch = epoch.saturating_sub(self.pick(&[0, 0, 0, 1])).max(0);
        let (commit, transaction_version) = (self.chance(50), self.pick(&[0, 1, 2]));
        let coordinator_epoch = 0;
        let markers = WriteMarkers {
            producer,
            epoch,
            commit,
            coordinator_epoch,
            places: places.clone(),
            transaction_version,
        };
        let answer = self.step(markers).await?;
        if answer.all_ok() {
            self.writers[at].written.retain(|place| !places.contains(place));
        }
        Ok(())
    }

    pub(super) async fn change_topics(&mut self) -> Result<(), Failure> {
        match self.rng.u32(0..10) {
            0..4 => self.create_wrongly().await,
            4..6 => self.enlarge().await,
            6..8 => self.delete().await,
            _ if self.passing.len() < PASSING_MAX => {
                self.named += 1;
                let topic = format!("passing-{}", self.named);
                self.passing.push(topic.clone());
                self.create_topic(&topic, 1, &[("retention.ms", "-1")]).await
            }
            _ => self.delete().await,
        }
    }

    async fn create_wrongly(&mut self) -> Result<(), Failure> {
        let long = "x".repeat(250);
        let names = ["plain", "bad name", "", ".", "..", "new", "__consumer_offsets", &long];
        let none: &[(&str, &str)] = &[];
        let configs = [
            none,
            none,
            &[("cleanup.policy", "nonsense")],
            &[("retention.ms", "-7")],
            &[("no.such.setting", "1")],
            &[("segment.bytes", "x")],
        ];
        let configs = self.pick(&configs);
        let create = CreateTopic {
            topic: self.pick(&names).into(),
            partitions: self.pick(&[1, 2, 0, -1, -2]),
            replicas: self.pick(&[1, -1, 0, 4, -2]),
            configs: configs.to_vec(),
            validate_only: true,
        };
        self.step(create).await?;
        Ok(())
    }

    async fn enlarge(&mut self) -> Result<(), Failure> {
        let topic = self.pick(&["plain", "nowhere", "tight", ""]).to_owned();
        let count = self.pick(&[0, 1, 2, 3, 4, -1]);
        let empty_list = self.chance(20);
        self.step(CreatePartitions { topic, count, empty_list, validate_only: true }).await?;
        Ok(())
    }

    async fn delete(&mut self) -> Result<(), Failure> {
        if self.passing.is_empty() || self.chance(30) {
            let topic = self.pick(&["nowhere", ""]).to_owned();
            self.step(DeleteTopic { topic }).await?;
            return Ok(());
        }
        let topic = self.passing.remove(0);
        self.step(DeleteTopic { topic: topic.clone() }).await?;
        self.ends.remove(&Place::new(&topic, 0));
        let gone = |answer: &Answer| {
            answer.values("error").all(|code| code == "UNKNOWN_TOPIC_OR_PARTITION")
        };
        self.pair.settle(&Metadata { topic: topic.clone() }, 12, gone).await?;
        let of = vec![(Place::new(&topic, 0), When::Named(-1), -1)];
        self.pair.settle(&ListOffsets { committed: false, of }, 7, gone).await?;
        self.settle_offsets(Place::new(&topic, 0)).await
    }

    /// Creates a topic and waits until both brokers lead it.
    pub(super) async fn create_topic(
        &mut self,
        topic: &str,
        partitions: i32,
        configs: &[(&'static str, &'static str)],
    ) -> Result<(), Failure> {
        let configs = configs.to_vec();
        let topic = topic.to_owned();
        let create = CreateTopic {
            topic: topic.clone(),
            partitions,
            replicas: 1,
            configs,
            validate_only: false,
        };
        self.step(create).await?;
        self.pair.settle(&Metadata { topic: topic.clone() }, 12, Answer::all_ok).await?;
        let of = (0..partitions)
            .map(|partition| (Place::new(&topic, partition), When::Named(-1), -1))
            .collect();
        self.pair.settle(&ListOffsets { committed: false, of }, 7, Answer::all_ok).await
    }
}
