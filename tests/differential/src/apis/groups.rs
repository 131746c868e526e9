//! Offsets of groups, plain and within transactions, and what it takes to have a member.

use std::ops::RangeInclusive;

use thalweg_kafka_wire::messages::join_group_request::JoinGroupRequestProtocol;
use thalweg_kafka_wire::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use thalweg_kafka_wire::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use thalweg_kafka_wire::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use thalweg_kafka_wire::messages::{
    FindCoordinatorRequest, FindCoordinatorResponse, JoinGroupRequest, JoinGroupResponse,
    OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest, OffsetFetchResponse,
    SyncGroupRequest, SyncGroupResponse, TxnOffsetCommitRequest, TxnOffsetCommitResponse,
};

use super::{Claim, Place, by_topic};
use crate::answer::Answer;
use crate::failure::Failure;
use crate::names::Names;
use crate::pair::Ask;

/// Who commits: a member in a generation, or nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Which member; `None` for an empty id.
    pub member: Option<usize>,
    /// The generation, -1 for none.
    pub generation: i32,
}

impl Member {
    /// A client that only commits.
    pub const NOBODY: Self = Self { member: None, generation: -1 };

    fn id(self, names: &Names) -> String {
        self.member.map_or_else(String::new, |member| names.member_id(member))
    }
}

/// An offset that is committed.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Of which partition.
    pub place: Place,
    /// The offset.
    pub offset: i64,
    /// Bytes of metadata.
    pub metadata: usize,
}

/// Commits offsets.
#[derive(Clone, Debug)]
pub struct CommitOffsets {
    /// The group.
    pub group: String,
    /// Who commits.
    pub member: Member,
    /// What.
    pub commits: Vec<Commit>,
}

impl Ask for CommitOffsets {
    type Request = OffsetCommitRequest;

    fn request(&self, version: i16, names: &Names) -> Result<OffsetCommitRequest, Failure> {
        let topics = by_topic(&self.commits, |commit| &commit.place).into_iter();
        let topics = topics.map(|(name, of)| {
            let partitions = of.into_iter().map(|commit| OffsetCommitRequestPartition {
                partition_index: commit.place.partition,
                committed_offset: commit.offset,
                committed_leader_epoch: -1,
                committed_metadata: Some("m".repeat(commit.metadata)),
            });
            let partitions = partitions.collect();
            if version >= 10 {
                let topic_id = names.topic_id(&name);
                OffsetCommitRequestTopic { topic_id, partitions, ..Default::default() }
            } else {
                OffsetCommitRequestTopic { name, partitions, ..Default::default() }
            }
        });
        Ok(OffsetCommitRequest {
            group_id: self.group.clone(),
            generation_id_or_member_epoch: self.member.generation,
            member_id: self.member.id(names),
            topics: topics.collect(),
            ..Default::default()
        })
    }

    fn answer(&self, _: i16, names: &mut Names, response: OffsetCommitResponse) -> Answer {
        let mut answer = Answer::default();
        for topic in response.topics {
            let name = names.topic(&topic.name, topic.topic_id);
            for partition in topic.partitions {
                answer.partition_code(&name, partition.partition_index, partition.error_code);
            }
        }
        answer
    }
}

/// Commits offsets within a transaction.
#[derive(Clone, Debug)]
pub struct TxnCommitOffsets {
    /// Whose transaction.
    pub claim: Claim,
    /// The group.
    pub group: String,
    /// As whom.
    pub member: Member,
    /// What.
    pub commits: Vec<Commit>,
}

impl Ask for TxnCommitOffsets {
    type Request = TxnOffsetCommitRequest;

    fn versions(&self) -> RangeInclusive<i16> {
        if self.member == Member::NOBODY { 0..=6 } else { 3..=6 }
    }

