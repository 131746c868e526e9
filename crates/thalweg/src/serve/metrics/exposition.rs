//! Families of samples as text in the format `OpenMetrics`.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

/// What the names of all families begin with.
const PREFIX: &str = "thalweg";

/// Samples under one name.
#[derive(Clone, Debug)]
pub struct Family {
    /// The name, without prefix and without `_total`.
    pub name: &'static str,
    /// What is counted or measured.
    pub help: &'static str,
    /// Whether it only ever grows, moves, or is a distribution.
    pub kind: Kind,
    /// The samples, with different labels.
    pub samples: Vec<Sample>,
}

/// What a family's samples are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Moves.
    Gauge,
    /// A distribution.
    Histogram,
}

/// A value and its labels.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Names and values.
    pub labels: Vec<(&'static str, String)>,
    /// The value.
    pub value: Value,
}

/// A sample's value.
#[derive(Clone, Debug)]
pub enum Value {
    /// Of a counter.
    Count(u64),
    /// Of a gauge.
    Level(f64),
    /// Of a histogram: upper bounds in seconds with the count of each bucket, and the sum.
    Durations {
        /// The bounded buckets, and at last the unbounded one.
        buckets: Vec<(f64, u64)>,
        /// Sum of all durations in seconds.
        sum: f64,
    },
}

impl Value {
    /// A distribution from counts by bounds in microseconds; the last count has no bound.
    pub fn durations(bounds_us: &[u64], counts: &[u64], sum_us: u64) -> Self {
        let bounds = bounds_us.iter().map(|us| *us as f64 / 1e6).chain([f64::INFINITY]);
        Self::Durations {
            buckets: bounds.zip(counts.iter().copied()).collect(),
            sum: sum_us as f64 / 1e6,
        }
    }
}

/// The text that Prometheus reads.
pub fn text(families: Vec<Family>) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix(PREFIX);
    registry.register_collector(Box::new(Families(families)));
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
struct Families(Vec<Family>);

impl Collector for Families {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        for family in self.0.iter().filter(|family| !family.samples.is_empty()) {
            let kind = match family.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
                Kind::Histogram => MetricType::Histogram,
            };
            let mut metric = encoder.encode_descriptor(family.name, family.help, None, kind)?;
            for sample in &family.samples {
                if sample.labels.is_empty() {
                    encode_value(&mut metric, &sample.value)?;
                } else {
                    encode_value(&mut metric.encode_family(&sample.labels)?, &sample.value)?;
                }
            }
        }
        Ok(())
    }
}

fn encode_value(metric: &mut MetricEncoder, value: &Value) -> fmt::Result {
    match value {
        Value::Count(count) => metric.encode_counter::<NoLabelSet, _, u64>(count, None),
        Value::Level(level) => metric.encode_gauge(level),
        Value::Durations { buckets, sum } => {
            let count = buckets.iter().map(|(_, count)| count).sum();
            metric.encode_histogram::<NoLabelSet>(*sum, count, buckets, None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn family(name: &'static str, kind: Kind, samples: Vec<Sample>) -> Family {
        Family { name, help: "Help", kind, samples }
    }

    #[test]
    fn families_print_as_open_metrics() {
        let plain = |value| Sample { labels: Vec::new(), value };
        let durations = Value::durations(&[1_000, 1_000_000], &[2, 1, 1], 3_500_000);
        let text = text(vec![
            family("bytes", Kind::Counter, vec![plain(Value::Count(7))]),
            family(
                "lag",
                Kind::Gauge,
                vec![Sample {
                    labels: vec![("topic", "a\"b".to_owned()), ("partition", "0".to_owned())],
                    value: Value::Level(1.5),
                }],
            ),
            family("empty", Kind::Gauge, Vec::new()),
            family("flush_seconds", Kind::Histogram, vec![plain(durations)]),
        ])
        .unwrap();
        assert_eq!(
            text,
            "# HELP thalweg_bytes Help\n# TYPE thalweg_bytes counter\nthalweg_bytes_total 7\n\
             # HELP thalweg_lag Help\n# TYPE thalweg_lag gauge\n\
             thalweg_lag{topic=\"a\\\"b\",partition=\"0\"} 1.5\n\
             # HELP thalweg_flush_seconds Help\n# TYPE thalweg_flush_seconds histogram\n\
             thalweg_flush_seconds_sum 3.5\nthalweg_flush_seconds_count 4\n\
             thalweg_flush_seconds_bucket{le=\"0.001\"} 2\n\
             thalweg_flush_seconds_bucket{le=\"1.0\"} 3\n\
             thalweg_flush_seconds_bucket{le=\"+Inf\"} 4\n# EOF\n"
        );
    }
}
