//! `OffsetForLeaderEpoch`: where the records of a leader epoch end, so that a client finds out whether
//! its log and the broker's have parted (KIP-320).
//!
//! | version | |
//! |---|---|
//! | 2 | the oldest of Kafka 4 (KIP-896); the client's epoch is checked |
//! | 3 | the replica's id; it makes no difference here |
//! | 4 | flexible |

use thalweg_broker::{EpochEnd, TopicKey};
use thalweg_kafka_wire::messages::offset_for_leader_epoch_request::OffsetForLeaderPartition;
use thalweg_kafka_wire::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderTopicResult,
};
use thalweg_kafka_wire::messages::{OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse};
use thalweg_types::LeaderEpoch;

use crate::call::Call;
use crate::error_code::code_of;

pub(super) async fn handle(
    call: Call,
    request: OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| look_up(&call, &topic.topic, asked));
        OffsetForLeaderTopicResult { partitions: partitions.collect(), topic: topic.topic }
    });
    OffsetForLeaderEpochResponse { throttle_time_ms: 0, topics: topics.collect() }
}

fn look_up(call: &Call, topic: &str, asked: &OffsetForLeaderPartition) -> EpochEndOffset {
    let outcome = call.broker().end_of_epoch(
        &call.session,
        TopicKey::Name(topic),
        asked.partition,
        LeaderEpoch(asked.current_leader_epoch),
        LeaderEpoch(asked.leader_epoch),
    );
    let error_code = code_of(&outcome);
    let end = outcome.unwrap_or(EpochEnd::UNKNOWN);
    EpochEndOffset {
        error_code,
        partition: asked.partition,
        leader_epoch: end.leader_epoch.0,
        end_offset: end.end_offset.0,
    }
}
