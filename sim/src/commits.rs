//! Committing offsets of a group and fetching them back, and what the history has to know of both.

use std::collections::BTreeMap;
use std::sync::Arc;

use thalweg_broker::{
    Broker, BrokerError, CommitOutcome, CommitPartition, FetchedOffset, GroupError, GroupId,
    InTransaction, InstanceId, MemberId, OffsetCommit, OffsetFetch, Producer, TopicPartitions,
    TxnOffsetCommit,
};
use thalweg_checker::{Commit, Event};
use thalweg_types::{LeaderEpoch, Offset, TopicId, TopicName};

use crate::connection::{Connection, REQUEST_TIMEOUT, session};
use crate::stage::{Stage, Target};
use crate::transactor::{Weight, weigh_any};

/// The offsets of one group on one topic.
pub(crate) struct Offsets {
    stage: Stage,
    target: Target,
    group: GroupId,
}

/// Who commits.
pub(crate) struct CommitState {
    pub generation: i32,
    pub member_id: MemberId,
    pub instance_id: Option<InstanceId>,
}

type Fetched = Result<Vec<TopicPartitions<FetchedOffset>>, GroupError>;

impl Offsets {
    pub fn new(stage: &Stage, target: &Target, group: GroupId) -> Self {
        Self { stage: stage.clone(), target: target.clone(), group }
    }

    /// The committed offsets of `partitions`; `None` if nobody could tell.
    pub async fn fetch(
        &self,
        connection: &Connection,
        partitions: &[i32],
    ) -> Option<Vec<(i32, Option<i64>)>> {
        let topics = vec![self.topic(partitions.to_vec())?];
        let request = OffsetFetch {
            group_id: self.group.clone(),
            topics: Some(topics),
            require_stable: true,
        };
        let before: Vec<u64> = partitions.iter().map(|partition| self.seen(*partition)).collect();
        let work = |broker: Broker| async move { broker.fetch_offsets(&session(), request).await };
        let fetched: Fetched = connection.call(REQUEST_TIMEOUT, work).await?;
        let fetched = match fetched {
            Ok(mut topics) => topics.pop()?.partitions,
            Err(error) => {
                self.stage.history.note(format_args!("offsets of {}: {error}", self.group));
                return None;
            }
        };
        let mut offsets = Vec::with_capacity(fetched.len());
        for (item, before) in fetched.into_iter().zip(before) {
            item.result.ok()?;
            let offset = (item.offset != Offset::NONE).then_some(item.offset.0);
            if self.seen(item.partition) == before {
                self.note_committed(item.partition, offset);
            }
            offsets.push((item.partition, offset));
        }
        Some(offsets)
    }

    /// Commits positions; `None` if the outcome is open.
    pub async fn commit(
        &self,
        connection: &Connection,
        who: CommitState,
        positions: &BTreeMap<i32, i64>,
    ) -> Option<Result<(), GroupError>> {
        let request = self.request(who, positions)?;
        self.note(positions, Event::Commit);
        let work = |broker: Broker| async move { broker.commit_offsets(&session(), request).await };
        let committed = connection.call(REQUEST_TIMEOUT, work).await;
        if committed.is_none() {
            self.note(positions, Event::CommitUnknown);
        }
        committed.map(|topics| self.settle(positions, topics))
    }

    /// Tells the history which offsets are about to become part of a transaction.
    pub fn note_in_transaction(&self, transaction: u32, positions: &BTreeMap<i32, i64>) {
        let event = |commit| Event::TxnOffset { transaction, commit };
        self.note(positions, event);
    }

