//! What an administrator asks for, one request each.

use std::collections::{BTreeMap, BTreeSet};

use thalweg_kafka_wire::ErrorCode;
use thalweg_kafka_wire::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use thalweg_kafka_wire::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsTopic,
};
use thalweg_kafka_wire::messages::delete_topics_request::DeleteTopicState;
use thalweg_kafka_wire::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use thalweg_kafka_wire::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use thalweg_kafka_wire::messages::offset_fetch_request::OffsetFetchRequestTopic;
use thalweg_kafka_wire::messages::{
    CreateTopicsRequest, DeleteRecordsRequest, DeleteTopicsRequest, FindCoordinatorRequest,
    FindCoordinatorResponse, IncrementalAlterConfigsRequest, ListOffsetsRequest, MetadataRequest,
    OffsetFetchRequest, OffsetFetchResponse,
};

use crate::connection::Connection;
use crate::failure::Failure;
use crate::fetch::Isolation;

const TIMEOUT_MS: i32 = 30_000;
/// `ListOffsets` asks for the log start with this timestamp, and for the end with the next.
const EARLIEST: i64 = -2;
const LATEST: i64 = -1;

/// Creates a topic.
pub async fn create_topic(
    connection: &mut Connection,
    name: &str,
    partitions: i32,
    configs: &[(&str, &str)],
) -> Result<(), Failure> {
    let configs = configs.iter().map(|(name, value)| CreatableTopicConfig {
        name: (*name).to_owned(),
        value: Some((*value).to_owned()),
    });
    let request = CreateTopicsRequest {
        topics: vec![CreatableTopic {
            name: name.to_owned(),
            num_partitions: partitions,
            replication_factor: 1,
            configs: configs.collect(),
            ..Default::default()
        }],
        timeout_ms: TIMEOUT_MS,
        validate_only: false,
    };
    let response = connection.call(&request).await?;
    response.topics.iter().try_for_each(|topic| Failure::check("CreateTopics", topic.error_code))
}

/// Gives a setting of all brokers a value.
pub async fn set_for_all_brokers(
    connection: &mut Connection,
    name: &str,
    value: &str,
) -> Result<(), Failure> {
    const BROKER: i8 = 4;
    let config = AlterableConfig {
        name: name.to_owned(),
        value: Some(value.to_owned()),
        ..Default::default()
    };
    let resource =
        AlterConfigsResource { resource_type: BROKER, configs: vec![config], ..Default::default() };
    let request =
        IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false };
    let response = connection.call(&request).await?;
    let mut codes = response.responses.iter().map(|resource| resource.error_code);
    codes.try_for_each(|code| Failure::check("IncrementalAlterConfigs", code))
}

/// Deletes a topic.
pub async fn delete_topic(connection: &mut Connection, name: &str) -> Result<(), Failure> {
    let topic = DeleteTopicState { name: Some(name.to_owned()), ..Default::default() };
    let request =
        DeleteTopicsRequest { topics: vec![topic], timeout_ms: TIMEOUT_MS, ..Default::default() };
    let response = connection.call(&request).await?;
    response.responses.iter().try_for_each(|topic| Failure::check("DeleteTopics", topic.error_code))
}

/// The topics that there are, without the internal ones.
pub async fn topics(connection: &mut Connection) -> Result<BTreeSet<String>, Failure> {
    let request = MetadataRequest { topics: None, ..Default::default() };
    let response = connection.call(&request).await?;
    let own = response.topics.into_iter().filter(|topic| !topic.is_internal);
    Ok(own.filter_map(|topic| topic.name).collect())
}

/// All topics, the internal ones as well, with the number of their partitions.
pub async fn all_partitions(connection: &mut Connection) -> Result<Vec<(String, i32)>, Failure> {
    let request = MetadataRequest { topics: None, ..Default::default() };
    let response = connection.call(&request).await?;
    let topics = response.topics.into_iter();
    Ok(topics.filter_map(|topic| Some((topic.name?, topic.partitions.len() as i32))).collect())
}

