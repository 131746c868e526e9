//! One member of a group: joins, shows signs of life, commits, leaves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use thalweg_env::Instant;
use thalweg_kafka_wire::messages::consumer_protocol_assignment::TopicPartition;
use thalweg_kafka_wire::messages::join_group_request::JoinGroupRequestProtocol;
use thalweg_kafka_wire::messages::join_group_response::JoinGroupResponseMember;
use thalweg_kafka_wire::messages::leave_group_request::MemberIdentity;
use thalweg_kafka_wire::messages::sync_group_request::SyncGroupRequestAssignment;
use thalweg_kafka_wire::messages::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription, HeartbeatRequest, JoinGroupRequest,
    JoinGroupResponse, LeaveGroupRequest, SyncGroupRequest,
};
use thalweg_kafka_wire::{ErrorCode, WireError, decode_versioned, encode_versioned};

use super::assignor::assign;
use crate::client::connection::Connection;
use crate::client::offsets::{check_commit, commit_request};
use crate::client::{Client, ClientError};

const PROTOCOL_TYPE: &str = "consumer";
const ASSIGNOR: &str = "range";
const SESSION_TIMEOUT: Duration = Duration::from_secs(45);
const REBALANCE_TIMEOUT: Duration = Duration::from_mins(1);
/// How often to show a sign of life; a third of the session timeout at most.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(3);
const BACKOFF: Duration = Duration::from_millis(200);

/// A member that reads one topic.
pub struct Member {
    client: Arc<Client>,
    /// The coordinator. A connection of its own: joining may wait long, and would hold up others.
    connection: Connection,
    group: String,
    topic: String,
    id: String,
    generation: i32,
    next_heartbeat: Instant,
}

impl Member {
    /// A member-to-be of `group`.
    pub async fn connect(
        client: &Arc<Client>,
        group: &str,
        topic: &str,
    ) -> Result<Self, ClientError> {
        Ok(Self {
            client: Arc::clone(client),
            connection: client.retry(async || client.open_coordinator(group).await).await?,
            group: group.to_owned(),
            topic: topic.to_owned(),
            id: String::new(),
            generation: -1,
            next_heartbeat: client.env().now(),
        })
    }

    /// Joins, or joins again, and waits for the others. Returns this member's partitions.
    pub async fn join(&mut self) -> Result<Vec<i32>, ClientError> {
        loop {
            match self.try_join().await {
                Ok(partitions) => return Ok(partitions),
                Err(error) => self.recover(error).await?,
            }
        }
    }

