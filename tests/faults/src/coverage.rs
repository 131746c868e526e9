//! What the broker did between two faults, by its own counters.

use std::collections::BTreeMap;
use std::fmt;

/// Counters summed over the lives of the brokers.
#[derive(Clone, Debug, Default)]
pub struct Coverage(BTreeMap<&'static str, f64>);

/// What is counted, and the metric that counts it.
const COUNTED: [(&str, &str); 5] = [
    ("rolls", "thalweg_log_files_filled_total"),
    ("checkpoints", "thalweg_log_checkpoints_total"),
    ("rewrites", "thalweg_log_rewrites_total"),
    ("compactions", "thalweg_log_compactions_total"),
    ("write failures", "thalweg_log_write_failures_total"),
];

impl Coverage {
    /// Adds the counters of one life of a broker, from its metrics as text.
    pub fn add(&mut self, metrics: &str) {
        for (what, metric) in COUNTED {
            let value = sum(metrics, metric);
            *self.0.entry(what).or_default() += value;
        }
    }

    /// How often `what` happened.
    pub fn count(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or_default() as u64
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts: Vec<_> = self.0.iter().map(|(what, count)| format!("{count} {what}")).collect();
        f.write_str(&counts.join(", "))
    }
}

/// The sum of a metric over its labels; 0 if there is no such metric.
pub fn sum(metrics: &str, name: &str) -> f64 {
    let lines = metrics.lines().filter_map(|line| line.strip_prefix(name));
    let values = lines.filter(|rest| rest.starts_with([' ', '{']));
    values.filter_map(|rest| rest.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_summed_over_labels_and_lives() {
        let text = "# TYPE a counter\nthalweg_log_files_filled_total 3\nthalweg_log_files_filled_totally 9\n\
                    thalweg_log_rewrites_total{kind=\"x\"} 1\nthalweg_log_rewrites_total{kind=\"y\"} 2\n";
        let mut coverage = Coverage::default();
        coverage.add(text);
        coverage.add(text);
        assert_eq!((coverage.count("rolls"), coverage.count("rewrites")), (6, 6));
        assert_eq!(coverage.count("compactions"), 0);
    }
}
