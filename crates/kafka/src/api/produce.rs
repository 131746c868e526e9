//! `Produce`: appends one record batch to each of some partitions.
//!
//! | version | |
//! |---|---|
//! | 3–4 | the oldest of Kafka 4 (KIP-896) |
//! | 5 | log start offset in the response |
//! | 7 | zstd is allowed (KIP-110) |
//! | 8 | errors of single records, and a text (KIP-467) |
//! | 9 | flexible |
//! | 10 | who leads the partition, if it is another broker (KIP-951) |
//! | 11 | `TRANSACTION_ABORTABLE` (KIP-890) |
//! | 12 | partitions need not be added to a transaction before (KIP-890 part 2) |
//! | 13 | topics are named by their ids (KIP-516) |
//!
//! - The batches are accepted before the next request of the connection begins; the response waits
//!   for the device, the next request does not.
//! - `acks=1` and `acks=all` are acknowledged alike: when the batch is durable. They differ in that
//!   only `all` is held against `min.insync.replicas`.
//! - `acks=0` has no response. It keeps its place in the queue of the connection all the same, so that
//!   a client cannot send faster than the device takes; and an error closes the connection.
//! - After `timeout_ms` the answer is `REQUEST_TIMED_OUT`, and the batch may become durable yet.

use std::time::Duration;

use bytes::BytesMut;
use thalweg_broker::{
    AppendOptions, BatchHeader, BrokerError, Compression, Durable, InTransaction, ProducerError,
    RecordsError, TopicKey, TransactionError, TransactionalId,
};
use thalweg_env::Instant;
use thalweg_kafka_wire::ErrorCode;
use thalweg_kafka_wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use thalweg_kafka_wire::messages::produce_response::{
    BatchIndexAndErrorMessage, LeaderIdAndEpoch, NodeEndpoint, PartitionProduceResponse,
    TopicProduceResponse,
};
use thalweg_kafka_wire::messages::{ProduceRequest, ProduceResponse};
use thalweg_types::{Offset, Timestamp, TopicId};

use super::Answer;
use super::transaction_errors::Transactions;
use crate::call::Call;
use crate::close::Close;
use crate::error_code::AsErrorCode;

/// The first version that names topics by their ids.
const BY_TOPIC_ID: i16 = 13;
/// The first version that allows zstd.
const ZSTD: i16 = 7;
/// The first version with `TRANSACTION_ABORTABLE`.
const ABORTABLE: i16 = 11;
/// The first version of clients that leave it to brokers to add what they write to.
const IMPLICIT: i16 = 12;
/// The first version that tells who leads.
const LEADER_HINTS: i16 = 10;

pub(super) async fn handle(call: Call, request: ProduceRequest) -> Answer<ProduceResponse> {
    let acks = request.acks;
    let timeout = Duration::from_millis(request.timeout_ms.max(0).unsigned_abs().into());
    let deadline = call.door.env.now() + timeout;
    let options = AppendOptions {
        all_replicas: acks == -1,
        zstd_allowed: call.version >= ZSTD,
        transaction: transaction(&call, request.transactional_id.as_deref()),
    };
    let refusal = refusal(call.version, &request);
    let mut topics = Vec::with_capacity(request.topic_data.len());
    for topic in request.topic_data {
        topics.push(match refusal {
            Some(error) => Topic::refuse(&call, topic, error),
            None => Topic::append(&call, topic, &options).await,
        });
    }
    // All batches of the request go into one write; and now, whatever is answered before it.
    topics.iter_mut().for_each(Topic::submit);
    Answer::Later(Box::pin(async move {
        let mut responses = Vec::with_capacity(topics.len());
        for topic in topics {
            responses.push(topic.settle(&call, deadline).await);
        }
        if acks == 0 {
            return unacknowledged(&responses)
                .map_or(Ok(None), |error| Err(Close::Unacknowledged(error)));
        }
        let node_endpoints = leader_hints(&call, &mut responses);
        Ok(Some(ProduceResponse { responses, node_endpoints, ..Default::default() }))
    }))
}

/// The batches of a topic, accepted or refused.
struct Topic {
    name: String,
    id: TopicId,
    partitions: Vec<Accepted>,
}

/// The answer for a batch, and what has to come true before it may be given.
struct Accepted {
    response: PartitionProduceResponse,
    durable: Option<Durable>,
}

