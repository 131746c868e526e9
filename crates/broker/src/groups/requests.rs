//! What clients ask of groups, brought to the coordinator that has them.

use std::sync::Arc;

use thalweg_cluster::acl::{AclOperation, AclTarget, ResourceType};
use thalweg_groups::{
    CommitPartition, DeleteGroups, DeletedGroup, DescribeGroups, DescribedGroup, FetchedOffset,
    GroupError, GroupId, GroupState, Heartbeat, JoinGroup, JoinRefusal, Joined, LeaveGroup, Left,
    ListGroups, ListedGroup, OffsetCommit, OffsetDelete, OffsetFetch, PartitionResult, Reply,
    Request, SyncGroup, Synced, TopicPartitions,
};
use thalweg_types::{LeaderEpoch, Offset};

use super::GroupCoordinators;
use super::coordinator::Command;
use crate::coordinators::shard_of;
use crate::{Broker, BrokerError, ClusterTable, Session, TopicKey};

/// What became of one offset of a commit, or of a deletion.
#[derive(Debug)]
pub struct CommitOutcome {
    /// The partition.
    pub partition: i32,
    /// Whether it was done. An error may be that of many partitions.
    pub result: Result<(), Arc<BrokerError>>,
}

/// All groups, as far as their coordinators could say.
#[derive(Debug, Default)]
pub struct GroupListing {
    /// The groups.
    pub groups: Vec<ListedGroup>,
    /// Why some are missing, if some are.
    pub error: Option<GroupError>,
}

/// Asks a coordinator and takes the reply that belongs to the request.
macro_rules! ask {
    ($broker:expr, $group:expr, $kind:ident($request:expr)) => {
        match $broker.ask($group, Request::$kind($request)).await {
            Ok(Reply::$kind(result)) => result,
            Ok(_) => Err(GroupError::UnknownServerError),
            Err(error) => Err(error),
        }
    };
}

/// Members.
impl Broker {
    /// Makes sure that there is a coordinator for `group`, which is on this broker.
    pub async fn find_coordinator(
        &self,
        session: &Session,
        group: &str,
    ) -> Result<(), BrokerError> {
        self.table().authorize(session, AclOperation::Describe, AclTarget::group(group))?;
        self.group_coordinators().await.map(|_| ())
    }

    /// Enters a group; completes when the group has formed its next generation.
    pub async fn join_group(
        &self,
        session: &Session,
        request: JoinGroup,
    ) -> Result<Joined, JoinRefusal> {
        let refused = |member_id, error| JoinRefusal { member_id, error };
        let (group, member_id) = (request.group_id.clone(), request.member_id.clone());
        let authorized = self.authorize_member(session, &group);
        authorized.map_err(|error| refused(member_id.clone(), error))?;
        match self.ask(group.as_str(), Request::JoinGroup(request)).await {
            Ok(Reply::JoinGroup(result)) => result,
            Ok(_) => Err(refused(member_id, GroupError::UnknownServerError)),
            Err(error) => Err(refused(member_id, error)),
        }
    }

    /// Brings or fetches assignments; completes when the leader has brought them.
    pub async fn sync_group(
        &self,
        session: &Session,
        request: SyncGroup,
    ) -> Result<Synced, GroupError> {
        self.authorize_member(session, &request.group_id)?;
        ask!(self, request.group_id.clone().as_str(), SyncGroup(request))
    }

    /// Says that a member lives.
    pub async fn heartbeat(&self, session: &Session, request: Heartbeat) -> Result<(), GroupError> {
        self.authorize_member(session, &request.group_id)?;
        ask!(self, request.group_id.clone().as_str(), Heartbeat(request))
    }

    /// Lets members leave.
    pub async fn leave_group(
        &self,
        session: &Session,
        request: LeaveGroup,
    ) -> Result<Vec<Left>, GroupError> {
        self.authorize_member(session, &request.group_id)?;
        ask!(self, request.group_id.clone().as_str(), LeaveGroup(request))
    }

    /// Who is in a group reads for it.
    fn authorize_member(&self, session: &Session, group: &GroupId) -> Result<(), GroupError> {
        self.table().authorize_group(session, AclOperation::Read, group.as_str())
    }
}

