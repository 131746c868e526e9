//! Committing the offsets of a group within a transaction (KIP-98, KIP-447).

use thalweg_groups::{GroupError, PartitionResult, Reply, TopicPartitions, TxnOffsetCommit};

use thalweg_types::Sequence;

use super::vouch::{FirstBatch, InTransaction};
use crate::coordinators::shard_of;
use crate::groups::{AskedOffsets, Command, CommitInTransaction, CommitOutcome, with_refused};
use crate::{Broker, BrokerError, Session};

impl Broker {
    /// Commits offsets that count when the transaction is committed; what does not exist or may not be
    /// read is refused first, one by one, and an error of the transaction or of the group is the outcome
    /// for each. Accepted is durable.
    pub async fn commit_offsets_in_transaction(
        &self,
        session: &Session,
        transaction: &InTransaction,
        mut commit: TxnOffsetCommit,
    ) -> Vec<TopicPartitions<CommitOutcome>> {
        let refused = self.take_refused(session, &mut commit.commit);
        let asked = AskedOffsets::of(&commit.commit.topics);
        if asked.is_empty() {
            return with_refused(asked.all(&Ok(())), refused);
        }
        let committed = self.commit_vouched(session, transaction, commit).await;
        with_refused(asked.outcomes(committed), refused)
    }

    async fn commit_vouched(
        &self,
        session: &Session,
        transaction: &InTransaction,
        commit: TxnOffsetCommit,
    ) -> Result<Vec<TopicPartitions<PartitionResult>>, BrokerError> {
        if commit.commit.group_id.as_str().is_empty() {
            return Err(GroupError::InvalidGroupId.into());
        }
        let topic = self.offsets_topic().await?;
        let number = shard_of(commit.commit.group_id.as_str(), topic.partitions.len());
        let partition = topic.partition(number as i32)?;
        let first = FirstBatch { producer: commit.producer, sequence: Sequence::NONE };
        let guard = self.vouch(session, transaction, first, topic.name(), partition).await?;
        let question =
            |reply| Command::CommitInTransaction(CommitInTransaction { commit, guard, reply });
        let committed = self.group_coordinators().await?.ask(number, question).reply().await;
        match committed.map_err(GroupError::from)?? {
            Reply::TxnOffsetCommit(committed) => Ok(committed?),
            _ => Err(GroupError::UnknownServerError.into()),
        }
    }
}
