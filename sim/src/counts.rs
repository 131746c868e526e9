//! How often everything happened.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::Ordering;

use thalweg_broker::Broker;
use thalweg_checker::Report;
use thalweg_env::simulated::DiskStats;

/// What a campaign must have met at least once to prove anything.
pub const REQUIRED: [&str; 30] = [
    "kills",
    "power cuts",
    "clean stops",
    "recoveries",
    "torn writes",
    "torn tails",
    "disk errors",
    "failed flushes",
    "write failures",
    "low space",
    "full disks",
    "wall jumps",
    "rolls",
    "checkpoints",
    "rewrites",
    "compactions",
    "retention trims",
    "record deletions",
    "topic deletions",
    "setting changes",
    "retries recognised",
    "group generations",
    "commits",
    "pauses",
    "transactions committed",
    "transactions aborted",
    "transactions abandoned",
    "producers fenced",
    "late markers refused",
    "records copied",
];

/// Named numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<&'static str, u64>);

impl Counts {
    /// Adds to one of them.
    pub fn add(&mut self, name: &'static str, n: u64) {
        *self.0.entry(name).or_default() += n;
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Self) {
        other.0.iter().for_each(|(name, n)| self.add(name, *n));
    }

    /// The number of that name.
    pub fn get(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// What never happened, and should have.
    pub fn missing(&self) -> Vec<&'static str> {
        REQUIRED.into_iter().filter(|name| self.get(name) == 0).collect()
    }

    /// What an incarnation counted, at its end.
    pub(crate) fn add_broker(&mut self, broker: &Broker) {
        let (log, metrics) = (broker.log_metrics(), broker.metrics());
        for (name, counter) in [
            ("rolls", &log.rolls),
            ("checkpoints", &log.checkpoints),
            ("rewrites", &log.rewrites),
            ("compactions", &log.compactions),
            ("write failures", &log.write_failures),
            ("low space", &log.low_space),
            ("chunks", &log.chunks),
            ("retries recognised", &metrics.appends_duplicate),
            ("cold reads", &metrics.reads_cold),
            ("group generations", &metrics.group_generations),
            ("coordinators loaded", &metrics.coordinators_loaded),
            ("metadata entries", &metrics.metadata_entries),
        ] {
            self.add(name, counter.load(Ordering::Relaxed));
        }
    }

    pub(crate) fn add_disk(&mut self, disk: &DiskStats) {
        for (name, n) in [
            ("disk calls", disk.operations),
            ("disk errors", disk.failures),
            ("full disks", disk.full),
            ("kills", disk.kills),
            ("power cuts", disk.power_cuts),
            ("torn writes", disk.torn_files),
            ("lost writes", disk.reverted_files),
            ("lost names", disk.dropped_names),
            ("failed flushes", disk.failed_syncs),
        ] {
            self.add(name, n);
        }
    }

    pub(crate) fn add_history(&mut self, report: &Report) {
        self.add("events", report.events);
        self.add("records sent", report.sent);
        self.add("records acknowledged", report.acked);
        self.add("records read", report.reads);
        self.add("commits", report.commits);
        self.add("transactions committed", report.committed);
        self.add("transactions aborted", report.aborted);
        self.add("interleaved writes", report.interleaved);
        self.add("circles of writes", report.write_cycles);
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.keys().map(|name| name.len()).max().unwrap_or(0);
        for (name, n) in &self.0 {
            writeln!(f, "  {name:<width$}  {n:>12}")?;
        }
        Ok(())
    }
}