    fn request(&self, version: i16, names: &Names) -> Result<TxnOffsetCommitRequest, Failure> {
        let topics = by_topic(&self.commits, |commit| &commit.place).into_iter();
        let topics = topics.map(|(name, of)| {
            let partitions = of.into_iter().map(|commit| TxnOffsetCommitRequestPartition {
                partition_index: commit.place.partition,
                committed_offset: commit.offset,
                committed_leader_epoch: -1,
                committed_metadata: Some("m".repeat(commit.metadata)),
            });
            let partitions = partitions.collect();
            if version >= 6 {
                let topic_id = names.topic_id(&name);
                TxnOffsetCommitRequestTopic { topic_id, partitions, ..Default::default() }
            } else {
                TxnOffsetCommitRequestTopic { name, partitions, ..Default::default() }
            }
        });
        Ok(TxnOffsetCommitRequest {
            transactional_id: self.claim.id.clone(),
            group_id: self.group.clone(),
            producer_id: names.producer_id(self.claim.producer),
            producer_epoch: self.claim.epoch,
            generation_id_or_member_epoch: self.member.generation,
            member_id: self.member.id(names),
            topics: topics.collect(),
            ..Default::default()
        })
    }

    fn answer(&self, _: i16, names: &mut Names, response: TxnOffsetCommitResponse) -> Answer {
        let mut answer = Answer::default();
        for topic in response.topics {
            let name = names.topic(&topic.name, topic.topic_id);
            for partition in topic.partitions {
                answer.partition_code(&name, partition.partition_index, partition.error_code);
            }
        }
        answer
    }
}

/// Asks for committed offsets.
#[derive(Clone, Debug)]
pub struct FetchOffsets {
    /// The group.
    pub group: String,
    /// Of which partitions; all that there are if `None`.
    pub places: Option<Vec<Place>>,
    /// True if what a transaction may still change is not good enough.
    pub stable: bool,
}

impl FetchOffsets {
    fn of_groups(&self, version: i16, names: &Names) -> OffsetFetchRequest {
        let topics = self.places.as_ref().map(|places| {
            let topics = by_topic(places, |place| place).into_iter().map(|(name, of)| {
                let partition_indexes = of.into_iter().map(|place| place.partition).collect();
                if version >= 10 {
                    let topic_id = names.topic_id(&name);
                    OffsetFetchRequestTopics { topic_id, partition_indexes, ..Default::default() }
                } else {
                    OffsetFetchRequestTopics { name, partition_indexes, ..Default::default() }
                }
            });
            topics.collect()
        });
        let group =
            OffsetFetchRequestGroup { group_id: self.group.clone(), topics, ..Default::default() };
        let require_stable = self.stable;
        OffsetFetchRequest { groups: vec![group], require_stable, ..Default::default() }
    }
}

impl Ask for FetchOffsets {
    type Request = OffsetFetchRequest;

    fn versions(&self) -> RangeInclusive<i16> {
        let all = if self.places.is_none() { 2 } else { 1 };
        let stable = if self.stable { 7 } else { 1 };
        all.max(stable)..=10
    }

    fn request(&self, version: i16, names: &Names) -> Result<OffsetFetchRequest, Failure> {
        if version >= 8 {
            return Ok(self.of_groups(version, names));
        }
        let topics = self.places.as_ref().map(|places| {
            let topics = by_topic(places, |place| place).into_iter().map(|(name, of)| {
                let partition_indexes = of.into_iter().map(|place| place.partition).collect();
                OffsetFetchRequestTopic { name, partition_indexes }
            });
            topics.collect()
        });
        Ok(OffsetFetchRequest {
            group_id: self.group.clone(),
            topics,
            require_stable: self.stable,
            ..Default::default()
        })
    }

    fn answer(&self, _: i16, names: &mut Names, response: OffsetFetchResponse) -> Answer {
        let mut answer = Answer::default();
        answer.code("error", response.error_code);
        for topic in response.topics {
            for of in topic.partitions {
                let at = format!("{}-{}", topic.name, of.partition_index);
                let epoch = of.committed_leader_epoch;
                of_partition(
                    &mut answer,
                    &at,
                    of.error_code,
                    (of.committed_offset, epoch),
                    of.metadata,
                );
            }
        }
        for group in response.groups {
            answer.code(format!("{}.error", group.group_id), group.error_code);
            for topic in group.topics {
                let name = names.topic(&topic.name, topic.topic_id);
                for of in topic.partitions {
                    let at = format!("{name}-{}", of.partition_index);
                    let epoch = of.committed_leader_epoch;
                    of_partition(
                        &mut answer,
                        &at,
                        of.error_code,
                        (of.committed_offset, epoch),
                        of.metadata,
                    );
                }
            }
        }
        answer
    }
}

