//! Brokers' settings of producers and transactions.

use crate::config::setting::{Setting, int, short};

pub(super) const SETTINGS: &[Setting] = &[
    int("producer.id.expiration.ms")
        .default("86400000")
        .min(1)
        .cluster_wide()
        .doc("Time after which a silent producer's last sequence is forgotten."),
    int("transaction.abort.timed.out.transaction.cleanup.interval.ms")
        .default("10000")
        .min(1)
        .inert()
        .doc("How often overdue transactions are looked for."),
    int("transaction.max.timeout.ms")
        .default("3600000")
        .min(1)
        .doc("Longest timeout that a transactional producer may ask for."),
    int("transaction.remove.expired.transaction.cleanup.interval.ms")
        .default("3600000")
        .min(1)
        .doc("How often unused transactional ids are looked for."),
    int("transaction.state.log.num.partitions")
        .default("50")
        .min(1)
        .doc("Partitions of __transaction_state. Fixed once the topic exists."),
    short("transaction.state.log.replication.factor")
        .default("1")
        .range(1, 3)
        .doc("Copies reported for __transaction_state."),
    int("transaction.state.log.segment.bytes")
        .default("104857600")
        .min(1)
        .doc("Bytes of a segment of __transaction_state."),
    int("transactional.id.expiration.ms")
        .default("604800000")
        .min(1)
        .doc("Time after which an unused transactional id is forgotten."),
];
