//! What a benchmark found.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::error::Failure;
use crate::output::{print_json, print_line};

/// Latencies, from one microsecond to an hour, to three digits.
#[derive(Clone)]
pub struct Latencies(Arc<Mutex<Histogram<u64>>>);

impl Latencies {
    const MAX_MICROS: u64 = 3_600_000_000;

    /// None yet.
    pub fn new() -> Result<Self, Failure> {
        let histogram = Histogram::new_with_max(Self::MAX_MICROS, 3);
        let histogram = histogram.map_err(|error| Failure::Failed(error.to_string()))?;
        Ok(Self(Arc::new(Mutex::new(histogram))))
    }

    /// Adds `count` of the same length.
    pub fn record(&self, latency: Duration, count: u64) {
        let micros = (latency.as_micros() as u64).clamp(1, Self::MAX_MICROS);
        let mut histogram = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        histogram.saturating_record_n(micros, count);
    }

    /// Percentiles so far; `None` without any latency.
    pub fn percentiles(&self) -> Option<Percentiles> {
        let histogram = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let millis = |quantile| histogram.value_at_quantile(quantile) as f64 / 1000.0;
        (!histogram.is_empty()).then(|| Percentiles {
            p50: millis(0.5),
            p99: millis(0.99),
            p99_9: millis(0.999),
            max: histogram.max() as f64 / 1000.0,
        })
    }
}

/// Latencies in milliseconds that half, 99 %, 99.9 % and all of the measured ones keep.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Percentiles {
    /// Half.
    pub p50: f64,
    /// 99 %.
    pub p99: f64,
    /// 99.9 %.
    #[serde(rename = "p99.9")]
    pub p99_9: f64,
    /// All.
    pub max: f64,
}

impl std::fmt::Display for Percentiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { p50, p99, p99_9, max } = self;
        write!(f, "p50 {p50:.2} ms  p99 {p99:.2} ms  p99.9 {p99_9:.2} ms  max {max:.2} ms")
    }
}

/// A benchmark's result.
#[derive(Debug, Serialize)]
pub struct Report {
    records: u64,
    bytes: u64,
    seconds: f64,
    records_per_second: f64,
    megabytes_per_second: f64,
    /// By name.
    latency_ms: Vec<NamedLatency>,
}

#[derive(Debug, Serialize)]
struct NamedLatency {
    name: &'static str,
    #[serde(flatten)]
    percentiles: Percentiles,
}

impl Report {
    /// `records` with `bytes` of keys and values in `elapsed`.
    pub fn new(records: u64, bytes: u64, elapsed: Duration) -> Self {
        let seconds = elapsed.as_secs_f64().max(1e-9);
        Self {
            records,
            bytes,
            seconds,
            records_per_second: records as f64 / seconds,
            megabytes_per_second: bytes as f64 / 1e6 / seconds,
            latency_ms: Vec::new(),
        }
    }

    /// Adds latencies under a name, if there are any.
    #[must_use]
    pub fn latency(mut self, name: &'static str, latencies: &Latencies) -> Self {
        let named = |percentiles| NamedLatency { name, percentiles };
        self.latency_ms.extend(latencies.percentiles().map(named));
        self
    }

    /// Prints the result.
    pub fn print(&self, json: bool) -> io::Result<()> {
        if json {
            return print_json(self);
        }
        print_line(
            false,
            &format!(
                "{} records, {:.1} MB in {:.2} s: {:.0} records/s, {:.1} MB/s",
                self.records,
                self.bytes as f64 / 1e6,
                self.seconds,
                self.records_per_second,
                self.megabytes_per_second
            ),
        )?;
        for NamedLatency { name, percentiles } in &self.latency_ms {
            print_line(false, &format!("{name}: {percentiles}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_what_was_recorded() {
        let latencies = Latencies::new().unwrap();
        assert!(latencies.percentiles().is_none());
        latencies.record(Duration::from_millis(1), 989);
        latencies.record(Duration::from_millis(10), 10);
        latencies.record(Duration::from_millis(100), 1);
        let found = latencies.percentiles().unwrap();
        assert!((found.p50 - 1.0).abs() < 0.01, "{found}");
        assert!((found.p99 - 10.0).abs() < 0.1, "{found}");
        assert!((found.max - 100.0).abs() < 1.0, "{found}");
    }

    #[test]
    fn rates_are_per_second() {
        let report = Report::new(1000, 2_000_000, Duration::from_millis(500));
        assert!((report.records_per_second - 2000.0).abs() < 1e-6);
        assert!((report.megabytes_per_second - 4.0).abs() < 1e-6);
    }
}
