//! What `/metrics` shows. `docs/metrics.md` describes each family; a test holds the two together.

mod broker;
mod exposition;
mod kafka;
mod log;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use exposition::{Family, Kind, Sample, Value};

use super::wiring::Served;
use crate::version;

/// Everything there is to show, as text for Prometheus.
pub async fn text(served: &Served) -> Result<String, fmt::Error> {
    exposition::text(families(served).await)
}

async fn families(served: &Served) -> Vec<Family> {
    let build =
        Sample { labels: vec![("version", version::NUMBER.to_owned())], value: Value::Level(1.0) };
    let mut families = vec![Family {
        name: "build",
        help: "Always 1; the label says which version runs",
        kind: Kind::Gauge,
        samples: vec![build],
    }];
    families.extend(served.with_kafka(kafka::families).unwrap_or_default());
    families.extend(broker::families(&served.broker).await);
    families.extend(log::families(served.broker.log_metrics()));
    families
}

/// A family of one counter without labels.
fn counter(name: &'static str, help: &'static str, count: &AtomicU64) -> Family {
    let value = Value::Count(get(count));
    Family { name, help, kind: Kind::Counter, samples: vec![Sample { labels: Vec::new(), value }] }
}

/// A family of one gauge without labels.
fn gauge(name: &'static str, help: &'static str, level: f64) -> Family {
    let value = Value::Level(level);
    Family { name, help, kind: Kind::Gauge, samples: vec![Sample { labels: Vec::new(), value }] }
}

fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

fn get_all(counters: &[AtomicU64]) -> Vec<u64> {
    counters.iter().map(get).collect()
}