impl Topic {
    async fn append(
        call: &Call,
        data: TopicProduceData,
        options: &AppendOptions,
    ) -> Self {
        let TopicProduceData { name, topic_id, partition_data } = data;
        let id = TopicId(topic_id);
        let mut partitions = Vec::with_capacity(partition_data.len());
        for data in partition_data {
            partitions.push(append(call, key(call, &name, id), data, options).await);
        }
        Self { name, id, partitions }
    }

    /// Nothing of a request that is wrong as a whole is taken. That `acks` is wrong is told of partitions
    /// that exist only.
    fn refuse(call: &Call, data: TopicProduceData, error: ErrorCode) -> Self {
        let TopicProduceData { name, topic_id, partition_data } = data;
        let id = TopicId(topic_id);
        let partitions = partition_data.iter().map(|data| {
            let found = call.broker().log_start(&call.session, key(call, &name, id), data.index);
            let response = match found {
                Err(missing) if error == ErrorCode::InvalidRequiredAcks => {
                    refused(call, data.index, &missing)
                }
                _ => failed(data.index, error),
            };
            Accepted { response, durable: None }
        });
        Self { partitions: partitions.collect(), name, id }
    }

    fn submit(&mut self) {
        let waiting = self.partitions.iter_mut().filter_map(|accepted| accepted.durable.as_mut());
        waiting.for_each(Durable::submit);
    }

    async fn settle(self, call: &Call, deadline: Instant) -> TopicProduceResponse {
        let mut partition_responses = Vec::with_capacity(self.partitions.len());
        for accepted in self.partitions {
            partition_responses.push(accepted.settle(call, deadline).await);
        }
        TopicProduceResponse { name: self.name, topic_id: self.id.0, partition_responses }
    }
}

impl Accepted {
    async fn settle(self, call: &Call, deadline: Instant) -> PartitionProduceResponse {
        let Self { response, durable } = self;
        let Some(durable) = durable else { return response };
        let env = &call.door.env;
        match env.timeout(deadline.saturating_duration_since(env.now()), durable.wait()).await {
            Ok(Ok(())) => response,
            Ok(Err(error)) => refused(call, response.index, &error),
            Err(_) => failed(response.index, ErrorCode::RequestTimedOut),
        }
    }
}

async fn append(
    call: &Call,
    topic: TopicKey<'_>,
    data: PartitionProduceData,
    options: &AppendOptions,
) -> Accepted {
    let PartitionProduceData { index, records, .. } = data;
    let records: BytesMut = records.unwrap_or_default();
    match call.broker().append(&call.session, topic, index, records, options).await {
        Ok(appended) => Accepted {
            response: PartitionProduceResponse {
                index,
                base_offset: appended.base_offset.0,
                log_append_time_ms: appended.log_append_time.unwrap_or(Timestamp::NONE).0,
                log_start_offset: appended.log_start.0,
                ..Default::default()
            },
            durable: Some(appended.durable),
        },
        Err(error) => {
            let mut response = refused(call, index, &error);
            if judged_by_the_log(&error, call.version)
                && let Ok(log_start) = call.broker().log_start(&call.session, topic, index)
            {
                response.log_start_offset = log_start.0;
            }
            Accepted { response, durable: None }
        }
    }
}

fn key<'a>(call: &Call, name: &'a str, id: TopicId) -> TopicKey<'a> {
    match call.version {
        BY_TOPIC_ID.. => TopicKey::Id(id),
        _ => TopicKey::Name(name),
    }
}

fn transaction(call: &Call, transactional_id: Option<&str>) -> Option<InTransaction> {
    let transactional_id = TransactionalId::new(transactional_id?).ok()?;
    Some(InTransaction { transactional_id, implicit: call.version >= IMPLICIT })
}

/// What is wrong with a request as a whole. Batches may be wrong in any way: only what they say of
/// transactions counts.
fn refusal(version: i16, request: &ProduceRequest) -> Option<ErrorCode> {
    let (mut is_transactional, mut producer, mut are_several) = (false, None, false);
    for data in request.topic_data.iter().flat_map(|topic| &topic.partition_data) {
        let records = data.records.as_deref().unwrap_or_default();
        let header = match BatchHeader::parse(records) {
            Ok(header) => header,
            // Kafka looks for a batch of a transaction first, and gives up at a format that it does not know.
            Err(RecordsError::UnknownMagic(_)) if !is_transactional => {
                return Some(ErrorCode::CorruptMessage);
            }
            Err(_) => continue,
        };
        // Where zstd has to be ruled out Kafka looks at the codecs as well, and fails over what is none.
        if version < ZSTD && header.attributes.compression().is_err() {
            return Some(ErrorCode::UnknownServerError);
        }
        if !header.attributes.is_transactional() {
            continue;
        }
        is_transactional = true;
        if header.total_len() == records.len() {
            let this = (header.producer_id, header.producer_epoch);
            are_several |= *producer.get_or_insert(this) != this;
        }
    }
    match &request.transactional_id {
        None if is_transactional => Some(ErrorCode::TransactionalIdAuthorizationFailed),
        Some(_) if are_several => Some(ErrorCode::InvalidProducerIdMapping),
        _ if !(-1..=1).contains(&request.acks) => Some(ErrorCode::InvalidRequiredAcks),
        _ => None,
    }
}

