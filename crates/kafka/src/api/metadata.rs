//! `Metadata`: brokers, topics, partitions.
//!
//! | version | |
//! |---|---|
//! | 0 | an empty list means all topics |
//! | 1 | null means all topics, an empty list none; racks, the controller, internal topics |
//! | 2–3 | the cluster's id; throttle time |
//! | 4 | the client says whether topics may be created; before, they may |
//! | 5 | offline replicas |
//! | 7 | leader epochs (KIP-320) |
//! | 8–10 | authorized operations, if asked for (KIP-430); those of the cluster until 10 |
//! | 9 | flexible |
//! | 10 | topic ids in the response |
//! | 12 | topics may be asked for by id (KIP-516) |
//! | 13 | a top-level error (KIP-1102) |
//!
//! - Topics that the client may not know of are not among all of them; asked for by name, it is told
//!   that it may not, whether they exist or not.
//! - A topic that is created on the way is in the response at once: clients need not ask again.
//! - All copies of a partition are on this broker: it is named as often as the topic has replicas.

use std::sync::Arc;

use thalweg_broker::acl::AclTarget;
use thalweg_broker::{BrokerError, ClusterTable, Topic, TopicKey};
use thalweg_kafka_wire::ErrorCode;
use thalweg_kafka_wire::messages::metadata_request::MetadataRequestTopic;
use thalweg_kafka_wire::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use thalweg_kafka_wire::messages::{MetadataRequest, MetadataResponse};
use thalweg_types::{TopicId, TopicName};

use super::authorized_operations::{self, NOT_ASKED, of_cluster};
use crate::call::Call;
use crate::error_code::AsErrorCode;

/// The first version that asks for topics by their ids, and has topics without a name.
const BY_TOPIC_ID: i16 = 12;

pub(super) async fn handle(call: Call, request: MetadataRequest) -> MetadataResponse {
    let view = View::new(&call, request.include_topic_authorized_operations);
    let wants_all = |topics: &Vec<_>| call.version == 0 && topics.is_empty();
    let topics = match request.topics.filter(|topics| !wants_all(topics)) {
        None => {
            let topics = view.table.describable_topics(&call.session, "");
            topics.map(|topic| view.topic(topic)).collect()
        }
        Some(asked) => {
            let mut topics = Vec::with_capacity(asked.len());
            for one in asked {
                topics.push(ask(&call, &view, one, request.allow_auto_topic_creation).await);
            }
            topics
        }
    };
    let node = call.node();
    MetadataResponse {
        controller_id: node.id,
        brokers: vec![MetadataResponseBroker {
            node_id: node.id,
            host: node.host,
            port: node.port,
            rack: node.rack,
        }],
        cluster_id: Some(call.broker().table().cluster_id().to_owned()),
        topics,
        cluster_authorized_operations: of_cluster(
            &call,
            request.include_cluster_authorized_operations,
        ),
        ..Default::default()
    }
}

async fn ask(
    call: &Call,
    view: &View<'_>,
    asked: MetadataRequestTopic,
    may_create: bool,
) -> MetadataResponseTopic {
    let id = TopicId(asked.topic_id);
    let by_id = !id.is_zero();
    if asked.name.is_none() && !by_id || by_id && (asked.name.is_some() || call.version < BY_TOPIC_ID) {
        return view.failed(asked, ErrorCode::InvalidRequest);
    }
    let found = match &asked.name {
        Some(name) => by_name(call, name, may_create).await,
        None => view.table.describe_topic(&call.session, TopicKey::Id(id)).cloned(),
    };
    match found {
        Ok(topic) => view.topic(&topic),
        Err(error) => view.failed(asked, error.error_code()),
    }
}

async fn by_name(
    call: &Call,
    name: &str,
    may_create: bool,
) -> Result<Arc<Topic>, BrokerError> {
    let table = call.broker().table();
    match table.describe_topic(&call.session, TopicKey::Name(name)) {
        Err(BrokerError::UnknownTopicOrPartition) => {}
        found => return found.cloned(),
    }
    TopicName::new(name)?;
    if !may_create {
        return Err(BrokerError::UnknownTopicOrPartition);
    }
    call.broker().auto_create_topic(&call.session, name).await
}

/// How topics look to one client.
struct View<'a> {
    call: &'a Call,
    table: Arc<ClusterTable>,
    node: i32,
    leader_epoch: i32,
    include_operations: bool,
}

impl<'a> View<'a> {
    fn new(call: &'a Call, include_operations: bool) -> Self {
        Self {
            call,
            table: call.broker().table(),
            node: call.broker().node().0,
            leader_epoch: call.broker().leader_epoch().0,
            include_operations,
        }
    }

    fn topic(&self, topic: &Topic) -> MetadataResponseTopic {
        let copies = vec![self.node; usize::try_from(topic.replication_factor()).unwrap_or(1)];
        let partition = |partition_index| MetadataResponsePartition {
            error_code: ErrorCode::None.code(),
            partition_index,
            leader_id: self.node,
            leader_epoch: self.leader_epoch,
            replica_nodes: copies.clone(),
            isr_nodes: copies.clone(),
            offline_replicas: Vec::new(),
        };
        MetadataResponseTopic {
            error_code: ErrorCode::None.code(),
            name: Some(topic.name().to_string()),
            topic_id: topic.id().0,
            is_internal: topic.is_internal(),
            partitions: (0..topic.partition_count()).map(partition).collect(),
            topic_authorized_operations: self.operations(topic),
        }
    }

    fn operations(&self, topic: &Topic) -> i32 {
        if !self.include_operations {
            return NOT_ASKED;
        }
        let target = AclTarget::topic(topic.name().as_str());
        authorized_operations::of(self.call, &self.table, target)
    }

    fn failed(&self, asked: MetadataRequestTopic, error: ErrorCode) -> MetadataResponseTopic {
        MetadataResponseTopic {
            error_code: error.code(),
            name: asked.name.or_else(|| (self.call.version < BY_TOPIC_ID).then(String::new)),
            topic_id: asked.topic_id,
            is_internal: false,
            partitions: Vec::new(),
            topic_authorized_operations: NOT_ASKED,
        }
    }
}
