//! A member of a group: joins, reads its share, commits, and leaves or dies.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use thalweg_broker::{
    Broker, GroupError, GroupId, Heartbeat, InstanceId, JoinGroup, Joined, LeaveGroup, Leaver,
    MemberId, Protocol, SyncGroup,
};

use crate::commits::{CommitState, Offsets};
use crate::connection::{Connection, REQUEST_TIMEOUT, session};
use crate::reader::{Manner, Progress, Reader};
use crate::scenario::GroupPlan;
use crate::stage::{Stage, Target};

const SESSION_TIMEOUT: Duration = Duration::from_secs(4);
const REBALANCE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a member waits for an answer that takes a rebalance.
const REBALANCE_PATIENCE: Duration = Duration::from_secs(12);

/// A member, in one life of its process.
pub(crate) struct Member {
    stage: Stage,
    target: Target,
    group: GroupId,
    instance_id: Option<InstanceId>,
    id: MemberId,
    generation: i32,
    random: fastrand::Rng,
}

/// Why a member has no share, or none any more.
#[derive(Debug)]
pub(crate) enum Setback {
    /// The connection broke, or the coordinator is busy: try again.
    Retry,
    /// The group forms a new generation.
    Rejoin,
    /// The member is not known any more.
    Forgotten,
}

/// Plays a member until the stage's end; it dies and comes back now and then.
pub(crate) async fn belong(
    stage: Stage,
    target: Target,
    plan: GroupPlan,
    at: usize,
    mut random: fastrand::Rng,
) {
    while !stage.stop.started() {
        let mut member = Member::new(&stage, &target, &plan, at, random.fork());
        member.live().await;
        let silence = Duration::from_millis(random.u64(..6000));
        if !stage.pause(silence).await {
            return;
        }
    }
}

impl Member {
    pub fn new(
        stage: &Stage,
        target: &Target,
        plan: &GroupPlan,
        at: usize,
        random: fastrand::Rng,
    ) -> Self {
        Self {
            stage: stage.clone(),
            target: target.clone(),
            group: plan.name.as_str().into(),
            instance_id: plan.is_static.then(|| format!("{}-{at}", plan.name).into()),
            id: MemberId::default(),
            generation: -1,
            random,
        }
    }

    /// From joining to leaving, or to a death that nobody announces.
    async fn live(&mut self) {
        while !self.stage.stop.started() {
            let Some(connection) = self.stage.address.connect_within(REQUEST_TIMEOUT).await else {
                continue;
            };
            let setback = match self.enter(&connection).await {
                Ok(share) => match self.work(&connection, &share).await {
                    Ok(()) => return self.depart(&connection).await,
                    Err(setback) => setback,
                },
                Err(setback) => setback,
            };
            match setback {
                Setback::Rejoin => {}
                Setback::Forgotten => self.id = MemberId::default(),
                Setback::Retry => self.stage.env.sleep(Duration::from_millis(200)).await,
            }
        }
    }

    /// Joins the group and gets a share of the partitions.
    pub async fn enter(&mut self, connection: &Connection) -> Result<Vec<i32>, Setback> {
        let joined = self.join(connection).await?;
        let assignments = if joined.leader == joined.member_id {
            assign(&joined, self.target.partitions)
        } else {
            Vec::new()
        };
        let request = SyncGroup {
            group_id: self.group.clone(),
            generation: self.generation,
            member_id: self.id.clone(),
            instance_id: self.instance_id.clone(),
            protocol_type: joined.protocol_type,
            protocol: joined.protocol,
            assignments,
        };
        let work = |broker: Broker| async move { broker.sync_group(&session(), request).await };
        match connection.call(REBALANCE_PATIENCE, work).await {
            None => Err(Setback::Retry),
            Some(Ok(synced)) => {
                Ok(synced.assignment.iter().map(|number| i32::from(*number)).collect())
            }
            Some(Err(error)) => Err(self.setback("sync", error)),
        }
    }

    async fn join(&mut self, connection: &Connection) -> Result<Joined, Setback> {
        loop {
            let request = self.join_request();
            let work = |broker: Broker| async move { broker.join_group(&session(), request).await };
            match connection.call(REBALANCE_PATIENCE, work).await {
                None => return Err(Setback::Retry),
                Some(Ok(joined)) => {
                    self.id = joined.member_id.clone();
                    self.generation = joined.generation;
                    return Ok(joined);
                }
                Some(Err(refusal)) if refusal.error == GroupError::MemberIdRequired => {
                    self.id = refusal.member_id;
                }
                Some(Err(refusal)) => return Err(self.setback("join", refusal.error)),
            }
        }
    }

