//! Committing the offsets of a group within a transaction (KIP-98, KIP-447).

use thalweg_groups::{GroupError, PartitionResult, Reply, TopicPartitions, TxnOffsetCommit};

use super::vouch::InTransaction;
use crate::coordinators::shard_of;
use crate::groups::{
    Command, CommitInTransaction, CommitOutcome, CoordinatorShare, outcomes, with_refused,
};
use crate::{Broker, BrokerError, Session};

impl Broker {
    /// Commits offsets that count when the transaction is committed; what does not exist or may not be
    /// read is refused first, one by one. Accepted is durable.
    pub async fn commit_offsets_in_transaction(
        &self,
        session: &Session,
        transaction: &InTransaction,
        mut commit: TxnOffsetCommit,
    ) -> Result<Vec<TopicPartitions<CommitOutcome>>, BrokerError> {
        let refused = self.take_refused(session, &mut commit.commit)?;
        let share = CoordinatorShare::of(&commit.commit.topics);
        if share.is_empty() {
            return Ok(with_refused(share.all(|| Ok(())), refused));
        }
        if commit.commit.group_id.as_str().is_empty() {
            return Err(GroupError::InvalidGroupId.into());
        }
        let committed = match self.commit_vouched(session, transaction, commit).await {
            Ok(committed) => outcomes(committed),
            Err(BrokerError::Transaction(error)) => share.all(|| Err(error.into())),
            Err(BrokerError::Group(error)) => share.all(|| Err(error.into())),
            Err(error) => return Err(error),
        };
        Ok(with_refused(committed, refused))
    }

    async fn commit_vouched(
        &self,
        session: &Session,
        transaction: &InTransaction,
        commit: TxnOffsetCommit,
    ) -> Result<Vec<TopicPartitions<PartitionResult>>, BrokerError> {
        let topic = self.offsets_topic().await?;
        let number = shard_of(commit.commit.group_id.as_str(), topic.partitions.len());
        let partition = topic.partition(number as i32)?;
        let guard =
            self.vouch(session, transaction, commit.producer, topic.name(), partition).await?;
        let question =
            |reply| Command::CommitInTransaction(CommitInTransaction { commit, guard, reply });
        let committed = self.group_coordinators().await?.ask(number, question).reply().await;
        match committed.map_err(GroupError::from)?? {
            Reply::TxnOffsetCommit(committed) => Ok(committed?),
            _ => Err(GroupError::UnknownServerError.into()),
        }
    }
}
