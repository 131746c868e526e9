//! A member of a classic group: it reads what it was assigned, and commits. It outlives brokers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use thalweg_checker::{Commit, Event};
use thalweg_kafka_wire::messages::consumer_protocol_assignment::TopicPartition;
use thalweg_kafka_wire::messages::join_group_request::JoinGroupRequestProtocol;
use thalweg_kafka_wire::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use thalweg_kafka_wire::messages::sync_group_request::SyncGroupRequestAssignment;
use thalweg_kafka_wire::messages::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription, HeartbeatRequest, JoinGroupRequest,
    JoinGroupResponse, OffsetCommitRequest, SyncGroupRequest,
};
use thalweg_kafka_wire::{ErrorCode, decode_versioned, encode_versioned};

use crate::admin;
use crate::connection::Connection;
use crate::failure::Failure;
use crate::fetch::{Fetched, Isolation, fetch};
use crate::history::History;

const PROTOCOL_TYPE: &str = "consumer";
const ASSIGNOR: &str = "range";
const FETCH_WAIT_MS: i32 = 20;
/// Fetches between two commits.
const FETCHES_A_COMMIT: u32 = 3;
const BACKOFF: Duration = Duration::from_millis(20);

/// What the members of a group have in common.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its name.
    pub name: Arc<str>,
    /// The topic that it reads.
    pub topic: Arc<str>,
    /// The topic's partitions.
    pub partitions: i32,
    /// A member that is silent for longer is none.
    pub session_timeout_ms: i32,
}

/// One consumer of a group.
pub struct Member {
    group: Group,
    /// The number by which the checker knows it.
    consumer: u32,
    id: String,
    generation: i32,
    /// Next offsets of the assigned partitions.
    positions: BTreeMap<i32, i64>,
    /// What was committed last, as far as the member knows.
    committed: BTreeMap<i32, i64>,
}

impl Member {
    /// A consumer that the checker knows as `consumer`.
    pub fn new(group: Group, consumer: u32) -> Self {
        Self {
            group,
            consumer,
            id: String::new(),
            generation: -1,
            positions: BTreeMap::new(),
            committed: BTreeMap::new(),
        }
    }

    /// Consumes until the broker is gone or `stop` is set.
    pub async fn run(
        &mut self,
        address: SocketAddr,
        history: &History,
        stop: &AtomicBool,
    ) -> Result<(), Failure> {
        match self.converse(address, history, stop).await {
            Err(failure) if failure.is_ended() => Ok(()),
            outcome => outcome,
        }
    }

    async fn converse(
        &mut self,
        address: SocketAddr,
        history: &History,
        stop: &AtomicBool,
    ) -> Result<(), Failure> {
        let mut connection = Connection::open(address).await?;
        let name = self.group.name.clone();
        admin::find_coordinator(&mut connection, &name).await?;
        let mut fetches = 0;
        while !stop.load(Ordering::Relaxed) {
            if self.generation < 0 && !self.join(&mut connection, history).await? {
                tokio::time::sleep(BACKOFF).await;
                continue;
            }
            if !self.beat(&mut connection).await? {
                continue;
            }
            self.poll(&mut connection, history).await?;
            fetches += 1;
            if fetches % FETCHES_A_COMMIT == 0 {
                self.commit(&mut connection, history).await?;
            }
        }
        Ok(())
    }

    /// Joins and takes over what is assigned; false if it has to be tried again.
    async fn join(
        &mut self,
        connection: &mut Connection,
        history: &History,
    ) -> Result<bool, Failure> {
        let response = connection.call(&self.join_request()?).await?;
        match ErrorCode::from_code(response.error_code) {
            Some(ErrorCode::None) => self.id.clone_from(&response.member_id),
            Some(ErrorCode::MemberIdRequired) => {
                self.id = response.member_id;
                return Ok(false);
            }
            Some(ErrorCode::UnknownMemberId) => {
                self.id.clear();
                return Ok(false);
            }
            Some(code) if code.retriable() => return Ok(false),
            _ => Failure::check("JoinGroup", response.error_code)?,
        }
        let sync = SyncGroupRequest {
            group_id: self.group.name.to_string(),
            generation_id: response.generation_id,
            member_id: self.id.clone(),
            protocol_type: Some(PROTOCOL_TYPE.into()),
            protocol_name: Some(ASSIGNOR.into()),
            assignments: self.assign(&response)?,
            ..Default::default()
        };
        let answer = connection.call(&sync).await?;
        match ErrorCode::from_code(answer.error_code) {
            Some(ErrorCode::None) => {}
            Some(code) if code.retriable() || is_rebalance(code) => return Ok(false),
            _ => Failure::check("SyncGroup", answer.error_code)?,
        }
        let assignment: ConsumerProtocolAssignment = decode_versioned(&answer.assignment)?;
        self.generation = response.generation_id;
        self.take_over(connection, &assignment, history).await?;
        Ok(true)
    }

