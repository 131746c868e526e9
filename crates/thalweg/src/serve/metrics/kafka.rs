//! Requests and connections of Kafka clients.

use thalweg_kafka::{LATENCY_BUCKETS_US, Running};
use thalweg_kafka_wire::ApiKey;

use super::exposition::{Family, Kind, Sample, Value};
use super::{counter, gauge, get, get_all};

pub(super) fn families(kafka: &Running) -> Vec<Family> {
    let metrics = kafka.metrics();
    vec![
        requests(kafka),
        gauge("kafka_connections", "Open connections", kafka.connections() as f64),
        counter(
            "kafka_connections_accepted",
            "Connections accepted",
            &metrics.connections_accepted,
        ),
        counter(
            "kafka_connections_refused",
            "Connections closed at once because a limit was reached",
            &metrics.connections_refused,
        ),
        counter(
            "kafka_connections_closed_for_cause",
            "Connections closed for what the client sent, or how slowly",
            &metrics.connections_closed_for_cause,
        ),
        counter(
            "kafka_accept_errors",
            "Connections that could not be accepted, mostly for lack of file descriptors",
            &metrics.accept_errors,
        ),
        counter("kafka_received_bytes", "Bytes of requests", &metrics.bytes_in),
        counter("kafka_sent_bytes", "Bytes of responses", &metrics.bytes_out),
        gauge("kafka_fetch_sessions", "Fetch sessions remembered", kafka.fetch_sessions() as f64),
        gauge(
            "kafka_request_memory_available_bytes",
            "Memory for requests in flight that is free",
            kafka.request_memory_available() as f64,
        ),
    ]
}

/// Only of requests that came: most clients use few of them.
fn requests(kafka: &Running) -> Family {
    let used = ApiKey::ALL.iter().filter_map(|api| {
        let metrics = kafka.metrics().api(*api);
        (get(&metrics.requests) > 0).then(|| Sample {
            labels: vec![("api", api.name().to_owned())],
            value: Value::durations(
                &LATENCY_BUCKETS_US,
                &get_all(&metrics.latency),
                get(&metrics.latency_sum_us),
            ),
        })
    });
    Family {
        name: "kafka_request_seconds",
        help: "Requests from the last byte read to the last byte written, waiting included",
        kind: Kind::Histogram,
        samples: used.collect(),
    }
}
