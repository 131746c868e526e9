//! What the two ways to commit offsets have in common: every partition that was asked for gets its answer.

use thalweg_broker::{BrokerError, CommitOutcome, CommitPartition, TopicPartitions};
use thalweg_kafka_wire::ErrorCode;

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

    /// Each partition's own outcome; an error of the whole is the answer for every one. `code` knows what
    /// the version of the message has for an error.
    pub fn answers<E>(
        self,
        outcome: Result<Vec<TopicPartitions<CommitOutcome>>, E>,
        code: impl Fn(&BrokerError) -> ErrorCode,
    ) -> Answers
    where
        BrokerError: From<E>,
    {
        let code_of = |result: &Result<(), BrokerError>| {
            result.as_ref().map_or_else(&code, |()| ErrorCode::None)
        };
        match outcome.map_err(BrokerError::from) {
            Ok(topics) => each(topics, |item| (item.partition, code_of(&item.result).code())),
            Err(error) => each(self.0, |partition| (partition, code(&error).code())),
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