    /// Makes positions part of a transaction. What is refused may be asked for again.
    pub async fn commit_in_transaction(
        &self,
        connection: &Connection,
        transaction: &InTransaction,
        who: Producer,
        positions: &BTreeMap<i32, i64>,
    ) -> Result<(), Weight> {
        let transaction = transaction.clone();
        let who_commits =
            CommitState { generation: -1, member_id: MemberId::default(), instance_id: None };
        let commit = self.request(who_commits, positions).ok_or(Weight::Wrong)?;
        let request = TxnOffsetCommit { producer: who, commit };
        let is_old = !transaction.implicit;
        let group = self.group.clone();
        let work = move |broker: Broker| async move {
            if is_old {
                let id = transaction.transactional_id.clone();
                broker.add_offsets_to_transaction(&session(), id, who, group.as_str()).await?;
            }
            Ok(broker.commit_offsets_in_transaction(&session(), &transaction, request).await)
        };
        let answer = connection.call(REQUEST_TIMEOUT, work).await.ok_or(Weight::Later)?;
        let outcomes = answer.map(|topics| topics.into_iter().flat_map(|topic| topic.partitions));
        let outcome = outcomes.and_then(|mut all| all.try_for_each(|outcome| outcome.result));
        outcome.map_err(|error| {
            let history = &self.stage.history;
            history.note(format_args!("offsets of {} in a transaction: {error}", self.group));
            let weight = weigh_any(&error);
            if weight == Weight::Wrong {
                history.complain(format_args!("offsets in a transaction are refused: {error}"));
            }
            weight
        })
    }

    fn request(&self, who: CommitState, positions: &BTreeMap<i32, i64>) -> Option<OffsetCommit> {
        let items = positions.iter().map(|(partition, offset)| CommitPartition {
            partition: *partition,
            offset: Offset(*offset),
            leader_epoch: LeaderEpoch::NONE,
            metadata: None,
        });
        Some(OffsetCommit {
            group_id: self.group.clone(),
            generation: who.generation,
            member_id: who.member_id,
            instance_id: who.instance_id,
            retention_ms: None,
            reports_missing_group: true,
            topics: vec![self.topic(items.collect())?],
        })
    }

    fn settle(
        &self,
        positions: &BTreeMap<i32, i64>,
        topics: Vec<TopicPartitions<CommitOutcome>>,
    ) -> Result<(), GroupError> {
        let mut outcome = Ok(());
        for item in topics.into_iter().flat_map(|topic| topic.partitions) {
            let Some(offset) = positions.get(&item.partition) else { continue };
            let commit = self.event(item.partition, *offset);
            self.stage.history.add(&match item.result.as_ref().map_err(Arc::as_ref) {
                Ok(()) => Event::CommitAcked(commit),
                Err(BrokerError::Group(error)) => {
                    outcome = Err(*error);
                    refused(*error)(commit)
                }
                Err(error) => {
                    self.stage.history.complain(format_args!("a commit is refused: {error}"));
                    Event::CommitFailed(commit)
                }
            });
        }
        outcome
    }

    fn note<'a>(&'a self, positions: &BTreeMap<i32, i64>, event: impl Fn(Commit<'a>) -> Event<'a>) {
        for (partition, offset) in positions {
            self.stage.history.add(&event(self.event(*partition, *offset)));
        }
    }

    fn event(&self, partition: i32, offset: i64) -> Commit<'_> {
        Commit {
            group: self.group.as_str().into(),
            topic: (&*self.target.name).into(),
            partition,
            offset,
        }
    }

    fn note_committed(&self, partition: i32, offset: Option<i64>) {
        self.stage.history.add(&Event::Committed {
            group: self.group.as_str().into(),
            topic: (&*self.target.name).into(),
            partition,
            offset,
        });
    }

    fn seen(&self, partition: i32) -> u64 {
        self.stage.history.commits_seen(self.group.as_str(), &self.target.name, partition)
    }

    fn topic<T>(&self, partitions: Vec<T>) -> Option<TopicPartitions<T>> {
        let name = TopicName::new(&self.target.name).ok()?;
        Some(TopicPartitions { name, id: TopicId::ZERO, partitions })
    }
}

/// What a refusal says of a commit. Of a coordinator that has lost its state, what it was at may stand in
/// its partition.
fn refused<'a>(error: GroupError) -> fn(Commit<'a>) -> Event<'a> {
    match error {
        GroupError::NotCoordinator => Event::CommitUnknown,
        _ => Event::CommitFailed,
    }
}