/// Offsets.
impl Broker {
    /// Commits offsets of partitions that exist and that the client may read; the others are refused
    /// one by one, behind them, and the coordinator is not asked if no other is left. An error of the
    /// group is the outcome for each. Committed is durable. Topics come back with their ids.
    pub async fn commit_offsets(
        &self,
        session: &Session,
        mut request: OffsetCommit,
    ) -> Vec<TopicPartitions<CommitOutcome>> {
        let refused = self.take_refused(session, &mut request);
        let asked = AskedOffsets::of(&request.topics);
        if asked.is_empty() {
            return with_refused(asked.all(&Ok(())), refused);
        }
        let committed = ask!(self, request.group_id.clone().as_str(), OffsetCommit(request));
        with_refused(asked.outcomes(committed.map_err(BrokerError::from)), refused)
    }

    /// Names the topics of a commit, and takes out what the client may not read or what does not exist;
    /// all of it if the client may not use the group.
    pub(crate) fn take_refused(&self, session: &Session, request: &mut OffsetCommit) -> Refused {
        let table = self.table();
        request.topics.iter_mut().for_each(|topic| identify(&table, topic));
        let group = request.group_id.as_str();
        if let Err(error) = table.authorize_group(session, AclOperation::Read, group) {
            let error = Arc::new(BrokerError::from(error));
            let topics = request.topics.iter_mut();
            return topics.map(|topic| take_all(topic, |item| item.partition, &error)).collect();
        }
        let mut refused = Vec::with_capacity(request.topics.len());
        for topic in &mut request.topics {
            let mut outcomes = take_unreadable(&table, session, topic, |item| item.partition);
            outcomes.extend(take_unknown(&table, topic));
            refused.push(outcomes);
        }
        refused
    }

    /// The offsets of a group. Topics that were asked for come back with their ids, if they exist.
    /// Of topics that the client may not know of, those that it has asked for come back refused, and
    /// the others not at all.
    pub async fn fetch_offsets(
        &self,
        session: &Session,
        request: OffsetFetch,
    ) -> Result<Vec<TopicPartitions<FetchedOffset>>, GroupError> {
        let table = self.table();
        table.authorize_group(session, AclOperation::Describe, request.group_id.as_str())?;
        let asks_for_all = request.topics.is_none();
        let mut topics = self.committed_offsets(request).await?;
        let is_hidden = |topic: &TopicPartitions<FetchedOffset>| {
            let target = AclTarget::topic(topic.name.as_str());
            !table.allows(session, AclOperation::Describe, target)
        };
        if asks_for_all {
            topics.retain(|topic| !is_hidden(topic));
        } else {
            topics.iter_mut().filter(|topic| is_hidden(topic)).for_each(hide);
        }
        Ok(topics)
    }

    /// The offsets of a group, for the process itself.
    pub(super) async fn committed_offsets(
        &self,
        mut request: OffsetFetch,
    ) -> Result<Vec<TopicPartitions<FetchedOffset>>, GroupError> {
        let table = self.table();
        request.topics.iter_mut().flatten().for_each(|topic| identify(&table, topic));
        ask!(self, request.group_id.clone().as_str(), OffsetFetch(request))
    }

    /// Forgets offsets of topics that the group does not read and the client may.
    pub async fn delete_offsets(
        &self,
        session: &Session,
        mut request: OffsetDelete,
    ) -> Result<Vec<TopicPartitions<CommitOutcome>>, GroupError> {
        let table = self.table();
        table.authorize_group(session, AclOperation::Delete, request.group_id.as_str())?;
        let topics = request.topics.iter_mut();
        let refused = topics
            .map(|topic| take_unreadable(&table, session, topic, |partition| *partition))
            .collect();
        let deleted = ask!(self, request.group_id.clone().as_str(), OffsetDelete(request))?;
        Ok(with_refused(outcomes(deleted), refused))
    }
}

/// Administration.
impl Broker {
    /// Describes groups, in the order of the request.
    pub async fn describe_groups(
        &self,
        session: &Session,
        request: DescribeGroups,
    ) -> Vec<DescribedGroup> {
        let table = self.table();
        let reports_missing_group = request.reports_missing_group;
        let mut described = Vec::with_capacity(request.group_ids.len());
        for group_id in request.group_ids {
            let authorized =
                table.authorize_group(session, AclOperation::Describe, group_id.as_str());
            if let Err(error) = authorized {
                described.push(undescribed(group_id, error));
                continue;
            }
            let one = DescribeGroups { group_ids: vec![group_id.clone()], reports_missing_group };
            let result = ask!(self, group_id.as_str(), DescribeGroups(one));
            described.push(match result.map(|mut groups| groups.pop()) {
                Ok(Some(group)) => group,
                Ok(None) => undescribed(group_id, GroupError::UnknownServerError),
                Err(error) => undescribed(group_id, error),
            });
        }
        described
    }