fn of_partition(
    answer: &mut Answer,
    at: &str,
    code: i16,
    committed: (i64, i32),
    metadata: Option<String>,
) {
    answer.code(format!("{at}.error"), code);
    answer.set(format!("{at}.offset"), committed.0);
    answer.set(format!("{at}.leader_epoch"), committed.1);
    let metadata = metadata.map_or(-1, |metadata| metadata.len() as i64);
    answer.set(format!("{at}.metadata_bytes"), metadata);
}

/// Asks who coordinates.
#[derive(Clone, Debug)]
pub struct FindCoordinator {
    /// 0 for groups, 1 for transactions.
    pub kind: i8,
    /// The group or transactional id.
    pub key: String,
}

impl Ask for FindCoordinator {
    type Request = FindCoordinatorRequest;

    fn versions(&self) -> RangeInclusive<i16> {
        i16::from(self.kind != 0)..=6
    }

    fn request(&self, version: i16, _: &Names) -> Result<FindCoordinatorRequest, Failure> {
        let (key, coordinator_keys) = if version >= 4 {
            (String::new(), vec![self.key.clone()])
        } else {
            (self.key.clone(), Vec::new())
        };
        Ok(FindCoordinatorRequest { key, key_type: self.kind, coordinator_keys })
    }

    fn answer(&self, version: i16, _: &mut Names, response: FindCoordinatorResponse) -> Answer {
        let mut answer = Answer::default();
        if version < 4 {
            answer.code("error", response.error_code);
            answer.set("node", response.node_id);
        }
        for coordinator in response.coordinators {
            answer.code(format!("{}.error", coordinator.key), coordinator.error_code);
            answer.set(format!("{}.node", coordinator.key), coordinator.node_id);
        }
        answer
    }
}

/// Joins a group as its only member.
#[derive(Clone, Debug)]
pub struct JoinGroup {
    /// The group.
    pub group: String,
}

impl Ask for JoinGroup {
    type Request = JoinGroupRequest;

    /// Later ones answer with an id first.
    fn versions(&self) -> RangeInclusive<i16> {
        3..=3
    }

    fn request(&self, _: i16, _: &Names) -> Result<JoinGroupRequest, Failure> {
        let protocol = JoinGroupRequestProtocol { name: "range".into(), ..Default::default() };
        Ok(JoinGroupRequest {
            group_id: self.group.clone(),
            session_timeout_ms: 30 * 60 * 1000,
            rebalance_timeout_ms: 60_000,
            protocol_type: "consumer".into(),
            protocols: vec![protocol],
            ..Default::default()
        })
    }

    fn answer(&self, _: i16, names: &mut Names, response: JoinGroupResponse) -> Answer {
        let mut answer = Answer::default();
        answer.code("error", response.error_code);
        answer.set("generation", response.generation_id);
        answer.set("member", names.member(response.member_id));
        answer.set("leader", names.member(response.leader));
        answer
    }
}

/// Ends the rebalance of a group with one member.
#[derive(Clone, Debug)]
pub struct SyncGroup {
    /// The group.
    pub group: String,
    /// The member.
    pub member: Member,
}

impl Ask for SyncGroup {
    type Request = SyncGroupRequest;

    fn versions(&self) -> RangeInclusive<i16> {
        0..=4
    }

    fn request(&self, _: i16, names: &Names) -> Result<SyncGroupRequest, Failure> {
        Ok(SyncGroupRequest {
            group_id: self.group.clone(),
            generation_id: self.member.generation,
            member_id: self.member.id(names),
            ..Default::default()
        })
    }

    fn answer(&self, _: i16, _: &mut Names, response: SyncGroupResponse) -> Answer {
        Answer::of_code(response.error_code)
    }
}
