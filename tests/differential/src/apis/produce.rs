//! Produce.

use std::ops::RangeInclusive;

use thalweg_kafka_wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use thalweg_kafka_wire::messages::{ProduceRequest, ProduceResponse};

use super::{Place, by_topic};
use crate::answer::Answer;
use crate::batch::Batch;
use crate::failure::Failure;
use crate::names::Names;
use crate::pair::Ask;

/// From here on topics go by their ids.
const TOPIC_IDS_FROM: i16 = 13;

/// Appends a batch to each of some partitions.
#[derive(Clone, Debug)]
pub struct Produce {
    /// The transactional id that the request names.
    pub id: Option<String>,
    /// -1, 1, or something that it must not be. Without an answer there is nothing to compare: not 0.
    pub acks: i16,
    /// What goes where.
    pub batches: Vec<(Place, Batch)>,
}

impl Ask for Produce {
    type Request = ProduceRequest;

    fn versions(&self) -> RangeInclusive<i16> {
        3..=13
    }

    fn request(&self, version: i16, names: &Names) -> Result<ProduceRequest, Failure> {
        let topics = by_topic(&self.batches, |(place, _)| place).into_iter().map(|(topic, of)| {
            let partitions = of.into_iter().map(|(place, batch)| {
                let records = Some(batch.bytes(names)?);
                Ok(PartitionProduceData { index: place.partition, records })
            });
            let partition_data = partitions.collect::<Result<_, Failure>>()?;
            Ok(if version >= TOPIC_IDS_FROM {
                let topic_id = names.topic_id(&topic);
                TopicProduceData { topic_id, partition_data, ..Default::default() }
            } else {
                TopicProduceData { name: topic, partition_data, ..Default::default() }
            })
        });
        Ok(ProduceRequest {
            transactional_id: self.id.clone(),
            acks: self.acks,
            timeout_ms: 30_000,
            topic_data: topics.collect::<Result<_, Failure>>()?,
        })
    }

    fn answer(&self, version: i16, names: &mut Names, response: ProduceResponse) -> Answer {
        let mut answer = Answer::default();
        for topic in response.responses {
            let name = names.topic(&topic.name, topic.topic_id);
            for partition in topic.partition_responses {
                let at = format!("{name}-{}", partition.index);
                answer.code(format!("{at}.error"), partition.error_code);
                answer.set(format!("{at}.base_offset"), partition.base_offset);
                let appended = names.moment(partition.log_append_time_ms);
                answer.set(format!("{at}.log_append_time"), appended);
                if version >= 5 {
                    answer.set(format!("{at}.log_start_offset"), partition.log_start_offset);
                }
                let errors: Vec<_> =
                    partition.record_errors.iter().map(|error| error.batch_index).collect();
                answer.set(format!("{at}.record_errors"), format!("{errors:?}"));
                let leader = partition.current_leader;
                let leader =
                    format!("{}@{}", leader.leader_id, names.epochs_before(leader.leader_epoch));
                answer.set(format!("{at}.leader"), leader);
            }
        }
        answer
    }
}
