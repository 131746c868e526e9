//! Asking transaction coordinators.

use thalweg_cluster::acl::{AclOperation, AclTarget};
use thalweg_log::planted::{self, Bug};
use thalweg_transactions::{
    AddOffsets, AddPartitions, AddedPartitions, DescribedTransaction, EndTransaction,
    InitProducerId, ListTransactions, ListedTransactions, Partitions, Producer, Reply, Request,
    TransactionError, TransactionalId,
};

use super::TransactionCoordinators;
use super::coordinator::Command;
use crate::coordinators::shard_of;
use crate::{Broker, BrokerError, ClusterTable, Session, TopicKey};

/// All transactions, as far as their coordinators could say.
#[derive(Debug, Default)]
pub struct TransactionListing {
    /// The transactions, and filters that name no state.
    pub listed: ListedTransactions,
    /// Why some are missing, if some are.
    pub error: Option<TransactionError>,
}

/// Asks a coordinator and takes the reply that belongs to the request.
macro_rules! ask {
    ($broker:expr, $id:expr, $kind:ident($request:expr)) => {
        match $broker.ask_about($id, Request::$kind($request)).await {
            Ok(Reply::$kind(result)) => result,
            Ok(_) => Err(TransactionError::UnknownServerError),
            Err(error) => Err(error),
        }
    };
}

/// Producers.
impl Broker {
    /// Makes sure that there is a coordinator for a transactional id, which is on this broker.
    pub async fn find_transaction_coordinator(
        &self,
        session: &Session,
        transactional_id: &str,
    ) -> Result<(), BrokerError> {
        let target = AclTarget::transactional_id(transactional_id);
        self.table().authorize(session, AclOperation::Describe, target)?;
        self.transaction_coordinators().await.map(|_| ())
    }

    /// Who a producer is that uses a transactional id from now on, or goes on with it.
    pub async fn init_transactions(
        &self,
        session: &Session,
        request: InitProducerId,
    ) -> Result<Producer, TransactionError> {
        authorize(&self.table(), session, &request.transactional_id)?;
        ask!(self, &request.transactional_id.clone(), InitProducerId(request))
    }

    /// Whether a client may use a transactional id.
    pub fn authorize_transaction(
        &self,
        session: &Session,
        id: &TransactionalId,
    ) -> Result<(), TransactionError> {
        authorize(&self.table(), session, id)
    }

    /// Adds partitions to a transaction, or says whether they are in it. Whoever asks has seen to it
    /// that the client may use the transactional id and write to the partitions, and that they exist.
    pub async fn add_to_transaction(
        &self,
        request: AddPartitions,
    ) -> Result<AddedPartitions, TransactionError> {
        let id = request.transactional_id.clone();
        let mut added = ask!(self, &id, AddPartitions(vec![request]))?;
        added.pop().ok_or(TransactionError::UnknownServerError)
    }

    /// Which of `partitions` a client may write to in a transaction, and why not the others.
    pub fn writable_partitions(
        &self,
        session: &Session,
        partitions: Vec<(String, i32)>,
    ) -> (Partitions, Vec<(String, i32, BrokerError)>) {
        let table = self.table();
        let (mut writable, mut refused) = (Partitions::new(), Vec::new());
        for (name, number) in partitions {
            let topic = table.authorized_topic(session, AclOperation::Write, TopicKey::Name(&name));
            match topic.and_then(|topic| topic.partition(number).map(|_| topic)) {
                Ok(topic) => {
                    writable.entry(topic.name().clone()).or_default().insert(number);
                }
                Err(error) => refused.push((name, number, error)),
            }
        }
        (writable, refused)
    }

    /// Adds a group's offsets to a transaction.
    pub async fn add_offsets_to_transaction(
        &self,
        session: &Session,
        transactional_id: TransactionalId,
        producer: Producer,
        group: &str,
    ) -> Result<(), BrokerError> {
        let table = self.table();
        authorize(&table, session, &transactional_id)?;
        table.authorize(session, AclOperation::Read, AclTarget::group(group))?;
        let partitions = self.offsets_topic().await?.partitions.len();
        let offsets_partition = shard_of(group, partitions) as i32;
        let request =
            AddOffsets { transactional_id: transactional_id.clone(), producer, offsets_partition };
        Ok(ask!(self, &transactional_id, AddOffsets(request))?)
    }

