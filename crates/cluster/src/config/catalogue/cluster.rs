//! Brokers' settings of identity and topics.

use crate::config::setting::{Setting, boolean, int, string};

pub(super) const SETTINGS: &[Setting] = &[
    boolean("auto.create.topics.enable")
        .default("true")
        .doc("Lets a client that asks for an unknown topic create it."),
    int("broker.id").default("-1").inert().doc("Older name of node.id."),
    string("broker.rack")
        .doc("Where this broker stands; clients may prefer brokers of their own rack."),
    int("default.replication.factor").default("1").range(1, 3).doc(
        "Copies reported for topics that ask for none. Durability does not come from copies \
         here.",
    ),
    boolean("delete.topic.enable").default("true").doc("Lets clients delete topics."),
    int("max.request.partition.size.limit")
        .default("2000")
        .min(1)
        .doc("Most partitions in one answer of DescribeTopicPartitions."),
    int("node.id").default("1").min(0).doc("This broker's number in the cluster."),
    int("num.partitions").default("1").min(1).doc("Partitions of a topic that asks for none."),
    int("offset.metadata.max.bytes")
        .default("4096")
        .doc("Longest text that may come with a committed offset."),
];
