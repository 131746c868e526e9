//! What the two ways to commit offsets have in common: every partition that was asked for gets its answer.

use thalweg_broker::{CommitOutcome, CommitPartition, TopicPartitions};
use thalweg_kafka_wire::ErrorCode;

use crate::error_code::code_of;

/// The partitions of a commit.
pub(super) struct Asked(Vec<TopicPartitions<i32>>);

/// Partitions of a topic with the code for each.
pub(super) type Answers = Vec<TopicPartitions<(i32, i16)>>;

impl Asked {
    pub fn new(topics: &[TopicPartitions<CommitPartition>]) -> Self {
        let asked = topics.iter().map(|topic| TopicPartitions {
            name: topic.name.clone(),
            id: topic.id,
            partitions: topic.partitions.iter().map(|asked| asked.partition).collect(),
        });
        Self(asked.collect())
    }

    /// Each partition's own outcome; an error of the whole is the answer for every one.
    pub fn answers(
        self,
        outcome: Result<Vec<TopicPartitions<CommitOutcome>>, ErrorCode>,
    ) -> Answers {
        match outcome {
            Ok(topics) => each(topics, |item| (item.partition, code_of(&item.result))),
            Err(error) => each(self.0, |partition| (partition, error.code())),
        }
    }
}

fn each<T>(topics: Vec<TopicPartitions<T>>, answer: impl Fn(T) -> (i32, i16)) -> Answers {
    let topics = topics.into_iter().map(|TopicPartitions { name, id, partitions }| {
        let partitions = partitions.into_iter().map(&answer).collect();
        TopicPartitions { name, id, partitions }
    });
    topics.collect()
}