/// Makes `offset` the log start of a partition; returns where it starts then.
pub async fn delete_records(
    connection: &mut Connection,
    topic: &str,
    partition: i32,
    offset: i64,
) -> Result<i64, Failure> {
    let partition = DeleteRecordsPartition { partition_index: partition, offset };
    let request = DeleteRecordsRequest {
        topics: vec![DeleteRecordsTopic { name: topic.to_owned(), partitions: vec![partition] }],
        timeout_ms: TIMEOUT_MS,
    };
    let response = connection.call(&request).await?;
    let mut partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
    let partition = partitions.next().ok_or_else(empty)?;
    Failure::check("DeleteRecords", partition.error_code)?;
    Ok(partition.low_watermark)
}

/// Where a partition starts and ends; nothing if there is no such partition.
pub async fn bounds(
    connection: &mut Connection,
    topic: &str,
    partition: i32,
) -> Result<Option<(i64, i64)>, Failure> {
    let everything = Isolation::Uncommitted;
    let start = list_offset(connection, topic, partition, EARLIEST, everything).await?;
    let end = list_offset(connection, topic, partition, LATEST, everything).await?;
    Ok(start.zip(end))
}

/// The last stable offset of a partition, before which all transactions have ended; nothing if there
/// is no such partition.
pub async fn stable_end(
    connection: &mut Connection,
    topic: &str,
    partition: i32,
) -> Result<Option<i64>, Failure> {
    list_offset(connection, topic, partition, LATEST, Isolation::Committed).await
}

async fn list_offset(
    connection: &mut Connection,
    topic: &str,
    partition: i32,
    timestamp: i64,
    isolation: Isolation,
) -> Result<Option<i64>, Failure> {
    let partition =
        ListOffsetsPartition { partition_index: partition, current_leader_epoch: -1, timestamp };
    let request = ListOffsetsRequest {
        replica_id: -1,
        isolation_level: isolation.level(),
        topics: vec![ListOffsetsTopic { name: topic.to_owned(), partitions: vec![partition] }],
        ..Default::default()
    };
    let response = connection.call(&request).await?;
    let mut partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
    let partition = partitions.next().ok_or_else(empty)?;
    if partition.error_code == ErrorCode::UnknownTopicOrPartition.code() {
        return Ok(None);
    }
    Failure::check("ListOffsets", partition.error_code)?;
    Ok(Some(partition.offset))
}

/// Waits until the coordinator of a group serves.
pub async fn find_coordinator(connection: &mut Connection, group: &str) -> Result<(), Failure> {
    const GROUP: i8 = 0;
    find_coordinator_of(connection, GROUP, group).await
}

/// Waits until the coordinator of a transactional id serves.
pub async fn find_transaction_coordinator(
    connection: &mut Connection,
    transactional_id: &str,
) -> Result<(), Failure> {
    const TRANSACTION: i8 = 1;
    find_coordinator_of(connection, TRANSACTION, transactional_id).await
}

async fn find_coordinator_of(
    connection: &mut Connection,
    key_type: i8,
    key: &str,
) -> Result<(), Failure> {
    let coordinator_keys = vec![key.to_owned()];
    let request = FindCoordinatorRequest { key_type, coordinator_keys, ..Default::default() };
    let code = |response: &FindCoordinatorResponse| {
        response.coordinators.first().map_or(-1, |coordinator| coordinator.error_code)
    };
    connection.insist(&request, code).await?;
    Ok(())
}

/// The committed offset of each of the partitions; nothing where there was no commit.
pub async fn committed(
    connection: &mut Connection,
    group: &str,
    topic: &str,
    partitions: &[i32],
) -> Result<BTreeMap<i32, Option<i64>>, Failure> {
    let topic =
        OffsetFetchRequestTopic { name: topic.to_owned(), partition_indexes: partitions.to_vec() };
    let request = OffsetFetchRequest {
        group_id: group.to_owned(),
        topics: Some(vec![topic]),
        ..Default::default()
    };
    let code = |response: &OffsetFetchResponse| response.error_code;
    let response = connection.insist(&request, code).await?;
    let mut committed = BTreeMap::new();
    for partition in response.topics.into_iter().flat_map(|topic| topic.partitions) {
        Failure::check("OffsetFetch", partition.error_code)?;
        let offset = Some(partition.committed_offset).filter(|offset| *offset >= 0);
        committed.insert(partition.partition_index, offset);
    }
    Ok(committed)
}

fn empty() -> Failure {
    Failure::Other("an answer is empty".into())
}
