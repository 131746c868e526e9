//! What the two ways to commit offsets have in common: every partition that was asked for gets its answer.

use thalweg_broker::{BrokerError, CommitOutcome, TopicPartitions};
use thalweg_kafka_wire::ErrorCode;

/// Each partition with its code. `code` knows what the version of the message has for an error.
pub(super) fn answers(
    outcomes: Vec<TopicPartitions<CommitOutcome>>,
    code: impl Fn(&BrokerError) -> ErrorCode,
) -> Vec<TopicPartitions<(i32, i16)>> {
    let answer = |CommitOutcome { partition, result }| match result {
        Ok(()) => (partition, ErrorCode::None.code()),
        Err(error) => (partition, code(&error).code()),
    };
    let topics = outcomes.into_iter().map(|TopicPartitions { name, id, partitions }| {
        TopicPartitions { name, id, partitions: partitions.into_iter().map(answer).collect() }
    });
    topics.collect()
}
