//! Transactions: which there are, what they hold, and ending them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use thalweg_kafka_wire::ErrorCode;
use thalweg_kafka_wire::messages::{
    DescribeTransactionsRequest, FindCoordinatorRequest, InitProducerIdRequest,
    ListTransactionsRequest,
};

use crate::client::connection::Connection;
use crate::client::{Client, ClientError};

/// The type of a transactional id among the keys of coordinators.
const TRANSACTIONAL_ID: i8 = 1;
/// The timeout of a producer that never begins a transaction.
const TIMEOUT_MS: i32 = 60_000;
/// Pause before asking again whether a transaction has ended.
const PAUSE: Duration = Duration::from_millis(100);

/// A transactional id in a list.
#[derive(Clone, Debug, Serialize)]
pub struct TransactionListing {
    /// The transactional id.
    pub id: String,
    /// Its producer.
    pub producer: i64,
    /// The state, as Kafka names it.
    pub state: String,
}

/// What is known of a transactional id.
#[derive(Clone, Debug, Serialize)]
pub struct TransactionDescription {
    /// The transactional id.
    pub id: String,
    /// The state, as Kafka names it.
    pub state: String,
    /// Its producer.
    pub producer: i64,
    /// The producer's epoch.
    pub epoch: i16,
    /// How long a transaction may stay open, in milliseconds.
    pub timeout_ms: i32,
    /// When the open one began, in milliseconds since 1970.
    pub started_ms: Option<i64>,
    /// What it has written to.
    pub partitions: BTreeMap<String, Vec<i32>>,
}

impl Client {
    /// The transactional ids of all brokers, sorted; only those of open transactions that have been so
    /// for longer than a time, if one is given.
    pub async fn transactions(
        &self,
        open_for: Option<Duration>,
    ) -> Result<Vec<TransactionListing>, ClientError> {
        let duration_filter = open_for.map_or(-1, |time| time.as_millis() as i64);
        let request = ListTransactionsRequest { duration_filter, ..Default::default() };
        let mut all = Vec::new();
        for broker in self.broker_ids().await? {
            let list = async || {
                let response = self.broker(broker).await?.call(&request).await?;
                let what = || "cannot list transactions".to_owned();
                ClientError::check(response.error_code, None, what)?;
                Ok(response.transaction_states)
            };
            all.extend(self.retry(list).await?.into_iter().map(|listed| TransactionListing {
                id: listed.transactional_id,
                producer: listed.producer_id,
                state: listed.transaction_state,
            }));
        }
        all.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(all)
    }

    /// What is known of a transactional id.
    pub async fn describe_transaction(
        &self,
        id: &str,
    ) -> Result<TransactionDescription, ClientError> {
        let what = || format!("cannot describe transaction '{id}'");
        self.retry(async || {
            let request = DescribeTransactionsRequest { transactional_ids: vec![id.to_owned()] };
            let response = self.transaction_coordinator(id).await?.call(&request).await?;
            let state = response.transaction_states.into_iter().next().ok_or_else(|| {
                ClientError::refused(what(), ErrorCode::TransactionalIdNotFound.code(), None)
            })?;
            ClientError::check(state.error_code, None, what)?;
            let topics = state.topics.into_iter();
            let started = state.transaction_start_time_ms;
            Ok(TransactionDescription {
                id: state.transactional_id,
                state: state.transaction_state,
                producer: state.producer_id,
                epoch: state.producer_epoch,
                timeout_ms: state.transaction_timeout_ms,
                started_ms: (started >= 0).then_some(started),
                partitions: topics.map(|topic| (topic.topic, topic.partitions)).collect(),
            })
        })
        .await
    }

    /// Aborts what is open under a transactional id and fences its producer: it is what another
    /// producer of the same id would do. Completes when nothing is held back any more.
    pub async fn abort_transaction(&self, id: &str) -> Result<(), ClientError> {
        let request = InitProducerIdRequest {
            transactional_id: Some(id.to_owned()),
            transaction_timeout_ms: TIMEOUT_MS,
            producer_id: -1,
            producer_epoch: -1,
            ..Default::default()
        };
        loop {
            let response = self.transaction_coordinator(id).await?.call(&request).await?;
            if response.error_code != ErrorCode::ConcurrentTransactions.code() {
                let what = || format!("cannot abort transaction '{id}'");
                return ClientError::check(response.error_code, None, what);
            }
            self.env().sleep(PAUSE).await;
        }
    }

    async fn transaction_coordinator(&self, id: &str) -> Result<Arc<Connection>, ClientError> {
        let request = FindCoordinatorRequest {
            key: id.to_owned(),
            key_type: TRANSACTIONAL_ID,
            ..Default::default()
        };
        self.coordinator_of(&request, &format!("transaction '{id}'")).await
    }
}
