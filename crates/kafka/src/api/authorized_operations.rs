//! The operations that a client may ask to be told that it may do (KIP-430).
//!
//! There are no ACLs yet: who asks may do everything that exists for the kind of resource, as on a
//! Kafka without an authorizer.

/// The answer to those who have not asked.
pub(super) const NOT_ASKED: i32 = i32::MIN;

/// Codes of `AclOperation`.
const READ: u8 = 3;
const WRITE: u8 = 4;
const CREATE: u8 = 5;
const DELETE: u8 = 6;
const ALTER: u8 = 7;
const DESCRIBE: u8 = 8;
const CLUSTER_ACTION: u8 = 9;
const DESCRIBE_CONFIGS: u8 = 10;
const ALTER_CONFIGS: u8 = 11;
const IDEMPOTENT_WRITE: u8 = 12;

const TOPIC: i32 =
    bits(&[READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS]);
const GROUP: i32 = bits(&[READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS]);
const CLUSTER: i32 = bits(&[
    CREATE,
    ALTER,
    DESCRIBE,
    CLUSTER_ACTION,
    DESCRIBE_CONFIGS,
    ALTER_CONFIGS,
    IDEMPOTENT_WRITE,
]);

/// A bit for each operation on a topic.
pub(super) const fn of_topic(asked: bool) -> i32 {
    if asked { TOPIC } else { NOT_ASKED }
}

/// A bit for each operation on a group.
pub(super) const fn of_group(asked: bool) -> i32 {
    if asked { GROUP } else { NOT_ASKED }
}

/// A bit for each operation on the cluster.
pub(super) const fn of_cluster(asked: bool) -> i32 {
    if asked { CLUSTER } else { NOT_ASKED }
}

const fn bits(operations: &[u8]) -> i32 {
    let mut bits = 0;
    let mut i = 0;
    while i < operations.len() {
        bits |= 1 << operations[i];
        i += 1;
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_58_operations_are_told_only_if_asked_for() {
        assert_eq!(of_topic(false), i32::MIN);
        assert_eq!(of_group(false), i32::MIN);
        assert_eq!(of_cluster(false), i32::MIN);
        // As a Kafka 4 without an authorizer answers.
        assert_eq!(of_topic(true), 0x0df8);
        assert_eq!(of_group(true), 0x0d48);
        assert_eq!(of_cluster(true), 0x1fa0);
    }
}
