//! `TxnOffsetCommit`: stores how far a group has read, if and when a transaction is committed (KIP-98).
//!
//! | version | |
//! |---|---|
//! | 0–1 | |
//! | 2 | leader epochs |
//! | 3 | flexible; the member, so that one that was replaced is fenced (KIP-447) |
//! | 4 | `TRANSACTION_ABORTABLE` |
//! | 5 | the group need not be added to the transaction before (KIP-890 part 2) |
//! | 6 | topics are named by their ids (KIP-1319) |
//!
//! - Clients of versions 0 and 1 do not try again while a coordinator loads; they are told that there
//!   is none.
//! - An error of the transaction or of the group is the answer for every partition.

use std::sync::Arc;

use thalweg_broker::{
    AskedOffsets, BrokerError, CommitOutcome, CommitPartition, InTransaction, OffsetCommit, Producer,
    TopicPartitions, TransactionError, TransactionalId, TxnOffsetCommit,
};
use thalweg_kafka_wire::ErrorCode;
use thalweg_kafka_wire::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use thalweg_kafka_wire::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use thalweg_kafka_wire::messages::{TxnOffsetCommitRequest, TxnOffsetCommitResponse};
use thalweg_types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, TopicId};

use super::commit_answers::answers;
use super::topic_names::{TopicNaming, resolve};
use super::transaction_errors::Transactions;
use crate::call::Call;

/// The first version whose clients try again while a coordinator loads.
const LOADING: i16 = 2;
/// The first version with `TRANSACTION_ABORTABLE`.
const ABORTABLE: i16 = 4;
/// The first version of clients that leave it to brokers to add what they write to.
const IMPLICIT: i16 = 5;
/// The first version that names topics by their ids.
const BY_TOPIC_ID: i16 = 6;

pub(super) async fn handle(call: Call, request: TxnOffsetCommitRequest) -> TxnOffsetCommitResponse {
    let naming = TopicNaming::new(call.version >= BY_TOPIC_ID);
    let (mut topics, mut known) = (Vec::new(), Vec::new());
    for topic in request.topics {
        match resolve(&call, naming, &topic.name, TopicId(topic.topic_id)) {
            Ok((name, id)) => {
                let partitions = topic.partitions.iter().map(partition).collect();
                known.push(TopicPartitions { name, id, partitions });
            }
            Err(error) => topics.push(refused(topic, error)),
        }
    }
    let commit = OffsetCommit {
        group_id: request.group_id.into(),
        generation: request.generation_id_or_member_epoch,
        member_id: request.member_id.into(),
        instance_id: request.group_instance_id.map(Into::into),
        retention_ms: None,
        reports_missing_group: false,
        topics: known,
    };
    let producer =
        Producer::new(ProducerId(request.producer_id), ProducerEpoch(request.producer_epoch));
    let commit = TxnOffsetCommit { producer, commit };
    let committed = commit_known(&call, &request.transactional_id, commit).await;
    let answers = answers(committed, |error| code(&call, error));
    topics.extend(answers.into_iter().map(|topic| answer(naming, topic)));
    TxnOffsetCommitResponse { throttle_time_ms: 0, topics }
}

async fn commit_known(
    call: &Call,
    transactional_id: &str,
    commit: TxnOffsetCommit,
) -> Vec<TopicPartitions<CommitOutcome>> {
    let Ok(transactional_id) = TransactionalId::new(transactional_id) else {
        let error = BrokerError::from(TransactionError::InvalidRequest);
        return AskedOffsets::of(&commit.commit.topics).all(&Err(Arc::new(error)));
    };
    let transaction = InTransaction { transactional_id, implicit: call.version >= IMPLICIT };
    call.broker().commit_offsets_in_transaction(&call.session, &transaction, commit).await
}

/// What the version of the message has for the error.
fn code(call: &Call, error: &BrokerError) -> ErrorCode {
    let errors = Transactions { fenced: false, abortable: call.version >= ABORTABLE };
    let code = match error {
        // Clients before part 2 take it for a reason to give up.
        BrokerError::Transaction(TransactionError::ConcurrentTransactions)
            if call.version < IMPLICIT =>
        {
            ErrorCode::CoordinatorLoadInProgress
        }
        error => errors.code_of(error),
    };
    match code {
        ErrorCode::CoordinatorLoadInProgress if call.version < LOADING => {
            ErrorCode::CoordinatorNotAvailable
        }
        code => code,
    }
}

fn partition(asked: &TxnOffsetCommitRequestPartition) -> CommitPartition {
    CommitPartition {
        partition: asked.partition_index,
        offset: Offset(asked.committed_offset),
        leader_epoch: LeaderEpoch(asked.committed_leader_epoch),
        metadata: asked.committed_metadata.clone(),
    }
}

fn answer(
    naming: TopicNaming,
    topic: TopicPartitions<(i32, i16)>,
) -> TxnOffsetCommitResponseTopic {
    let (name, topic_id) = naming.on_the_wire(topic.name, topic.id);
    let partitions = topic.partitions.into_iter().map(|(partition_index, error_code)| {
        TxnOffsetCommitResponsePartition { partition_index, error_code }
    });
    TxnOffsetCommitResponseTopic { name, topic_id: topic_id.0, partitions: partitions.collect() }
}

fn refused(topic: TxnOffsetCommitRequestTopic, error: ErrorCode) -> TxnOffsetCommitResponseTopic {
    let partitions = topic.partitions.iter().map(|asked| TxnOffsetCommitResponsePartition {
        partition_index: asked.partition_index,
        error_code: error.code(),
    });
    TxnOffsetCommitResponseTopic {
        partitions: partitions.collect(),
        name: topic.name,
        topic_id: topic.topic_id,
    }
}