/// Kafka tells where the log starts if a batch came as far as the log and was refused there, but not for
/// damage and size.
fn judged_by_the_log(error: &BrokerError, version: i16) -> bool {
    match error {
        BrokerError::Producer(error) => *error != ProducerError::NoTransaction,
        BrokerError::Records(RecordsError::UnknownCompression(id)) => {
            *id > Compression::Zstd.id() && version >= ZSTD
        }
        BrokerError::Records(error) => matches!(
            error,
            RecordsError::BaseOffset(_)
                | RecordsError::OffsetRange { .. }
                | RecordsError::ReservedAttribute(_)
                | RecordsError::TimestampType
                | RecordsError::Count { .. }
                | RecordsError::RecordCount { .. }
                | RecordsError::Malformed { .. }
                | RecordsError::Producer
                | RecordsError::Rejected(_)
        ),
        _ => false,
    }
}

/// What the version of the message has for the error.
fn code(call: &Call, error: &BrokerError) -> ErrorCode {
    let errors = Transactions { fenced: false, abortable: call.version >= ABORTABLE };
    match error {
        BrokerError::Transaction(TransactionError::ConcurrentTransactions)
            if call.version >= IMPLICIT =>
        {
            ErrorCode::ConcurrentTransactions
        }
        // The coordinator cannot say now. Producers know one error that makes them send again.
        BrokerError::Transaction(error) if error.error_code().retriable() => {
            ErrorCode::NotEnoughReplicas
        }
        // Kafka itself fails over a codec that does not exist.
        BrokerError::Records(RecordsError::UnknownCompression(id)) if *id > Compression::Zstd.id() => {
            ErrorCode::UnknownServerError
        }
        error => errors.code_of(error),
    }
}

fn refused(call: &Call, index: i32, error: &BrokerError) -> PartitionProduceResponse {
    let mut response = failed(index, code(call, error));
    response.error_message = Some(error.to_string());
    if let BrokerError::Records(RecordsError::Rejected(rejected)) = error {
        let records = rejected.records().iter().map(|record| BatchIndexAndErrorMessage {
            batch_index: record.index,
            batch_index_error_message: Some(record.reason.to_string()),
        });
        response.record_errors = records.collect();
    }
    response
}

fn failed(index: i32, error: ErrorCode) -> PartitionProduceResponse {
    PartitionProduceResponse {
        index,
        error_code: error.code(),
        base_offset: Offset::NONE.0,
        log_append_time_ms: Timestamp::NONE.0,
        log_start_offset: Offset::NONE.0,
        ..Default::default()
    }
}

/// The first error of a request that has no response to tell it.
fn unacknowledged(responses: &[TopicProduceResponse]) -> Option<ErrorCode> {
    let mut partitions = responses.iter().flat_map(|topic| &topic.partition_responses);
    let failed = partitions.find(|partition| partition.error_code != ErrorCode::None.code())?;
    ErrorCode::from_code(failed.error_code)
}

/// Tells the client who leads the partitions that this broker does not.
fn leader_hints(call: &Call, responses: &mut [TopicProduceResponse]) -> Vec<NodeEndpoint> {
    let misled = responses
        .iter_mut()
        .flat_map(|topic| &mut topic.partition_responses)
        .filter(|partition| partition.error_code == ErrorCode::NotLeaderOrFollower.code());
    let mut any = false;
    for partition in misled.filter(|_| call.version >= LEADER_HINTS) {
        any = true;
        partition.current_leader = LeaderIdAndEpoch {
            leader_id: call.broker().node().0,
            leader_epoch: call.broker().leader_epoch().0,
        };
    }
    let node = any.then(|| call.node());
    let endpoint = |node: crate::call::Node| NodeEndpoint {
        node_id: node.id,
        host: node.host,
        port: node.port,
        rack: node.rack,
    };
    node.into_iter().map(endpoint).collect()
}
