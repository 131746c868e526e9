//! Creating, growing and deleting topics.

use std::collections::{BTreeMap, BTreeSet};

use thalweg_types::{BrokerId, PARTITIONS_PER_TOPIC_MAX, TopicId, TopicName};

use crate::config::{self, Layers, Overrides};
use crate::{ClusterError, ClusterState, Record, Topic};

/// Copies may be asked for as on a cluster of three, and are reported so.
const REPLICATION_FACTOR_MAX: i16 = 3;

/// Kafka's "the broker's default", for partitions and replication factor.
const DEFAULT: i32 = -1;

/// The brokers that shall have copies of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The partition.
    pub partition: i32,
    /// Its brokers.
    pub brokers: Vec<BrokerId>,
}

/// What a client asks for when it creates a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic {
    /// The name.
    pub name: String,
    /// How many partitions; -1 for the default, or with assignments.
    pub partitions: i32,
    /// How many copies; -1 for the default, or with assignments.
    pub replication_factor: i16,
    /// Where the copies shall be; empty to leave it to the cluster.
    pub assignments: Vec<Assignment>,
    /// The topic's own settings.
    pub configs: BTreeMap<String, Option<String>>,
}

/// What the broker that decides has set for topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicDefaults {
    /// `num.partitions`
    pub partitions: i32,
    /// `default.replication.factor`
    pub replication_factor: i16,
    /// `cluster.partitions.max`
    pub partitions_max: i64,
}

impl TopicDefaults {
    /// The defaults in a broker's configuration.
    pub fn resolve(layers: &Layers<'_>) -> Self {
        Self {
            partitions: layers.broker_int("num.partitions") as i32,
            replication_factor: layers.broker_int("default.replication.factor") as i16,
            partitions_max: layers.broker_int("cluster.partitions.max"),
        }
    }
}

impl ClusterState {
    /// Creates a topic under the given id, which the caller has from chance.
    pub fn create_topic(
        &self,
        id: TopicId,
        topic: &NewTopic,
        defaults: TopicDefaults,
    ) -> Result<Vec<Record>, ClusterError> {
        let name = self.free_name(&topic.name)?;
        // In Kafka's order, which shows where several things are wrong.
        let configs = own_settings(&topic.configs)?;
        config::validate_topic(&configs)?;
        let (partitions, replication_factor) = self.shape(topic, defaults)?;
        self.check_room(i64::from(partitions), defaults)?;
        Ok(vec![Record::TopicCreated { id, name, partitions, replication_factor, configs }])
    }

    /// Deletes a topic with all that it holds.
    pub fn delete_topic(&self, id: TopicId) -> Result<Vec<Record>, ClusterError> {
        let topic = self.topic_by_id(id).ok_or(ClusterError::UnknownTopicId(id))?;
        Ok(vec![Record::TopicDeleted { id: topic.id }])
    }

    /// Gives a topic more partitions, `count` in all. `assignments`, if there are any, say where the
    /// copies of each new one shall be.
    pub fn add_partitions(
        &self,
        name: &str,
        count: i32,
        assignments: Option<&[Vec<BrokerId>]>,
        defaults: TopicDefaults,
    ) -> Result<Vec<Record>, ClusterError> {
        let topic = self.topic(name).ok_or_else(|| ClusterError::UnknownTopic(name.to_owned()))?;
        let more = increase(topic, count)?;
        if let Some(assignments) = assignments {
            self.check_additional(topic, more, assignments)?;
        }
        self.check_room(i64::from(more), defaults)?;
        Ok(vec![Record::PartitionsAdded { id: topic.id, partitions: count }])
    }

    fn free_name(&self, name: &str) -> Result<TopicName, ClusterError> {
        let name = TopicName::new(name)?;
        match self.colliding_topic(name.as_str()) {
            None => Ok(name),
            Some(existing) if *existing == name => Err(ClusterError::TopicExists(name)),
            Some(existing) => {
                Err(ClusterError::TopicCollision { existing: existing.clone(), name })
            }
        }
    }