    fn join_request(&mut self) -> JoinGroup {
        JoinGroup {
            group_id: self.group.clone(),
            member_id: self.id.clone(),
            instance_id: self.instance_id.clone(),
            client_id: "sim".into(),
            client_host: "/127.0.0.1".into(),
            protocol_type: "consumer".into(),
            protocols: vec![Protocol { name: "range".into(), metadata: Bytes::new() }],
            session_timeout_ms: SESSION_TIMEOUT.as_millis() as i32,
            rebalance_timeout_ms: REBALANCE_TIMEOUT.as_millis() as i32,
            require_known_member_id: true,
            supports_skip_assignment: false,
            reason: None,
            fresh_uuid: Arc::from(format!("{:016x}", self.random.u64(..))),
        }
    }

    /// Reads the share and commits, with heartbeats between, until the member has had enough.
    async fn work(&mut self, connection: &Connection, share: &[i32]) -> Result<(), Setback> {
        let mut offsets = Offsets::new(&self.stage, &self.target, self.group.clone());
        let Some(committed) = offsets.fetch(connection, share).await else {
            return Err(Setback::Retry);
        };
        let mut reader = Reader::new(&self.stage, &self.target);
        for (partition, offset) in committed {
            match offset {
                Some(offset) => reader.seek(partition, offset),
                None if reader.begin(connection, partition).await => {}
                None => return Err(Setback::Retry),
            }
        }
        for _ in 0..self.random.u32(5..60) {
            self.heartbeat(connection).await?;
            if !share.is_empty() {
                let manner = Manner {
                    wait_max: Duration::from_millis(300),
                    ..Manner::any(&mut self.random)
                };
                let Progress::Read(_) = reader.poll(connection, manner).await else {
                    return Err(Setback::Retry);
                };
            }
            if self.random.u8(..3) == 0 {
                self.commit(connection, &mut offsets, &reader).await?;
            }
            let pause = Duration::from_millis(self.random.u64(50..800));
            if !self.stage.pause(pause).await {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn commit(
        &self,
        connection: &Connection,
        offsets: &mut Offsets,
        reader: &Reader,
    ) -> Result<(), Setback> {
        let who = CommitState {
            generation: self.generation,
            member_id: self.id.clone(),
            instance_id: self.instance_id.clone(),
        };
        match offsets.commit(connection, who, reader.positions()).await {
            None => Err(Setback::Retry),
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(self.setback("commit", error)),
        }
    }

    async fn heartbeat(&self, connection: &Connection) -> Result<(), Setback> {
        let request = Heartbeat {
            group_id: self.group.clone(),
            generation: self.generation,
            member_id: self.id.clone(),
            instance_id: self.instance_id.clone(),
        };
        let work = |broker: Broker| async move { broker.heartbeat(&session(), request).await };
        match connection.call(REQUEST_TIMEOUT, work).await {
            None => Err(Setback::Retry),
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(self.setback("heartbeat", error)),
        }
    }

    /// Leaves, or just falls silent.
    async fn depart(&mut self, connection: &Connection) {
        if self.random.bool() || self.instance_id.is_some() {
            return;
        }
        let leaver = Leaver { member_id: self.id.clone(), instance_id: None, reason: None };
        let request = LeaveGroup { group_id: self.group.clone(), members: vec![leaver] };
        let work = |broker: Broker| async move { broker.leave_group(&session(), request).await };
        let _ = connection.call(REQUEST_TIMEOUT, work).await;
    }

    /// What a member makes of a refusal.
    fn setback(&self, what: &str, error: GroupError) -> Setback {
        let (history, group) = (&self.stage.history, &self.group);
        history.note(format_args!("{what} in {group} is told: {error}"));
        match error {
            GroupError::CoordinatorLoadInProgress
            | GroupError::CoordinatorNotAvailable
            | GroupError::NotCoordinator => Setback::Retry,
            GroupError::RebalanceInProgress => Setback::Rejoin,
            GroupError::UnknownMemberId
            | GroupError::IllegalGeneration
            | GroupError::FencedInstanceId => Setback::Forgotten,
            error => {
                history.complain(format_args!("{what} in {group} is refused: {error}"));
                Setback::Forgotten
            }
        }
    }
}

/// Deals the partitions out; an assignment is one byte for each partition.
fn assign(joined: &Joined, partitions: i32) -> Vec<(MemberId, Bytes)> {
    let count = joined.members.len().max(1);
    let share = |at: usize| -> Bytes {
        (0..partitions).filter(|number| *number as usize % count == at).map(|n| n as u8).collect()
    };
    let members = joined.members.iter().enumerate();
    members.map(|(at, member)| (member.member_id.clone(), share(at))).collect()
}
