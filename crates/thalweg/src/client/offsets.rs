//! Offsets by position or time, and those that groups have committed.

use std::collections::BTreeMap;

use thalweg_kafka_wire::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use thalweg_kafka_wire::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use thalweg_kafka_wire::messages::{
    ListOffsetsRequest, OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest,
    OffsetFetchResponse,
};
use thalweg_types::Timestamp;

use super::{Client, ClientError, Topic};

/// A place in a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The oldest record.
    Start,
    /// After the newest record.
    End,
    /// After the newest record that no open transaction holds back.
    StableEnd,
    /// The first record that is not older.
    Time(Timestamp),
}

impl At {
    /// The number that `ListOffsets` takes for it.
    const fn code(self) -> i64 {
        match self {
            Self::End | Self::StableEnd => -1,
            Self::Start => -2,
            Self::Time(time) => time.0,
        }
    }
}

/// Offsets by topic and partition.
pub type OffsetsByTopic = BTreeMap<(String, i32), i64>;

impl Client {
    /// The offsets at a place, by partition. Where no record is that new, it is the end.
    pub async fn offsets(
        &self,
        topic: &Topic,
        partitions: &[i32],
        at: At,
    ) -> Result<BTreeMap<i32, i64>, ClientError> {
        let mut found = self.list_offsets(topic, partitions, at).await?;
        let newer: Vec<i32> =
            found.iter().filter(|(_, offset)| **offset < 0).map(|(index, _)| *index).collect();
        if !newer.is_empty() {
            found.extend(self.list_offsets(topic, &newer, At::End).await?);
        }
        Ok(found)
    }

    async fn list_offsets(
        &self,
        topic: &Topic,
        partitions: &[i32],
        at: At,
    ) -> Result<BTreeMap<i32, i64>, ClientError> {
        let mut by_leader: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
        for partition in partitions {
            by_leader.entry(topic.leader(*partition)?).or_default().push(*partition);
        }
        let mut found = BTreeMap::new();
        for (leader, partitions) in by_leader {
            let ask = async || self.list_offsets_at(leader, &topic.name, &partitions, at).await;
            found.extend(self.retry(ask).await?);
        }
        Ok(found)
    }

    async fn list_offsets_at(
        &self,
        leader: i32,
        topic: &str,
        partitions: &[i32],
        at: At,
    ) -> Result<BTreeMap<i32, i64>, ClientError> {
        let partitions = partitions.iter().map(|index| ListOffsetsPartition {
            partition_index: *index,
            current_leader_epoch: -1,
            timestamp: at.code(),
        });
        let request = ListOffsetsRequest {
            replica_id: -1,
            isolation_level: i8::from(at == At::StableEnd),
            topics: vec![ListOffsetsTopic {
                name: topic.to_owned(),
                partitions: partitions.collect(),
            }],
            ..Default::default()
        };
        let response = self.broker(leader).await?.call(&request).await?;
        let mut found = BTreeMap::new();
        for partition in response.topics.into_iter().flat_map(|topic| topic.partitions) {
            let index = partition.partition_index;
            ClientError::check(partition.error_code, None, || {
                format!("cannot look up offsets in partition {index} of topic '{topic}'")
            })?;
            found.insert(index, partition.offset);
        }
        Ok(found)
    }

    /// Every offset that a group has committed.
    pub async fn committed(&self, group: &str) -> Result<OffsetsByTopic, ClientError> {
        self.retry(async || {
            let request = OffsetFetchRequest {
                group_id: group.to_owned(),
                topics: None,
                ..Default::default()
            };
            let response = self.coordinator(group).await?.call(&request).await?;
            committed_offsets(group, response)
        })
        .await
    }

    /// Sets what a group without members has committed.
    pub async fn set_committed(
        &self,
        group: &str,
        topic: &str,
        offsets: &BTreeMap<i32, i64>,
    ) -> Result<(), ClientError> {
        self.retry(async || {
            let request = commit_request(group, topic, offsets, -1, "");
            let response = self.coordinator(group).await?.call(&request).await?;
            check_commit(group, &response)
        })
        .await
    }
}

/// A request to commit offsets as a member of a generation, or (-1 and no name) as nobody.
pub(super) fn commit_request(
    group: &str,
    topic: &str,
    offsets: &BTreeMap<i32, i64>,
    generation: i32,
    member: &str,
) -> OffsetCommitRequest {
    let partitions = offsets.iter().map(|(index, offset)| OffsetCommitRequestPartition {
        partition_index: *index,
        committed_offset: *offset,
        committed_leader_epoch: -1,
        committed_metadata: Some(String::new()),
    });
    OffsetCommitRequest {
        group_id: group.to_owned(),
        generation_id_or_member_epoch: generation,
        member_id: member.to_owned(),
        topics: vec![OffsetCommitRequestTopic {
            name: topic.to_owned(),
            partitions: partitions.collect(),
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// The first error in the answer to a commit.
pub(super) fn check_commit(
    group: &str,
    response: &OffsetCommitResponse,
) -> Result<(), ClientError> {
    for partition in response.topics.iter().flat_map(|topic| &topic.partitions) {
        ClientError::check(partition.error_code, None, || {
            format!("cannot commit partition {} for group '{group}'", partition.partition_index)
        })?;
    }
    Ok(())
}

fn committed_offsets(
    group: &str,
    response: OffsetFetchResponse,
) -> Result<OffsetsByTopic, ClientError> {
    let what = || format!("cannot read the offsets of group '{group}'");
    ClientError::check(response.error_code, None, what)?;
    let mut committed = BTreeMap::new();
    for topic in response.topics {
        for partition in topic.partitions {
            ClientError::check(partition.error_code, None, what)?;
            if partition.committed_offset >= 0 {
                let place = (topic.name.clone(), partition.partition_index);
                committed.insert(place, partition.committed_offset);
            }
        }
    }
    Ok(committed)
}