    /// How many partitions and copies a new topic has.
    fn shape(&self, topic: &NewTopic, defaults: TopicDefaults) -> Result<(i32, i16), ClusterError> {
        if !topic.assignments.is_empty() {
            return self.assigned_shape(topic);
        }
        let partitions = match topic.partitions {
            DEFAULT => defaults.partitions,
            asked => asked,
        };
        if !(1..=PARTITIONS_PER_TOPIC_MAX).contains(&partitions) {
            return Err(ClusterError::Partitions(partitions));
        }
        let replication_factor = match topic.replication_factor {
            -1 => defaults.replication_factor,
            asked => asked,
        };
        if !(1..=REPLICATION_FACTOR_MAX).contains(&replication_factor) {
            return Err(ClusterError::ReplicationFactor(replication_factor));
        }
        Ok((partitions, replication_factor))
    }

    fn assigned_shape(&self, topic: &NewTopic) -> Result<(i32, i16), ClusterError> {
        if topic.partitions != DEFAULT || topic.replication_factor != -1 {
            return Err(ClusterError::AssignmentAndCounts);
        }
        let assignments = &topic.assignments;
        let partitions: BTreeSet<i32> = assignments.iter().map(|a| a.partition).collect();
        let count = i32::try_from(assignments.len()).unwrap_or(i32::MAX);
        if count > PARTITIONS_PER_TOPIC_MAX {
            return Err(ClusterError::Partitions(count));
        }
        if !partitions.into_iter().eq(0..count) {
            return Err(ClusterError::ReplicaAssignment(
                "partitions should be a consecutive 0-based integer sequence".to_owned(),
            ));
        }
        let copies = assignments[0].brokers.len();
        for assignment in assignments {
            self.check_assignment(&assignment.brokers, copies)?;
        }
        Ok((count, copies as i16))
    }

    fn check_additional(
        &self,
        topic: &Topic,
        more: i32,
        assignments: &[Vec<BrokerId>],
    ) -> Result<(), ClusterError> {
        if usize::try_from(more) != Ok(assignments.len()) {
            return Err(ClusterError::ReplicaAssignment(format!(
                "{more} partition(s) would be added, but {} assignment(s) are given",
                assignments.len()
            )));
        }
        let copies = usize::try_from(topic.replication_factor).unwrap_or_default();
        assignments.iter().try_for_each(|brokers| self.check_assignment(brokers, copies))
    }

    /// Brokers of one partition: as many as in the others, known, each once.
    fn check_assignment(&self, brokers: &[BrokerId], copies: usize) -> Result<(), ClusterError> {
        let refuse = |why: String| Err(ClusterError::ReplicaAssignment(why));
        if brokers.is_empty() {
            return refuse("an assignment names no broker".to_owned());
        }
        let mut seen = BTreeSet::new();
        for broker in brokers {
            if !seen.insert(*broker) {
                return refuse(format!("an assignment names broker {broker} more than once"));
            }
            if self.broker(*broker).is_none() {
                return refuse(format!("an assignment names broker {broker}, which is unknown"));
            }
        }
        if brokers.len() != copies || copies > REPLICATION_FACTOR_MAX as usize {
            return refuse(format!(
                "an assignment names {} broker(s) where the replication factor is {copies}, at \
                 most {REPLICATION_FACTOR_MAX}",
                brokers.len()
            ));
        }
        Ok(())
    }

    fn check_room(&self, more: i64, defaults: TopicDefaults) -> Result<(), ClusterError> {
        let (current, max) = (self.partitions(), defaults.partitions_max);
        if current.saturating_add(more) <= max {
            return Ok(());
        }
        Err(ClusterError::TooManyPartitions { current, more, max })
    }
}

/// How many partitions come to a topic that shall have `count`.
fn increase(topic: &Topic, count: i32) -> Result<i32, ClusterError> {
    if count > PARTITIONS_PER_TOPIC_MAX {
        return Err(ClusterError::Partitions(count));
    }
    if count <= topic.partitions {
        return Err(ClusterError::NotAnIncrease {
            name: topic.name.clone(),
            current: topic.partitions,
            asked: count,
        });
    }
    Ok(count - topic.partitions)
}

/// A new topic's settings, all of which need values.
fn own_settings(values: &BTreeMap<String, Option<String>>) -> Result<Overrides, ClusterError> {
    let settings = values.iter().map(|(name, value)| match value {
        Some(value) => Ok((name.clone(), value.clone())),
        None => Err(ClusterError::NullConfig(name.clone())),
    });
    settings.collect()
}
