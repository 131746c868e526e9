//! Asking the coordinator before a partition takes the first batch of a transaction (KIP-890).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use thalweg_log::planted::{self, Bug};
use thalweg_log::{Partition, ProducerError, TransactionGuard};
use thalweg_transactions::{
    AddPartitions, Partitions, Producer, Purpose, TransactionError, TransactionVersion,
    TransactionalId,
};
use thalweg_types::{Sequence, TopicName};

use super::requests::authorize;
use crate::{Broker, BrokerError, Session};

/// How long a client's last transaction may take to end before the client is told to try again, which it
/// does after a pause that is longer than that mostly takes.
const PATIENCE: Duration = Duration::from_millis(100);
/// First pause before the coordinator is asked again; each is twice the one before.
const PAUSE: Duration = Duration::from_millis(1);

/// What a client says of the transaction that it writes in.
#[derive(Clone, Debug)]
pub struct InTransaction {
    /// Its transactional id.
    pub transactional_id: TransactionalId,
    /// True for clients that leave it to brokers to add partitions to their transactions (KIP-890
    /// part 2). The others have added them.
    pub implicit: bool,
}

/// The batch that is to be the first of a transaction in a partition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FirstBatch {
    pub producer: Producer,
    /// [`Sequence::NONE`] if it has none.
    pub sequence: Sequence,
}

impl Broker {
    /// What a producer needs to write a batch to a partition; nothing if its transaction is open there. A
    /// client without a guard, whose transaction ends meanwhile, writes to the next one or to none.
    pub(crate) async fn vouch(
        &self,
        session: &Session,
        transaction: &InTransaction,
        first: FirstBatch,
        topic: &TopicName,
        partition: &Arc<Partition>,
    ) -> Result<Option<TransactionGuard>, BrokerError> {
        authorize(&self.table(), session, &transaction.transactional_id)?;
        let env = &self.shared.env;
        let deadline = env.now() + PATIENCE;
        let mut pause = PAUSE;
        loop {
            // Anew for every question: the marker that was waited for has made it stale.
            let Some(guard) = take_guard(partition, first)? else { return Ok(None) };
            if planted::is(Bug::StaleVerification) && !transaction.implicit {
                return Ok(Some(guard));
            }
            match self.add_to_one(transaction, first.producer, topic, partition).await {
                Ok(()) if is_fresh(partition, first.producer, guard) => {
                    return Ok(Some(if transaction.implicit { guard.from_zero() } else { guard }));
                }
                Ok(()) | Err(TransactionError::ConcurrentTransactions) => {}
                Err(error) => return Err(error.into()),
            }
            if env.now() >= deadline {
                return Err(TransactionError::ConcurrentTransactions.into());
            }
            env.sleep(pause).await;
            pause *= 2;
        }
    }

    /// Adds a partition to a transaction, or verifies that it was added.
    async fn add_to_one(
        &self,
        transaction: &InTransaction,
        producer: Producer,
        topic: &TopicName,
        partition: &Arc<Partition>,
    ) -> Result<(), TransactionError> {
        let number = partition.id().partition;
        let request = AddPartitions {
            transactional_id: transaction.transactional_id.clone(),
            producer,
            partitions: Partitions::from([(topic.clone(), BTreeSet::from([number]))]),
            purpose: if transaction.implicit {
                Purpose::Add(TransactionVersion::V2)
            } else {
                Purpose::Verify
            },
        };
        let added = self.add_to_transaction(request).await?;
        let outcome = added.partitions.into_iter().next();
        let (_, _, result) = outcome.ok_or(TransactionError::UnknownServerError)?;
        result
    }
}

fn take_guard(
    partition: &Partition,
    FirstBatch { producer, sequence }: FirstBatch,
) -> Result<Option<TransactionGuard>, TransactionError> {
    let guard = partition.transaction_guard(producer.id, producer.epoch, sequence);
    guard.map_err(|_| TransactionError::ProducerFenced)
}

/// False if a marker has come since the guard was taken. It may be that of the transaction before, of which
/// the coordinator knew then, or that of this one.
fn is_fresh(partition: &Partition, producer: Producer, guard: TransactionGuard) -> bool {
    let verdict = partition.check_transactional(producer.id, producer.epoch, Some(guard));
    verdict != Err(ProducerError::NoTransaction)
}