    /// Deletes groups that have no members, in the order of the request.
    pub async fn delete_groups(
        &self,
        session: &Session,
        request: DeleteGroups,
    ) -> Vec<DeletedGroup> {
        let table = self.table();
        let mut deleted = Vec::with_capacity(request.group_ids.len());
        for group_id in request.group_ids {
            let authorized =
                table.authorize_group(session, AclOperation::Delete, group_id.as_str());
            let result = match authorized {
                Ok(()) => self.delete_group(&group_id).await,
                Err(error) => Err(error),
            };
            deleted.push(DeletedGroup { group_id, result });
        }
        deleted
    }

    async fn delete_group(&self, group_id: &GroupId) -> Result<(), GroupError> {
        let one = DeleteGroups { group_ids: vec![group_id.clone()] };
        let mut groups = ask!(self, group_id.as_str(), DeleteGroups(one))?;
        groups.pop().map_or(Err(GroupError::UnknownServerError), |group| group.result)
    }

    /// Lists the groups that the client may know of, all of them if it may know the cluster.
    pub async fn list_groups(&self, session: &Session, request: ListGroups) -> GroupListing {
        let table = self.table();
        let mut listing = self.all_groups(request).await;
        if !table.grants_cluster(session, AclOperation::Describe) {
            listing.groups.retain(|group| {
                let target = AclTarget::group(group.group_id.as_str());
                table.allows(session, AclOperation::Describe, target)
            });
        }
        listing
    }

    /// The groups of all coordinators. Before the first group there is none to ask.
    pub(super) async fn all_groups(&self, request: ListGroups) -> GroupListing {
        let groups = &self.shared.groups;
        let ask = |partition| {
            let request = Request::ListGroups(request.clone());
            groups.ask(partition, |reply| Command::Request { request, reply })
        };
        let asked: Vec<_> = (0..groups.senders().len()).map(ask).collect();
        let mut listing = GroupListing::default();
        for asked in asked {
            match asked.reply().await {
                Ok(Reply::ListGroups(Ok(groups))) => listing.groups.extend(groups),
                Ok(Reply::ListGroups(Err(error))) => listing.error = Some(error),
                Err(error) => listing.error = Some(error.into()),
                Ok(_) => listing.error = Some(GroupError::UnknownServerError),
            }
        }
        listing
    }
}

impl Broker {
    /// Asks the coordinator of `group`, and waits for its reply as long as that takes.
    async fn ask(&self, group: &str, request: Request) -> Result<Reply, GroupError> {
        let groups = self.group_coordinators().await.map_err(|error| {
            tracing::warn!(%error, "the offsets topic cannot be created");
            GroupError::CoordinatorNotAvailable
        })?;
        let partition = shard_of(group, groups.senders().len());
        Ok(groups.ask(partition, |reply| Command::Request { request, reply }).reply().await?)
    }

    /// The coordinators, started if need be.
    pub(crate) async fn group_coordinators(&self) -> Result<&GroupCoordinators, BrokerError> {
        let groups = &self.shared.groups;
        if groups.senders().is_empty() {
            groups.start(&self.offsets_topic().await?.partitions);
        }
        Ok(groups)
    }
}

/// Says which incarnation of a topic is meant, where the client did not: the one that is there. An
/// offset of an older one is of no use to anybody.
fn identify<T>(table: &ClusterTable, topic: &mut TopicPartitions<T>) {
    if let (true, Ok(found)) =
        (topic.id.is_zero(), table.topic(TopicKey::Name(topic.name.as_str())))
    {
        topic.id = found.id();
    }
}

/// Takes all partitions of a topic that the client may not read.
fn take_unreadable<T>(
    table: &ClusterTable,
    session: &Session,
    topic: &mut TopicPartitions<T>,
    partition: impl Fn(&T) -> i32,
) -> Vec<CommitOutcome> {
    if table.allows(session, AclOperation::Read, AclTarget::topic(topic.name.as_str())) {
        return Vec::new();
    }
    take_all(topic, partition, &Arc::new(BrokerError::Unauthorized(ResourceType::Topic)))
}

