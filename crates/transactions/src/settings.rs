//! Limits and times of the coordinator.

/// What the broker's configuration says about transactions. Defaults are Kafka's except where it is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `transaction.max.timeout.ms`: longer transactions are refused. An hour, as Flink's sink asks for;
    /// Kafka's default is a quarter of it.
    pub timeout_max_ms: i32,
    /// `transactional.id.expiration.ms`: ids that have not been used for so long are forgotten.
    pub id_expiration_ms: i64,
    /// `transaction.remove.expired.transaction.cleanup.interval.ms`.
    pub id_expiration_check_interval_ms: u32,
    /// First pause before a failed marker is asked for again; it doubles with each failure.
    pub marker_retry_ms: u32,
    /// Longest pause before a failed marker is asked for again.
    pub marker_retry_max_ms: u32,
    /// Most transactional ids of one partition. Kafka has no such limit.
    pub ids_max: usize,
    /// Most requests that wait for a producer id at the same time.
    pub waiting_max: usize,
    /// Largest record value, `max.message.bytes` of the topic. It bounds the partitions of a transaction.
    pub record_bytes_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timeout_max_ms: 3_600_000,
            id_expiration_ms: 7 * 24 * 3_600_000,
            id_expiration_check_interval_ms: 3_600_000,
            marker_retry_ms: 100,
            marker_retry_max_ms: 10_000,
            ids_max: 100_000,
            waiting_max: 1_000,
            record_bytes_max: 1 << 20,
        }
    }
}
