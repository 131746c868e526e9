//! Questions about a partition's offsets, and moving its start.

use std::sync::Arc;
use std::time::Duration;

use thalweg_cluster::acl::AclOperation;
use thalweg_log::{Partition, ProducerState, TimestampOffset};
use thalweg_types::{LeaderEpoch, Offset, ProducerId, Timestamp};

use crate::fetch::{EpochEnd, check_epoch};
use crate::{Broker, BrokerError, Isolation, Session, TopicKey};

/// Which offset is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetSpec {
    /// One past the last visible record.
    Latest,
    /// The first that is kept.
    Earliest,
    /// That of the record with the largest timestamp (KIP-734).
    MaxTimestamp,
    /// The first that is kept on the broker itself (KIP-405).
    EarliestLocal,
    /// The last that is in a remote store (KIP-1005).
    LatestTiered,
    /// The first that is still to be copied to a remote store (KIP-1023).
    EarliestPendingUpload,
    /// That of the first record at or after this time.
    Timestamp(Timestamp),
}

/// An offset that was asked for. All three are "none" if there is no such record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedOffset {
    /// The offset.
    pub offset: Offset,
    /// The timestamp of its record, where a record was looked for.
    pub timestamp: Timestamp,
    /// The epoch under which it was written.
    pub leader_epoch: LeaderEpoch,
}

impl ListedOffset {
    const NONE: Self =
        Self { offset: Offset::NONE, timestamp: Timestamp::NONE, leader_epoch: LeaderEpoch::NONE };

    /// Nothing if the reader does not see that far.
    fn before(self, end: Offset) -> Self {
        if self.offset < end { self } else { Self::NONE }
    }
}

impl From<TimestampOffset> for ListedOffset {
    fn from(found: TimestampOffset) -> Self {
        Self { offset: found.offset, timestamp: found.timestamp, leader_epoch: found.leader_epoch }
    }
}

/// Asks for one offset of a partition.
#[derive(Clone, Copy, Debug)]
pub struct ListOffset<'a> {
    /// The topic.
    pub topic: TopicKey<'a>,
    /// The partition.
    pub partition: i32,
    /// Which offset.
    pub spec: OffsetSpec,
    /// Which records are visible.
    pub isolation: Isolation,
    /// The epoch that the client believes in, or none.
    pub current_leader_epoch: LeaderEpoch,
}

impl Broker {
    /// Looks up an offset.
    pub async fn list_offset(
        &self,
        session: &Session,
        asked: ListOffset<'_>,
    ) -> Result<ListedOffset, BrokerError> {
        let table = self.table();
        let topic = table.describe_topic(session, asked.topic)?;
        let partition = topic.partition(asked.partition)?.clone();
        check_epoch(&partition, asked.current_leader_epoch)?;
        let watermarks = partition.watermarks();
        let end = watermarks.get(asked.isolation.watermark());
        Ok(match asked.spec {
            OffsetSpec::Latest => at(end, partition.leader_epoch()),
            OffsetSpec::Earliest | OffsetSpec::EarliestLocal => {
                let epoch = partition.epoch_at(watermarks.log_start);
                at(watermarks.log_start, epoch.unwrap_or_else(|| partition.leader_epoch()))
            }
            // Nothing is copied to a remote store.
            OffsetSpec::LatestTiered | OffsetSpec::EarliestPendingUpload => ListedOffset::NONE,
            OffsetSpec::MaxTimestamp => self.find(partition, None).await?.before(end),
            OffsetSpec::Timestamp(timestamp) => {
                self.find(partition, Some(timestamp)).await?.before(end)
            }
        })
    }

    /// The first record at or after `timestamp`, or that with the largest timestamp.
    async fn find(
        &self,
        partition: Arc<Partition>,
        timestamp: Option<Timestamp>,
    ) -> Result<ListedOffset, BrokerError> {
        let look_up = move || match timestamp {
            Some(timestamp) => partition.find_timestamp(timestamp),
            None => partition.find_max_timestamp(),
        };
        let found = self.shared.env.blocking(look_up).await?;
        Ok(found.map_or(ListedOffset::NONE, Into::into))
    }

    /// Where the batches of a leader epoch end, so that a client can tell whether it has records
    /// that are not of this log (KIP-320).
    pub fn end_of_epoch(
        &self,
        session: &Session,
        topic: TopicKey<'_>,
        partition: i32,
        current: LeaderEpoch,
        asked: LeaderEpoch,
    ) -> Result<EpochEnd, BrokerError> {
        let table = self.table();
        let partition = table.describe_topic(session, topic)?.partition(partition)?;
        check_epoch(partition, current)?;
        let known = (asked != LeaderEpoch::NONE).then(|| partition.end_of_epoch(asked)).flatten();
        Ok(known.map_or(EpochEnd::UNKNOWN, |(leader_epoch, end_offset)| EpochEnd {
            leader_epoch,
            end_offset,
        }))
    }

    /// Deletes the records before `before`, or all visible ones; returns the new log start offset,
    /// which is durable then.
    pub async fn delete_records(
        &self,
        session: &Session,
        topic: TopicKey<'_>,
        partition: i32,
        before: Option<Offset>,
    ) -> Result<Offset, BrokerError> {
        let table = self.table();
        let topic = table.authorized_topic(session, AclOperation::Delete, topic)?;
        let partition = topic.partition(partition)?.clone();
        if topic.is_internal() {
            return Err(BrokerError::InternalTopic(topic.name().clone()));
        }
        let policy = topic.config.cleanup_policy;
        if policy.compact && !policy.delete {
            return Err(BrokerError::Policy(
                "records of a topic that is only compacted cannot be deleted",
            ));
        }
        let to = before.unwrap_or_else(|| partition.watermarks().high_watermark);
        partition.trim(to)?.wait().await?;
        Ok(partition.watermarks().log_start)
    }

    /// For how long the oldest open transaction has held back readers of committed records, by the broker's
    /// clock; none if there is none.
    pub fn oldest_open_transaction(&self) -> Option<Duration> {
        let table = self.table();
        let partitions = table.topics().flat_map(|topic| &topic.partitions);
        let began = partitions.filter_map(|partition| partition.oldest_open_transaction());
        let oldest = began.map(|open| open.began_at).min()?;
        let millis = self.shared.log.now().millis_since(oldest);
        Some(Duration::from_millis(u64::try_from(millis).unwrap_or_default()))
    }

    /// Where the log of a partition starts, for those who may write there.
    pub fn log_start(
        &self,
        session: &Session,
        topic: TopicKey<'_>,
        partition: i32,
    ) -> Result<Offset, BrokerError> {
        let table = self.table();
        let topic = table.authorized_topic(session, AclOperation::Write, topic)?;
        Ok(topic.partition(partition)?.watermarks().log_start)
    }

    /// Idempotent producers that have written to a partition lately.
    pub fn producers(
        &self,
        session: &Session,
        topic: TopicKey<'_>,
        partition: i32,
    ) -> Result<Vec<(ProducerId, ProducerState)>, BrokerError> {
        let table = self.table();
        let found = table.authorized_partition(session, AclOperation::Read, topic, partition);
        Ok(found?.producers())
    }
}

const fn at(offset: Offset, leader_epoch: LeaderEpoch) -> ListedOffset {
    ListedOffset { offset, timestamp: Timestamp::NONE, leader_epoch }
}
