//! `DescribeTopicPartitions`: topics with their partitions, page by page (KIP-966).
//!
//! | version | |
//! |---|---|
//! | 0 | flexible |
//!
//! - Topics come sorted by name; none named means all that the client may know of.
//! - A page ends after as many partitions as the client or the broker allows, with a cursor that says
//!   where the next one begins.

use std::collections::BTreeSet;

use thalweg_broker::acl::AclTarget;
use thalweg_broker::{BrokerError, ClusterTable, Topic, TopicKey};
use thalweg_kafka_wire::ErrorCode;
use thalweg_kafka_wire::messages::describe_topic_partitions_request::Cursor as From;
use thalweg_kafka_wire::messages::describe_topic_partitions_response::{
    Cursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use thalweg_kafka_wire::messages::{
    DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse,
};
use thalweg_types::TopicId;

use super::authorized_operations::{self, NOT_ASKED};
use crate::call::Call;
use crate::error_code::AsErrorCode;

pub(super) async fn handle(
    call: Call,
    request: DescribeTopicPartitionsRequest,
) -> DescribeTopicPartitionsResponse {
    let table = call.broker().table();
    let from = request.cursor.as_ref().map_or("", |cursor| cursor.topic_name.as_str());
    let asked: BTreeSet<String> = request.topics.into_iter().map(|topic| topic.name).collect();
    let names: Vec<String> = if asked.is_empty() {
        let topics = table.describable_topics(&call.session, from);
        topics.map(|topic| topic.name().to_string()).collect()
    } else {
        asked.into_iter().filter(|name| name.as_str() >= from).collect()
    };
    let limit = usize::try_from(request.response_partition_limit).unwrap_or_default();
    let mut page = Page::new(&call, &table, limit, request.cursor);
    for name in names {
        if page.response.next_cursor.is_some() {
            break;
        }
        match table.describe_topic(&call.session, TopicKey::Name(&name)) {
            Ok(topic) => page.add(topic),
            Err(error) => page.add_failed(name, &error),
        }
    }
    page.response
}

struct Page<'a> {
    call: &'a Call,
    table: &'a ClusterTable,
    node: i32,
    leader_epoch: i32,
    from: Option<From>,
    /// Partitions that still fit.
    room: usize,
    response: DescribeTopicPartitionsResponse,
}

impl<'a> Page<'a> {
    fn new(
        call: &'a Call,
        table: &'a ClusterTable,
        limit: usize,
        from: Option<From>,
    ) -> Self {
        Self {
            call,
            table,
            node: call.broker().node().0,
            leader_epoch: call.broker().leader_epoch().0,
            from,
            room: limit.clamp(1, call.door.options.described_partitions_max.max(1)),
            response: DescribeTopicPartitionsResponse::default(),
        }
    }

    fn add(&mut self, topic: &Topic) {
        let name = topic.name().to_string();
        let starts_here = self.from.as_ref().filter(|cursor| cursor.topic_name == name);
        let first = starts_here.map_or(0, |cursor| cursor.partition_index.max(0));
        let count = topic.partition_count();
        let end = first.saturating_add(i32::try_from(self.room).unwrap_or(i32::MAX)).min(count);
        if end < count {
            let topic_name = name.clone();
            self.response.next_cursor = Some(Cursor { topic_name, partition_index: end });
        }
        if first >= end && first < count {
            return;
        }
        self.room -= usize::try_from(end - first).unwrap_or_default();
        let partitions = (first..end).map(|partition| self.partition(topic, partition)).collect();
        let target = AclTarget::topic(&name);
        let operations = authorized_operations::of(self.call, self.table, target);
        self.response.topics.push(DescribeTopicPartitionsResponseTopic {
            error_code: ErrorCode::None.code(),
            name: Some(name),
            topic_id: topic.id().0,
            is_internal: topic.is_internal(),
            partitions,
            topic_authorized_operations: operations,
        });
    }

    fn add_failed(&mut self, name: String, error: &BrokerError) {
        self.response.topics.push(DescribeTopicPartitionsResponseTopic {
            error_code: error.error_code().code(),
            name: Some(name),
            topic_id: TopicId::ZERO.0,
            is_internal: false,
            partitions: Vec::new(),
            topic_authorized_operations: NOT_ASKED,
        });
    }

    fn partition(
        &self,
        topic: &Topic,
        partition_index: i32,
    ) -> DescribeTopicPartitionsResponsePartition {
        let copies = vec![self.node; usize::try_from(topic.replication_factor()).unwrap_or(1)];
        DescribeTopicPartitionsResponsePartition {
            error_code: ErrorCode::None.code(),
            partition_index,
            leader_id: self.node,
            leader_epoch: self.leader_epoch,
            replica_nodes: copies.clone(),
            isr_nodes: copies,
            eligible_leader_replicas: Some(Vec::new()),
            last_known_elr: Some(Vec::new()),
            offline_replicas: Vec::new(),
        }
    }
}
