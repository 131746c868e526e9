//! Asking the coordinator before a partition takes the first batch of a transaction (KIP-890).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use thalweg_log::planted::{self, Bug};
use thalweg_log::{Partition, TransactionGuard};
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
        let FirstBatch { producer, sequence } = first;
        let guard = partition.transaction_guard(producer.id, producer.epoch, sequence);
        let Some(guard) = guard.map_err(|_| TransactionError::ProducerFenced)? else {
            return Ok(None);
        };
        if planted::is(Bug::StaleVerification) && !transaction.implicit {
            return Ok(Some(guard));
        }
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
        self.add_patiently(request).await?;
        Ok(Some(if transaction.implicit { guard.from_zero() } else { guard }))
    }

    /// Adds or verifies the one partition of `request`; while markers of the transaction before are being
    /// written, again.
    async fn add_patiently(&self, request: AddPartitions) -> Result<(), TransactionError> {
        let env = &self.shared.env;
        let deadline = env.now() + PATIENCE;
        let mut pause = PAUSE;
        loop {
            let added = self.add_to_transaction(request.clone()).await?;
            let outcome = added.partitions.into_iter().next();
            let (_, _, result) = outcome.ok_or(TransactionError::UnknownServerError)?;
            match result {
                Err(TransactionError::ConcurrentTransactions) if env.now() < deadline => {
                    env.sleep(pause).await;
                    pause *= 2;
                }
                result => return result,
            }
        }
    }
}