    fn join_request(&self) -> Result<JoinGroupRequest, Failure> {
        let subscription = ConsumerProtocolSubscription {
            topics: vec![self.group.topic.to_string()],
            ..Default::default()
        };
        let metadata = encode_versioned(&subscription, 1)?;
        Ok(JoinGroupRequest {
            group_id: self.group.name.to_string(),
            session_timeout_ms: self.group.session_timeout_ms,
            rebalance_timeout_ms: 10_000,
            member_id: self.id.clone(),
            protocol_type: PROTOCOL_TYPE.into(),
            protocols: vec![JoinGroupRequestProtocol { name: ASSIGNOR.into(), metadata }],
            ..Default::default()
        })
    }

    /// As the leader: deals the partitions out.
    fn assign(
        &self,
        joined: &JoinGroupResponse,
    ) -> Result<Vec<SyncGroupRequestAssignment>, Failure> {
        let members = joined.members.len().max(1);
        let assignments = joined.members.iter().enumerate().map(|(at, member)| {
            let partitions = (0..self.group.partitions).skip(at).step_by(members).collect();
            let topic = TopicPartition { topic: self.group.topic.to_string(), partitions };
            let assignment = ConsumerProtocolAssignment {
                assigned_partitions: vec![topic],
                ..Default::default()
            };
            let assignment: Bytes = encode_versioned(&assignment, 1)?;
            Ok(SyncGroupRequestAssignment { member_id: member.member_id.clone(), assignment })
        });
        assignments.collect()
    }

    async fn take_over(
        &mut self,
        connection: &mut Connection,
        assignment: &ConsumerProtocolAssignment,
        history: &History,
    ) -> Result<(), Failure> {
        let assigned = assignment.assigned_partitions.iter();
        let partitions: Vec<i32> = assigned.flat_map(|topic| topic.partitions.clone()).collect();
        let Group { name, topic, .. } = self.group.clone();
        let found = admin::committed(connection, &name, &topic, &partitions).await?;
        self.committed = found.iter().filter_map(|(p, at)| Some((*p, (*at)?))).collect();
        self.positions.clear();
        for partition in partitions {
            let offset = self.committed.get(&partition).copied().unwrap_or(0);
            self.seek(partition, offset, history)?;
        }
        Ok(())
    }

    fn seek(&mut self, partition: i32, offset: i64, history: &History) -> Result<(), Failure> {
        self.positions.insert(partition, offset);
        let topic = (&*self.group.topic).into();
        history.observe(&Event::Seek { consumer: self.consumer, topic, partition, offset })?;
        Ok(())
    }

    /// True while the member belongs to its generation.
    async fn beat(&mut self, connection: &mut Connection) -> Result<bool, Failure> {
        let request = HeartbeatRequest {
            group_id: self.group.name.to_string(),
            generation_id: self.generation,
            member_id: self.id.clone(),
            ..Default::default()
        };
        let response = connection.call(&request).await?;
        match ErrorCode::from_code(response.error_code) {
            Some(ErrorCode::None) => return Ok(true),
            Some(code) if is_rebalance(code) => self.leave_generation(code),
            Some(code) if code.retriable() => tokio::time::sleep(BACKOFF).await,
            _ => Failure::check("Heartbeat", response.error_code)?,
        }
        Ok(false)
    }

    fn leave_generation(&mut self, code: ErrorCode) {
        self.generation = -1;
        if code == ErrorCode::UnknownMemberId {
            self.id.clear();
        }
    }