    /// Shows a sign of life if it is time. `false` means that the group rebalances: commit, and
    /// join again.
    pub async fn heartbeat(&mut self) -> Result<bool, ClientError> {
        let now = self.client.env().now();
        if now < self.next_heartbeat {
            return Ok(true);
        }
        self.next_heartbeat = now + HEARTBEAT_INTERVAL;
        let request = HeartbeatRequest {
            group_id: self.group.clone(),
            generation_id: self.generation,
            member_id: self.id.clone(),
            ..Default::default()
        };
        let code = match self.connection.call(&request).await {
            Ok(response) => response.error_code,
            // The coordinator is gone; joining finds the next one.
            Err(error) if error.retriable() => return Ok(false),
            Err(error) => return Err(error),
        };
        match self.check(code, "cannot stay in") {
            Ok(()) => Ok(true),
            Err(error) if error.retriable() || must_rejoin(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Commits the offsets of the next records to read.
    pub async fn commit(&self, offsets: &BTreeMap<i32, i64>) -> Result<(), ClientError> {
        if offsets.is_empty() {
            return Ok(());
        }
        let request = commit_request(&self.group, &self.topic, offsets, self.generation, &self.id);
        let response = self.connection.call(&request).await?;
        check_commit(&self.group, &response)
    }

    /// Leaves, so that the others need not wait for the session to expire.
    pub async fn leave(self) -> Result<(), ClientError> {
        let request = LeaveGroupRequest {
            group_id: self.group.clone(),
            members: vec![MemberIdentity { member_id: self.id.clone(), ..Default::default() }],
            ..Default::default()
        };
        let response = self.connection.call(&request).await?;
        self.check(response.error_code, "cannot leave")
    }

    async fn try_join(&mut self) -> Result<Vec<i32>, ClientError> {
        let joined = self.connection.start(&self.join_request()?).await?;
        let joined = joined.answer(REBALANCE_TIMEOUT).await?;
        if joined.error_code == ErrorCode::MemberIdRequired.code() {
            self.id = joined.member_id;
            return Box::pin(self.try_join()).await;
        }
        self.check(joined.error_code, "cannot join")?;
        self.id.clone_from(&joined.member_id);
        self.generation = joined.generation_id;
        let leads = joined.leader == joined.member_id && !joined.skip_assignment;
        let assignments = if leads { self.assign(&joined).await? } else { Vec::new() };
        let request = SyncGroupRequest {
            group_id: self.group.clone(),
            generation_id: self.generation,
            member_id: self.id.clone(),
            protocol_type: joined.protocol_type,
            protocol_name: joined.protocol_name,
            assignments,
            ..Default::default()
        };
        let synced = self.connection.start(&request).await?.answer(REBALANCE_TIMEOUT).await?;
        self.check(synced.error_code, "cannot join")?;
        self.next_heartbeat = self.client.env().now() + HEARTBEAT_INTERVAL;
        self.own_partitions(&synced.assignment)
    }

    fn join_request(&self) -> Result<JoinGroupRequest, ClientError> {
        /// The version whose fields are all that a range assignment needs.
        const VERSION: i16 = 1;
        let subscription =
            ConsumerProtocolSubscription { topics: vec![self.topic.clone()], ..Default::default() };
        let metadata = encode_versioned(&subscription, VERSION).map_err(ClientError::Request)?;
        Ok(JoinGroupRequest {
            group_id: self.group.clone(),
            session_timeout_ms: SESSION_TIMEOUT.as_millis() as i32,
            rebalance_timeout_ms: REBALANCE_TIMEOUT.as_millis() as i32,
            member_id: self.id.clone(),
            protocol_type: PROTOCOL_TYPE.to_owned(),
            protocols: vec![JoinGroupRequestProtocol { name: ASSIGNOR.to_owned(), metadata }],
            ..Default::default()
        })
    }

    /// As the group's leader: who gets what.
    async fn assign(
        &self,
        joined: &JoinGroupResponse,
    ) -> Result<Vec<SyncGroupRequestAssignment>, ClientError> {
        let topics_of = |member: &JoinGroupResponseMember| {
            let subscription: ConsumerProtocolSubscription = decode_versioned(&member.metadata)?;
            Ok((member.member_id.clone(), subscription.topics))
        };
        let subscriptions: Result<BTreeMap<_, _>, WireError> =
            joined.members.iter().map(topics_of).collect();
        let subscriptions = subscriptions.map_err(|source| self.malformed(source))?;
        let topics: BTreeSet<&String> = subscriptions.values().flatten().collect();
        let mut partitions = BTreeMap::new();
        for topic in topics {
            match self.client.topic(topic).await {
                Ok(found) => partitions.insert(topic.clone(), found.partitions.len() as i32),
                Err(ClientError::NoTopic(_)) => None,
                Err(error) => return Err(error),
            };
        }
        let assignment = assign(&subscriptions, &partitions);
        assignment.into_iter().map(|(member, topics)| encode_assignment(member, topics)).collect()
    }

    fn own_partitions(&self, assignment: &[u8]) -> Result<Vec<i32>, ClientError> {
        if assignment.is_empty() {
            return Ok(Vec::new());
        }
        let assignment: ConsumerProtocolAssignment =
            decode_versioned(assignment).map_err(|source| self.malformed(source))?;
        let own = assignment.assigned_partitions.into_iter().filter(|t| t.topic == self.topic);
        Ok(own.flat_map(|topic| topic.partitions).collect())
    }

    /// Gets ready for another attempt to join, unless the error is final.
    async fn recover(&mut self, error: ClientError) -> Result<(), ClientError> {
        if !error.retriable() && !must_rejoin(&error) {
            return Err(error);
        }
        if error.code() == Some(ErrorCode::UnknownMemberId) {
            self.id.clear();
        }
        self.client.env().sleep(BACKOFF).await;
        if error.retriable() {
            let client = &self.client;
            let open = async || client.open_coordinator(&self.group).await;
            self.connection = client.retry(open).await?;
        }
        Ok(())
    }

    fn check(&self, code: i16, what: &str) -> Result<(), ClientError> {
        ClientError::check(code, None, || format!("{what} group '{}'", self.group))
    }

    fn malformed(&self, source: WireError) -> ClientError {
        ClientError::Protocol { address: self.connection.address().clone(), source }
    }
}

fn must_rejoin(error: &ClientError) -> bool {
    matches!(
        error.code(),
        Some(
            ErrorCode::RebalanceInProgress
                | ErrorCode::IllegalGeneration
                | ErrorCode::UnknownMemberId
        )
    )
}

fn encode_assignment(
    member_id: String,
    topics: BTreeMap<String, Vec<i32>>,
) -> Result<SyncGroupRequestAssignment, ClientError> {
    let topics = topics.into_iter();
    let assignment = ConsumerProtocolAssignment {
        assigned_partitions: topics
            .map(|(topic, partitions)| TopicPartition { topic, partitions })
            .collect(),
        user_data: None,
    };
    let assignment = encode_versioned(&assignment, 0).map_err(ClientError::Request)?;
    Ok(SyncGroupRequestAssignment { member_id, assignment })
}