fn take_all<T>(
    topic: &mut TopicPartitions<T>,
    partition: impl Fn(&T) -> i32,
    error: &Arc<BrokerError>,
) -> Vec<CommitOutcome> {
    let items = std::mem::take(&mut topic.partitions).into_iter();
    items
        .map(|item| CommitOutcome { partition: partition(&item), result: Err(error.clone()) })
        .collect()
}

/// Does not tell the offsets of a topic that the client may not know of, nor whether it exists.
fn hide(topic: &mut TopicPartitions<FetchedOffset>) {
    for fetched in &mut topic.partitions {
        *fetched = FetchedOffset {
            partition: fetched.partition,
            offset: Offset::NONE,
            leader_epoch: LeaderEpoch::NONE,
            metadata: String::new(),
            result: Err(GroupError::TopicAuthorizationFailed),
        };
    }
}

/// For each topic of a commit, what its coordinator is not asked for.
pub(crate) type Refused = Vec<Vec<CommitOutcome>>;

/// What the coordinator did, and behind it what it was not asked for.
pub(crate) fn with_refused(
    done: Vec<TopicPartitions<CommitOutcome>>,
    refused: Refused,
) -> Vec<TopicPartitions<CommitOutcome>> {
    let topics = done.into_iter().zip(refused).map(|(mut topic, refused)| {
        topic.partitions.extend(refused);
        topic
    });
    topics.collect()
}

/// The offsets of a commit, without what shall be committed.
pub struct AskedOffsets(Vec<TopicPartitions<i32>>);

impl AskedOffsets {
    /// The offsets of these topics.
    pub fn of(topics: &[TopicPartitions<CommitPartition>]) -> Self {
        let topics = topics.iter().map(|topic| TopicPartitions {
            name: topic.name.clone(),
            id: topic.id,
            partitions: topic.partitions.iter().map(|item| item.partition).collect(),
        });
        Self(topics.collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|topic| topic.partitions.is_empty())
    }

    /// The same outcome for all of them.
    pub fn all(self, result: &Result<(), Arc<BrokerError>>) -> Vec<TopicPartitions<CommitOutcome>> {
        each(self.0, |partition| CommitOutcome { partition, result: result.clone() })
    }

    /// What the coordinator says of each, or the same for all if it does not.
    pub(crate) fn outcomes(
        self,
        answer: Result<Vec<TopicPartitions<PartitionResult>>, BrokerError>,
    ) -> Vec<TopicPartitions<CommitOutcome>> {
        match answer {
            Ok(topics) => outcomes(topics),
            Err(error) => self.all(&Err(Arc::new(error))),
        }
    }
}

/// Takes the partitions that do not exist out of a commit.
fn take_unknown(
    table: &ClusterTable,
    topic: &mut TopicPartitions<CommitPartition>,
) -> Vec<CommitOutcome> {
    let found = table.topic(TopicKey::Name(topic.name.as_str())).ok();
    let found = found.filter(|found| topic.id == found.id());
    let count = found.map_or(0, |found| found.partition_count());
    let unknown = topic.partitions.extract_if(.., |item| !(0..count).contains(&item.partition));
    unknown
        .map(|item| CommitOutcome {
            partition: item.partition,
            result: Err(Arc::new(BrokerError::UnknownTopicOrPartition)),
        })
        .collect()
}

/// What the coordinator did, in the words of the broker.
fn outcomes(topics: Vec<TopicPartitions<PartitionResult>>) -> Vec<TopicPartitions<CommitOutcome>> {
    each(topics, |item| CommitOutcome {
        partition: item.partition,
        result: item.result.map_err(|error| Arc::new(error.into())),
    })
}

fn each<T>(
    topics: Vec<TopicPartitions<T>>,
    outcome: impl Fn(T) -> CommitOutcome,
) -> Vec<TopicPartitions<CommitOutcome>> {
    let topics = topics.into_iter().map(|TopicPartitions { name, id, partitions }| {
        TopicPartitions { name, id, partitions: partitions.into_iter().map(&outcome).collect() }
    });
    topics.collect()
}

/// A group that nobody could describe.
fn undescribed(group_id: GroupId, error: GroupError) -> DescribedGroup {
    DescribedGroup {
        group_id,
        result: Err(error),
        state: GroupState::Dead,
        protocol_type: Arc::from(""),
        protocol: Arc::from(""),
        members: Vec::new(),
    }
}