    async fn poll(
        &mut self,
        connection: &mut Connection,
        history: &History,
    ) -> Result<(), Failure> {
        let from: Vec<_> = self.positions.iter().map(|(p, at)| (*p, *at)).collect();
        if from.is_empty() {
            tokio::time::sleep(BACKOFF).await;
            return Ok(());
        }
        let topic = self.group.topic.clone();
        let isolation = Isolation::Uncommitted;
        for fetched in fetch(connection, &topic, &from, FETCH_WAIT_MS, isolation).await? {
            self.note(&fetched, history)?;
        }
        Ok(())
    }

    fn note(&mut self, fetched: &Fetched, history: &History) -> Result<(), Failure> {
        let Fetched { partition, .. } = *fetched;
        match fetched.code {
            ErrorCode::None => {}
            code if code.retriable() => return Ok(()),
            code => {
                let topic = &self.group.topic;
                let at = self.positions.get(&partition);
                history.accuse(format!("consumer of {topic}-{partition} at {at:?}: {code}"));
                return self.seek(partition, fetched.bounds.0.max(0), history);
            }
        }
        for record in &fetched.records {
            let Some(value) = record.value else {
                let topic = &self.group.topic;
                history.accuse(format!("{topic}-{partition}: foreign bytes at {}", record.offset));
                continue;
            };
            history.observe(&Event::Read {
                consumer: self.consumer,
                topic: (&*self.group.topic).into(),
                partition,
                offset: record.offset,
                value,
            })?;
        }
        self.positions.insert(partition, fetched.next);
        Ok(())
    }

    async fn commit(
        &mut self,
        connection: &mut Connection,
        history: &History,
    ) -> Result<(), Failure> {
        let news: Vec<_> = self
            .positions
            .iter()
            .map(|(partition, offset)| (*partition, *offset))
            .filter(|(partition, offset)| self.committed.get(partition) != Some(offset))
            .collect();
        if news.is_empty() {
            return Ok(());
        }
        let request = self.commit_request(&news);
        for (partition, offset) in &news {
            history.observe(&Event::Commit(self.commit_of(*partition, *offset)))?;
        }
        let response = match connection.call(&request).await {
            Ok(response) => response,
            Err(failure) => {
                for (partition, offset) in news {
                    history.observe(&Event::CommitUnknown(self.commit_of(partition, offset)))?;
                }
                return Err(failure);
            }
        };
        for answer in response.topics.iter().flat_map(|topic| &topic.partitions) {
            let asked = news.iter().find(|(partition, _)| *partition == answer.partition_index);
            let Some((partition, offset)) = asked.copied() else { continue };
            let commit = self.commit_of(partition, offset);
            match ErrorCode::from_code(answer.error_code) {
                Some(ErrorCode::None) => {
                    history.observe(&Event::CommitAcked(commit))?;
                    self.committed.insert(partition, offset);
                }
                Some(code) if is_rebalance(code) => {
                    history.observe(&Event::CommitFailed(commit))?;
                    self.leave_generation(code);
                }
                // The write failed, perhaps only after it had reached the disk.
                _ => history.observe(&Event::CommitUnknown(commit))?,
            }
        }
        Ok(())
    }

    fn commit_request(&self, offsets: &[(i32, i64)]) -> OffsetCommitRequest {
        let partitions = offsets.iter().map(|(partition, offset)| OffsetCommitRequestPartition {
            partition_index: *partition,
            committed_offset: *offset,
            committed_leader_epoch: -1,
            committed_metadata: Some(String::new()),
        });
        OffsetCommitRequest {
            group_id: self.group.name.to_string(),
            generation_id_or_member_epoch: self.generation,
            member_id: self.id.clone(),
            topics: vec![OffsetCommitRequestTopic {
                name: self.group.topic.to_string(),
                partitions: partitions.collect(),
                ..Default::default()
            }],
            ..Default::default()
        }
    }

    fn commit_of(&self, partition: i32, offset: i64) -> Commit<'static> {
        Commit {
            group: self.group.name.to_string().into(),
            topic: self.group.topic.to_string().into(),
            partition,
            offset,
        }
    }
}

/// The broker asks the member to join again.
fn is_rebalance(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::RebalanceInProgress
            | ErrorCode::UnknownMemberId
            | ErrorCode::IllegalGeneration
            | ErrorCode::FencedInstanceId
    )
}
