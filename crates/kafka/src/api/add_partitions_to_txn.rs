//! `AddPartitionsToTxn`: a producer says which partitions its transaction will write to (KIP-98).
//!
//! | version | |
//! |---|---|
//! | 0–3 | of clients; 2: `PRODUCER_FENCED`; 3: flexible |
//! | 4–5 | of brokers: several transactions, and to ask only whether partitions were added (KIP-890) |
//!
//! - It is all or nothing: if one partition cannot be added, the others are `OPERATION_NOT_ATTEMPTED`.
//! - Clients that know KIP-890 part 2 do not send it: `Produce` and `TxnOffsetCommit` add for them.

use thalweg_broker::{
    AddPartitions, AddedPartitions, Partitions, Producer, Purpose, TransactionVersion,
    TransactionalId,
};
use thalweg_kafka_wire::ErrorCode;
use thalweg_kafka_wire::messages::add_partitions_to_txn_request::{
    AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction,
};
use thalweg_kafka_wire::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnResult, AddPartitionsToTxnTopicResult,
};
use thalweg_kafka_wire::messages::{AddPartitionsToTxnRequest, AddPartitionsToTxnResponse};
use thalweg_types::{ProducerEpoch, ProducerId};

use super::transaction_errors::Transactions;
use crate::call::Call;
use crate::error_code::AsErrorCode;

/// The first version of brokers.
const OF_BROKERS: i16 = 4;

type Results = Vec<(String, i32, ErrorCode)>;

pub(super) async fn handle(
    call: Call,
    request: AddPartitionsToTxnRequest,
) -> AddPartitionsToTxnResponse {
    if call.version < OF_BROKERS {
        let transaction = AddPartitionsToTxnTransaction {
            transactional_id: request.v3_and_below_transactional_id,
            producer_id: request.v3_and_below_producer_id,
            producer_epoch: request.v3_and_below_producer_epoch,
            verify_only: false,
            topics: request.v3_and_below_topics,
        };
        let results_by_topic_v3_and_below = by_topic(&add(&call, transaction).await);
        return AddPartitionsToTxnResponse { results_by_topic_v3_and_below, ..Default::default() };
    }
    if let Err(error) = call.broker().authorize_broker(&call.session) {
        let error_code = error.error_code().code();
        return AddPartitionsToTxnResponse { error_code, ..Default::default() };
    }
    let mut results_by_transaction = Vec::with_capacity(request.transactions.len());
    for transaction in request.transactions {
        let transactional_id = transaction.transactional_id.clone();
        let topic_results = by_topic(&add(&call, transaction).await);
        results_by_transaction.push(AddPartitionsToTxnResult { transactional_id, topic_results });
    }
    AddPartitionsToTxnResponse { results_by_transaction, ..Default::default() }
}

async fn add(call: &Call, asked: AddPartitionsToTxnTransaction) -> Results {
    let named = names(&asked.topics);
    let transactional_id = match identify(call, &asked.transactional_id) {
        Ok(id) => id,
        Err(error) => return named.into_iter().map(|(name, at)| (name, at, error)).collect(),
    };
    let (partitions, refused) = call.broker().writable_partitions(&call.session, named.clone());
    if !refused.is_empty() {
        let code = |name: &String, number: i32| {
            let refused = refused.iter().find(|(topic, at, _)| topic == name && *at == number);
            refused.map_or(ErrorCode::OperationNotAttempted, |(_, _, error)| error.error_code())
        };
        return named.into_iter().map(|(name, at)| (name.clone(), at, code(&name, at))).collect();
    }
    match add_writable(call, transactional_id, &asked, partitions).await {
        Ok(added) => {
            let code = |result| match result {
                Ok(()) => ErrorCode::None,
                Err(error) => Transactions::named(call.version >= 2).code(error),
            };
            let partitions = added.partitions.into_iter();
            partitions.map(|(name, at, result)| (name.into(), at, code(result))).collect()
        }
        Err(error) => named.into_iter().map(|(name, at)| (name, at, error)).collect(),
    }
}

/// The transactional id, if the client may use it. Brokers may use all.
fn identify(call: &Call, id: &str) -> Result<TransactionalId, ErrorCode> {
    let id = TransactionalId::new(id).map_err(|_| ErrorCode::InvalidRequest)?;
    if call.version < OF_BROKERS {
        let authorized = call.broker().authorize_transaction(&call.session, &id);
        authorized.map_err(|error| error.error_code())?;
    }
    Ok(id)
}

async fn add_writable(
    call: &Call,
    transactional_id: TransactionalId,
    asked: &AddPartitionsToTxnTransaction,
    partitions: Partitions,
) -> Result<AddedPartitions, ErrorCode> {
    let request = AddPartitions {
        transactional_id,
        producer: Producer::new(ProducerId(asked.producer_id), ProducerEpoch(asked.producer_epoch)),
        partitions,
        purpose: if asked.verify_only {
            Purpose::Verify
        } else {
            Purpose::Add(TransactionVersion::V0)
        },
    };
    let added = call.broker().add_to_transaction(request).await;
    added.map_err(|error| Transactions::named(call.version >= 2).code(error))
}

fn names(topics: &[AddPartitionsToTxnTopic]) -> Vec<(String, i32)> {
    let each = |topic: &AddPartitionsToTxnTopic| {
        let name = topic.name.clone();
        topic.partitions.clone().into_iter().map(move |partition| (name.clone(), partition))
    };
    topics.iter().flat_map(each).collect()
}

/// Neighbours of one topic share its entry.
fn by_topic(results: &Results) -> Vec<AddPartitionsToTxnTopicResult> {
    let entry = |neighbours: &[(String, i32, ErrorCode)]| {
        let results = neighbours.iter().map(|(_, number, error)| {
            AddPartitionsToTxnPartitionResult {
                partition_index: *number,
                partition_error_code: error.code(),
            }
        });
        AddPartitionsToTxnTopicResult {
            name: neighbours[0].0.clone(),
            results_by_partition: results.collect(),
        }
    };
    results.chunk_by(|one, next| one.0 == next.0).map(entry).collect()
}