    /// Commits or aborts. The outcome is durable when this returns; readers see it soon after.
    pub async fn end_transaction(
        &self,
        session: &Session,
        request: EndTransaction,
    ) -> Result<Option<Producer>, TransactionError> {
        authorize(&self.table(), session, &request.transactional_id)?;
        let before = request.producer;
        let next = ask!(self, &request.transactional_id.clone(), EndTransaction(request))?;
        Ok(if planted::is(Bug::KeepEpoch) { next.map(|_| before) } else { next })
    }
}

/// Administration.
impl Broker {
    /// Describes transactions, in the order of the request.
    pub async fn describe_transactions(
        &self,
        session: &Session,
        ids: Vec<String>,
    ) -> Vec<(String, Result<DescribedTransaction, TransactionError>)> {
        let mut described = Vec::with_capacity(ids.len());
        for id in ids {
            let result = self.describe_transaction(session, &id).await;
            described.push((id, result));
        }
        described
    }

    async fn describe_transaction(
        &self,
        session: &Session,
        id: &str,
    ) -> Result<DescribedTransaction, TransactionError> {
        let target = AclTarget::transactional_id(id);
        if !self.table().allows(session, AclOperation::Describe, target) {
            return Err(TransactionError::TransactionalIdAuthorizationFailed);
        }
        let id = TransactionalId::new(id).map_err(|_| TransactionError::InvalidRequest)?;
        let mut described = ask!(self, &id, DescribeTransactions(vec![id.clone()]))?;
        described.pop().ok_or(TransactionError::UnknownServerError)
    }

    /// Lists the transactions that the client may know of.
    pub async fn list_transactions(
        &self,
        session: &Session,
        request: ListTransactions,
    ) -> TransactionListing {
        let table = self.table();
        let transactions = &self.shared.transactions;
        let ask = |partition| {
            let request = Request::ListTransactions(request.clone());
            transactions.ask(partition, |reply| Command::Request { request, reply })
        };
        let asked: Vec<_> = (0..transactions.senders().len()).map(ask).collect();
        let mut listing = TransactionListing::default();
        for asked in asked {
            match asked.reply().await {
                Ok(Reply::ListTransactions(Ok(listed))) => {
                    listing.listed.unknown_states = listed.unknown_states;
                    listing.listed.transactions.extend(listed.transactions);
                }
                Ok(Reply::ListTransactions(Err(error))) => listing.error = Some(error),
                Err(error) => listing.error = Some(error.into()),
                Ok(_) => listing.error = Some(TransactionError::UnknownServerError),
            }
        }
        listing.listed.transactions.retain(|transaction| {
            let target = AclTarget::transactional_id(transaction.transactional_id.as_str());
            table.allows(session, AclOperation::Describe, target)
        });
        listing
    }
}

impl Broker {
    async fn ask_about(
        &self,
        id: &TransactionalId,
        request: Request,
    ) -> Result<Reply, TransactionError> {
        let transactions = self.transaction_coordinators().await.map_err(|error| {
            tracing::warn!(%error, "the transaction topic cannot be created");
            TransactionError::CoordinatorNotAvailable
        })?;
        let partition = shard_of(id.as_str(), transactions.senders().len());
        Ok(transactions.ask(partition, |reply| Command::Request { request, reply }).reply().await?)
    }

    /// The coordinators, started if need be.
    async fn transaction_coordinators(&self) -> Result<&TransactionCoordinators, BrokerError> {
        let transactions = &self.shared.transactions;
        if transactions.senders().is_empty() {
            transactions.start(&self.transaction_topic().await?.partitions);
        }
        Ok(transactions)
    }
}

pub(super) fn authorize(
    table: &ClusterTable,
    session: &Session,
    id: &TransactionalId,
) -> Result<(), TransactionError> {
    let target = AclTarget::transactional_id(id.as_str());
    let authorized = table.authorize(session, AclOperation::Write, target);
    authorized.map_err(|_| TransactionError::TransactionalIdAuthorizationFailed)
}
