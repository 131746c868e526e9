//! `ListOffsets`, `OffsetForLeaderEpoch` and `DeleteRecords`.

use std::ops::RangeInclusive;

use thalweg_kafka_wire::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsTopic,
};
use thalweg_kafka_wire::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use thalweg_kafka_wire::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use thalweg_kafka_wire::messages::{
    DeleteRecordsRequest, DeleteRecordsResponse, ListOffsetsRequest, ListOffsetsResponse,
    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
};

use super::{Place, by_topic};
use crate::answer::Answer;
use crate::failure::Failure;
use crate::names::Names;
use crate::pair::Ask;

/// What offset is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// By one of Kafka's names: -1 latest, -2 earliest, and so on.
    Named(i64),
    /// The first record at or after one of the script's moments.
    Moment(i64),
}

/// Offsets of partitions.
#[derive(Clone, Debug)]
pub struct ListOffsets {
    /// True for `read_committed`.
    pub committed: bool,
    /// What is asked of which partition, with the leader epoch that the client knows.
    pub of: Vec<(Place, When, i32)>,
}

impl Ask for ListOffsets {
    type Request = ListOffsetsRequest;

    fn versions(&self) -> RangeInclusive<i16> {
        let epochs = self.of.iter().any(|(_, _, epoch)| *epoch != -1);
        let isolation = self.committed;
        let first = if epochs { 4 } else { 1 + i16::from(isolation) };
        first..=11
    }

    fn request(&self, version: i16, names: &Names) -> Result<ListOffsetsRequest, Failure> {
        let topics = by_topic(&self.of, |(place, ..)| place).into_iter().map(|(name, of)| {
            let partitions = of.into_iter().map(|(place, when, epoch)| ListOffsetsPartition {
                partition_index: place.partition,
                current_leader_epoch: names.leader_epoch(*epoch),
                timestamp: match when {
                    When::Named(name) => *name,
                    When::Moment(moment) => names.timestamp(*moment),
                },
            });
            ListOffsetsTopic { name, partitions: partitions.collect() }
        });
        Ok(ListOffsetsRequest {
            replica_id: -1,
            isolation_level: i8::from(self.committed),
            topics: topics.collect(),
            timeout_ms: if version >= 10 { 30_000 } else { Default::default() },
        })
    }

    fn answer(&self, version: i16, names: &mut Names, response: ListOffsetsResponse) -> Answer {
        let mut answer = Answer::default();
        for topic in response.topics {
            for partition in topic.partitions {
                let at = format!("{}-{}", topic.name, partition.partition_index);
                answer.code(format!("{at}.error"), partition.error_code);
                answer.set(format!("{at}.offset"), partition.offset);
                answer.set(format!("{at}.timestamp"), names.moment(partition.timestamp));
                if version >= 4 {
                    let epoch = names.epochs_before(partition.leader_epoch);
                    answer.set(format!("{at}.leader_epoch"), epoch);
                }
            }
        }
        answer
    }
}

/// Where leader epochs end.
#[derive(Clone, Debug)]
pub struct EpochEnds {
    /// Which partition, the leader epoch that the client knows, and the one that it asks for.
    pub of: Vec<(Place, i32, i32)>,
}

impl Ask for EpochEnds {
    type Request = OffsetForLeaderEpochRequest;

    fn request(&self, _: i16, names: &Names) -> Result<OffsetForLeaderEpochRequest, Failure> {
        let topics = by_topic(&self.of, |(place, ..)| place).into_iter().map(|(topic, of)| {
            let partitions = of.into_iter().map(|(place, known, asked)| OffsetForLeaderPartition {
                partition: place.partition,
                current_leader_epoch: names.leader_epoch(*known),
                leader_epoch: names.leader_epoch(*asked),
            });
            OffsetForLeaderTopic { topic, partitions: partitions.collect() }
        });
        Ok(OffsetForLeaderEpochRequest { replica_id: -2, topics: topics.collect() })
    }

    fn answer(&self, _: i16, names: &mut Names, response: OffsetForLeaderEpochResponse) -> Answer {
        let mut answer = Answer::default();
        for topic in response.topics {
            for partition in topic.partitions {
                let at = format!("{}-{}", topic.topic, partition.partition);
                answer.code(format!("{at}.error"), partition.error_code);
                let epoch = names.epochs_before(partition.leader_epoch);
                answer.set(format!("{at}.leader_epoch"), epoch);
                answer.set(format!("{at}.end_offset"), partition.end_offset);
            }
        }
        answer
    }
}

/// Deletes records before offsets.
#[derive(Clone, Debug)]
pub struct DeleteRecords {
    /// Which partition, and where its log is to start; -1 for the high watermark.
    pub before: Vec<(Place, i64)>,
}

impl Ask for DeleteRecords {
    type Request = DeleteRecordsRequest;

    fn request(&self, _: i16, _: &Names) -> Result<DeleteRecordsRequest, Failure> {
        let topics = by_topic(&self.before, |(place, _)| place).into_iter().map(|(name, of)| {
            let partitions = of.into_iter().map(|(place, offset)| DeleteRecordsPartition {
                partition_index: place.partition,
                offset: *offset,
            });
            DeleteRecordsTopic { name, partitions: partitions.collect() }
        });
        Ok(DeleteRecordsRequest { topics: topics.collect(), timeout_ms: 30_000 })
    }

    fn answer(&self, _: i16, _: &mut Names, response: DeleteRecordsResponse) -> Answer {
        let mut answer = Answer::default();
        for topic in response.topics {
            for partition in topic.partitions {
                let at = format!("{}-{}", topic.name, partition.partition_index);
                answer.code(format!("{at}.error"), partition.error_code);
                answer.set(format!("{at}.low_watermark"), partition.low_watermark);
            }
        }
        answer
    }
}
