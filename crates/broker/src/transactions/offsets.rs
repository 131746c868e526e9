//! Committing the offsets of a group within a transaction (KIP-98, KIP-447).

use thalweg_groups::{GroupError, Reply, TopicPartitions, TxnOffsetCommit};
use thalweg_types::TopicName;
use tokio::sync::oneshot;

use super::vouch::InTransaction;
use crate::groups::{Command, CommitInTransaction, CommitOutcome, with_refused};
use crate::topics::OFFSETS_TOPIC;
use crate::{Broker, BrokerError, Session};

impl Broker {
    /// Commits offsets that count when the transaction is committed. Accepted is durable.
    pub async fn commit_offsets_in_transaction(
        &self,
        session: &Session,
        transaction: &InTransaction,
        mut commit: TxnOffsetCommit,
    ) -> Result<Vec<TopicPartitions<CommitOutcome>>, BrokerError> {
        let refused = self.take_refused(session, &mut commit.commit)?;
        let topic = self.offsets_topic().await?;
        let number = self.offsets_partition(commit.commit.group_id.as_str()).await?;
        let name = TopicName::new(OFFSETS_TOPIC)?;
        let partition = topic.partition(number)?;
        let guard = self.vouch(session, transaction, commit.producer, &name, partition).await?;
        let (reply, committed) = oneshot::channel();
        let command = CommitInTransaction { commit, guard, reply };
        let coordinator = self.group_coordinator(number).await?;
        let sent = coordinator.try_send(Command::CommitInTransaction(command));
        sent.map_err(|_| GroupError::CoordinatorNotAvailable)?;
        match committed.await.map_err(|_| GroupError::NotCoordinator)?? {
            Reply::TxnOffsetCommit(committed) => Ok(with_refused(committed?, refused)),
            _ => Err(GroupError::UnknownServerError.into()),
        }
    }
}
