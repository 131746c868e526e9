//! The apis: which are served, and by what.
//!
//! Every api has a file that says what its versions mean, and a function from the request to the
//! answer. Errors inside a response are values there; an error that leaves a handler closes the
//! connection.

// Handlers have one shape, whether they wait for something or not.
#![allow(clippy::unused_async)]

mod acl_codes;
mod authorized_operations;
mod commit_answers;
mod config_values;
mod duplicates;
mod topic_names;
mod transaction_errors;

use thalweg_broker::MemoryPermit;
use thalweg_kafka_wire::{ApiKey, Decoder, Request, WireError, encode_response};

use crate::call::Call;
use crate::close::Close;
use crate::connection::{LaterReply, Outcome, Reply};

/// What a handler comes to.
pub(crate) enum Answer<T> {
    /// The response.
    Now(T),
    /// The response, and the memory that it keeps in use until it is sent.
    Holding(T, MemoryPermit),
    /// The response comes later; the next request of the connection need not wait for it. `None`
    /// if the protocol has no response.
    Later(Later<T>),
}

pub(crate) type Later<T> = std::pin::Pin<Box<dyn Future<Output = Result<Option<T>, Close>> + Send>>;

impl<T> From<T> for Answer<T> {
    fn from(response: T) -> Self {
        Self::Now(response)
    }
}

/// A request that is being handled, up to the point where the next one may begin.
pub(crate) type Handling = std::pin::Pin<Box<dyn Future<Output = Result<Outcome, Close>> + Send>>;

type Handler = fn(Call, Decoder) -> Result<Handling, WireError>;

/// The table. An api of Kafka's that is in neither part does not compile.
macro_rules! apis {
    (served { $($served:ident by $module:ident,)* } absent { $($absent:ident,)* }) => {
        $(mod $module;)*

        fn handler(api: ApiKey) -> Option<Handler> {
            match api {
                $(ApiKey::$served => Some(|call, body| begin(call, body, $module::handle)),)*
                $(ApiKey::$absent)|* => None,
            }
        }
    };
}

apis! {
    served {
        Produce by produce,
        Fetch by fetch,
        ListOffsets by list_offsets,
        Metadata by metadata,
        OffsetCommit by offset_commit,
        OffsetFetch by offset_fetch,
        FindCoordinator by find_coordinator,
        JoinGroup by join_group,
        Heartbeat by heartbeat,
        LeaveGroup by leave_group,
        SyncGroup by sync_group,
        DescribeGroups by describe_groups,
        ListGroups by list_groups,
        ApiVersions by api_versions,
        CreateTopics by create_topics,
        DeleteTopics by delete_topics,
        DeleteRecords by delete_records,
        InitProducerId by init_producer_id,
        OffsetForLeaderEpoch by offset_for_leader_epoch,
        AddPartitionsToTxn by add_partitions_to_txn,
        AddOffsetsToTxn by add_offsets_to_txn,
        EndTxn by end_txn,
        WriteTxnMarkers by write_txn_markers,
        TxnOffsetCommit by txn_offset_commit,
        DescribeAcls by describe_acls,
        CreateAcls by create_acls,
        DeleteAcls by delete_acls,
        DescribeConfigs by describe_configs,
        AlterConfigs by alter_configs,
        DescribeLogDirs by describe_log_dirs,
        CreatePartitions by create_partitions,
        DeleteGroups by delete_groups,
        IncrementalAlterConfigs by incremental_alter_configs,
        OffsetDelete by offset_delete,
        DescribeCluster by describe_cluster,
        DescribeProducers by describe_producers,
        DescribeTransactions by describe_transactions,
        ListTransactions by list_transactions,
        DescribeTopicPartitions by describe_topic_partitions,
    }
    absent {
        SaslHandshake,
        AlterReplicaLogDirs,
        SaslAuthenticate,
        CreateDelegationToken,
        RenewDelegationToken,
        ExpireDelegationToken,
        DescribeDelegationToken,
        ElectLeaders,
        AlterPartitionReassignments,
        ListPartitionReassignments,
        DescribeClientQuotas,
        AlterClientQuotas,
        DescribeUserScramCredentials,
        AlterUserScramCredentials,
        DescribeQuorum,
        UpdateFeatures,
        UnregisterBroker,
        ConsumerGroupHeartbeat,
        ConsumerGroupDescribe,
        GetTelemetrySubscriptions,
        PushTelemetry,
        ListConfigResources,
        ShareGroupHeartbeat,
        ShareGroupDescribe,
        ShareFetch,
        ShareAcknowledge,
        AddRaftVoter,
        RemoveRaftVoter,
        InitializeShareGroupState,
        ReadShareGroupState,
        WriteShareGroupState,
        DeleteShareGroupState,
        ReadShareGroupStateSummary,
        StreamsGroupHeartbeat,
        StreamsGroupDescribe,
        DescribeShareGroupOffsets,
        AlterShareGroupOffsets,
        DeleteShareGroupOffsets,
        StreamsGroupTopologyDescriptionUpdate,
        UnregisterController,
    }
}

/// The versions that are served; `None` for an api that is not.
pub(crate) fn versions(api: ApiKey) -> Option<std::ops::RangeInclusive<i16>> {
    handler(api).map(|_| api.stable_versions())
}

/// True if the api may wait for something that other clients do. Such a wait ends when the client
/// hangs up; any other request that has come in is carried out.
pub(crate) fn may_wait_for_others(api: ApiKey) -> bool {
    matches!(api, ApiKey::Fetch | ApiKey::JoinGroup | ApiKey::SyncGroup)
}

/// Begins to handle a request: its body is read, the rest happens when the result is polled.
pub(crate) fn handle(api: ApiKey, call: Call, body: Decoder) -> Result<Handling, Close> {
    let handler = handler(api).ok_or(Close::NotServed(api))?;
    if api.stable_versions().contains(&call.version) {
        return handler(call, body).map_err(Close::Request);
    }
    if api == ApiKey::ApiVersions {
        return Ok(Box::pin(async move { api_versions::unknown_version(&call) }));
    }
    Err(Close::UnsupportedVersion { api, version: call.version })
}

fn begin<R, F, Fut>(call: Call, mut body: Decoder, handler: F) -> Result<Handling, WireError>
where
    R: Request + Send + 'static,
    R::Response: Send + 'static,
    F: FnOnce(Call, R) -> Fut,
    Fut: Future<Output: Into<Answer<R::Response>>> + Send + 'static,
{
    // Bytes behind the message are of no concern, as in Kafka: librdkafka's Metadata has some.
    let request = R::decode(&mut body, call.version)?;
    let (version, correlation_id) = (call.version, call.correlation_id);
    let handling = handler(call, request);
    let encode = move |response: &R::Response, memory| {
        let segments = encode_response::<R>(version, correlation_id, response);
        Ok(Reply { segments: segments.map_err(Close::Response)?, memory })
    };
    Ok(Box::pin(async move {
        Ok(match handling.await.into() {
            Answer::Now(response) => {
                Outcome::Reply(Some(encode(&response, MemoryPermit::default())?))
            }
            Answer::Holding(response, memory) => Outcome::Reply(Some(encode(&response, memory)?)),
            Answer::Later(later) => {
                let reply: LaterReply = Box::pin(async move {
                    let response = later.await?;
                    response.map(|response| encode(&response, MemoryPermit::default())).transpose()
                });
                Outcome::Later(reply)
            }
        })
    }))
}
