//! Brokers' settings of groups and their offsets, and the settings of groups themselves.

use crate::config::setting::{Check, Setting, boolean, int, list, long, short, string};

const PROTOCOLS: &[&str] = &["consumer", "classic", "share", "streams"];

pub(super) const SETTINGS: &[Setting] = &[
    list("group.coordinator.rebalance.protocols")
        .default("classic,consumer,streams")
        .check(Check::EachOf(PROTOCOLS))
        .doc("Group protocols that clients may use."),
    int("group.initial.rebalance.delay.ms")
        .default("3000")
        .min(0)
        .doc("Time that the first rebalance of an empty group waits for more members."),
    int("group.max.session.timeout.ms")
        .default("1800000")
        .doc("Longest session timeout that a member of a classic group may ask for."),
    int("group.max.size").default("10000").min(1).doc("Most members of a classic group."),
    int("group.min.session.timeout.ms")
        .default("6000")
        .doc("Shortest session timeout that a member of a classic group may ask for."),
    int("offsets.commit.timeout.ms")
        .default("5000")
        .min(1)
        .doc("Time in which a commit must be durable."),
    long("offsets.retention.check.interval.ms")
        .default("600000")
        .min(1)
        .doc("How often expired offsets are looked for."),
    int("offsets.retention.minutes")
        .default("10080")
        .min(1)
        .doc("Time that offsets of an empty group are kept."),
    int("offsets.topic.num.partitions")
        .default("50")
        .min(1)
        .doc("Partitions of __consumer_offsets. Fixed once the topic exists."),
    short("offsets.topic.replication.factor")
        .default("1")
        .range(1, 3)
        .doc("Copies reported for __consumer_offsets."),
    int("offsets.topic.segment.bytes")
        .default("104857600")
        .min(1)
        .doc("Bytes of a segment of __consumer_offsets."),
];

/// Of use with the group protocols that come later; until then they are kept for them.
pub(super) const OF_A_GROUP: &[Setting] = &[
    int("consumer.assignment.interval.ms")
        .default("1000")
        .min(0)
        .inert()
        .doc("Shortest time between two assignments of a consumer group."),
    int("consumer.heartbeat.interval.ms")
        .default("5000")
        .min(1)
        .inert()
        .doc("Time between two heartbeats of a consumer group's member."),
    int("consumer.session.timeout.ms")
        .default("45000")
        .min(1)
        .inert()
        .doc("Time without a heartbeat after which a consumer group's member is out."),
    boolean("errors.deadletterqueue.copy.record.enable")
        .default("false")
        .inert()
        .doc("Whether a record that a share group gave up on is copied whole."),
    string("errors.deadletterqueue.topic.name")
        .default("")
        .inert()
        .doc("Topic for records that a share group gave up on."),
    int("share.assignment.interval.ms")
        .default("1000")
        .min(0)
        .inert()
        .doc("Shortest time between two assignments of a share group."),
    string("share.auto.offset.reset")
        .default("latest")
        .check(Check::OffsetReset)
        .inert()
        .doc("Where a share group begins to read a partition."),
    int("share.delivery.count.limit")
        .default("5")
        .min(2)
        .inert()
        .doc("Deliveries after which a share group gives a record up."),
    int("share.heartbeat.interval.ms")
        .default("5000")
        .min(1)
        .inert()
        .doc("Time between two heartbeats of a share group's member."),
    string("share.isolation.level")
        .default("read_uncommitted")
        .one_of(&["read_committed", "read_uncommitted"])
        .inert()
        .doc("Whether a share group sees records of aborted transactions."),
    int("share.partition.max.record.locks")
        .default("2000")
        .min(100)
        .inert()
        .doc("Records of one partition that a share group may have in work."),
    int("share.record.lock.duration.ms")
        .default("30000")
        .min(1000)
        .inert()
        .doc("Time that a share group's member has for a record."),
    boolean("share.renew.acknowledge.enable")
        .default("true")
        .inert()
        .doc("Whether a member may ask for more time for a record."),
    int("share.session.timeout.ms")
        .default("45000")
        .min(1)
        .inert()
        .doc("Time without a heartbeat after which a share group's member is out."),
    int("streams.assignment.interval.ms")
        .default("1000")
        .min(0)
        .inert()
        .doc("Shortest time between two assignments of a streams group."),
    string("streams.assignor.name").inert().doc("Who assigns a streams group's tasks."),
    int("streams.heartbeat.interval.ms")
        .default("5000")
        .min(1)
        .inert()
        .doc("Time between two heartbeats of a streams group's member."),
    int("streams.initial.rebalance.delay.ms")
        .default("3000")
        .min(0)
        .inert()
        .doc("Time that a new streams group waits for more members."),
    int("streams.num.standby.replicas")
        .default("0")
        .min(0)
        .inert()
        .doc("Spare copies of a streams group's state."),
    list("streams.rack.aware.assignment.tags")
        .default("")
        .inert()
        .doc("Client tags that spare copies are spread over."),
    int("streams.session.timeout.ms")
        .default("45000")
        .min(1)
        .inert()
        .doc("Time without a heartbeat after which a streams group's member is out."),
];
