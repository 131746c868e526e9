//! Limits and times of the coordinator.

/// What the broker's configuration says about groups. Defaults are Kafka's where Kafka has the setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `group.min.session.timeout.ms`: shorter sessions are refused.
    pub session_timeout_min_ms: i32,
    /// `group.max.session.timeout.ms`: longer sessions are refused.
    pub session_timeout_max_ms: i32,
    /// `group.initial.rebalance.delay.ms`: how long an empty group waits for more members after the first.
    pub initial_rebalance_delay_ms: i32,
    /// `group.max.size`: most members of one group.
    pub group_size_max: usize,
    /// How long a new member's `JoinGroup` may stay parked before the member is taken for dead.
    pub new_member_join_timeout_ms: i32,
    /// `offset.metadata.max.bytes`: longest text beside a committed offset, in UTF-16 units as in Kafka.
    pub offset_metadata_length_max: usize,
    /// `offsets.retention.minutes`, in milliseconds.
    pub offsets_retention_ms: i64,
    /// `offsets.retention.check.interval.ms`.
    pub offsets_retention_check_interval_ms: i32,
    /// Most groups of one partition of the offsets topic. Kafka has no such limit.
    pub groups_max: usize,
    /// Most committed offsets of one partition of the offsets topic. Kafka has no such limit.
    pub offsets_max: usize,
    /// Most bytes that the members of all groups of one partition may hold: ids and subscriptions.
    /// Kafka has no such limit.
    pub members_bytes_max: usize,
    /// Largest record value, `max.message.bytes` of the offsets topic. It bounds a group's
    /// subscriptions and assignments together.
    pub record_bytes_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            session_timeout_min_ms: 6_000,
            session_timeout_max_ms: 1_800_000,
            initial_rebalance_delay_ms: 3_000,
            group_size_max: i32::MAX as usize,
            new_member_join_timeout_ms: 300_000,
            offset_metadata_length_max: 4_096,
            offsets_retention_ms: 7 * 24 * 3_600_000,
            offsets_retention_check_interval_ms: 600_000,
            groups_max: 100_000,
            offsets_max: 1_000_000,
            members_bytes_max: 64 << 20,
            record_bytes_max: 8 << 20,
        }
    }
}
