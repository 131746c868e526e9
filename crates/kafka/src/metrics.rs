//! What the door counts. Plain numbers, read by whoever exports them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use thalweg_kafka_wire::ApiKey;

/// Upper bounds of the latency buckets, in microseconds; one more bucket takes the rest.
pub const LATENCY_BUCKETS_US: [u64; 16] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000,
];

/// Keys are smaller than this.
const KEYS: usize = 128;

/// Requests of one api since the start.
#[derive(Debug, Default)]
pub struct ApiMetrics {
    /// Requests answered.
    pub requests: AtomicU64,
    /// Their time from the last byte read to the last byte written, by [`LATENCY_BUCKETS_US`].
    pub latency: [AtomicU64; LATENCY_BUCKETS_US.len() + 1],
    /// The sum of these times in microseconds.
    pub latency_sum_us: AtomicU64,
}

/// Counters of the whole door since the start.
#[derive(Debug)]
pub struct KafkaMetrics {
    apis: Box<[ApiMetrics]>,
    /// Connections accepted.
    pub connections_accepted: AtomicU64,
    /// Connections closed at once, because a limit was reached.
    pub connections_refused: AtomicU64,
    /// Connections closed because of what the client sent, or how slowly.
    pub connections_closed_for_cause: AtomicU64,
    /// Connections that could not be accepted, for lack of file descriptors mostly.
    pub accept_errors: AtomicU64,
    /// Bytes of requests.
    pub bytes_in: AtomicU64,
    /// Bytes of responses.
    pub bytes_out: AtomicU64,
}

impl Default for KafkaMetrics {
    fn default() -> Self {
        Self {
            apis: std::iter::repeat_with(ApiMetrics::default).take(KEYS).collect(),
            connections_accepted: AtomicU64::default(),
            connections_refused: AtomicU64::default(),
            connections_closed_for_cause: AtomicU64::default(),
            accept_errors: AtomicU64::default(),
            bytes_in: AtomicU64::default(),
            bytes_out: AtomicU64::default(),
        }
    }
}

impl KafkaMetrics {
    /// The counters of one api.
    pub fn api(&self, api: ApiKey) -> &ApiMetrics {
        &self.apis[api as usize]
    }

    pub(crate) fn answered(&self, api: ApiKey, took: Duration, bytes: usize) {
        let metrics = self.api(api);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = LATENCY_BUCKETS_US.partition_point(|bound| *bound < micros);
        add(&metrics.requests, 1);
        add(&metrics.latency[bucket], 1);
        add(&metrics.latency_sum_us, micros);
        add(&self.bytes_out, bytes as u64);
    }
}

pub(crate) fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_api_has_counters_and_every_time_a_bucket() {
        let metrics = KafkaMetrics::default();
        for &api in ApiKey::ALL {
            metrics.answered(api, Duration::from_micros(100), 10);
            metrics.answered(api, Duration::from_hours(1), 10);
        }
        let last = metrics.api(*ApiKey::ALL.last().unwrap());
        assert_eq!(last.requests.load(Ordering::Relaxed), 2);
        assert_eq!(last.latency[0].load(Ordering::Relaxed), 1);
        assert_eq!(last.latency[LATENCY_BUCKETS_US.len()].load(Ordering::Relaxed), 1);
    }
}
