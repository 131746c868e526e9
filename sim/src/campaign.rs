//! Many seeds, on several threads.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::{Counts, run_seed};

/// A campaign with so many failures ends.
const FAILURES_MAX: usize = 10;

/// Which seeds to run, and how.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// The seeds.
    pub seeds: Range<u64>,
    /// Threads.
    pub jobs: usize,
    /// Each seed divisible by this runs twice and must give the same trace. 0: none.
    pub again: u64,
    /// End at the first failure.
    pub first_only: bool,
}

/// A seed that went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// What went wrong, one violation a line.
    pub violations: Vec<String>,
}

/// What a campaign found.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// How often everything happened, in all seeds.
    pub counts: Counts,
    /// Virtual time of all seeds.
    pub simulated: Duration,
    /// Seeds that went wrong, in order.
    pub failures: Vec<Failure>,
}

impl Campaign {
    /// Runs the seeds. `progress` is told after each how many are done, and what went wrong in it.
    pub fn run(&self, progress: impl Fn(u64, &[Failure]) + Sync) -> Findings {
        let (next, done) = (AtomicU64::new(self.seeds.start), AtomicU64::new(0));
        let over = AtomicBool::new(false);
        let findings = Mutex::new(Findings::default());
        let work = || {
            while !over.load(Ordering::Relaxed) {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= self.seeds.end {
                    return;
                }
                let found = self.run_one(seed);
                progress(done.fetch_add(1, Ordering::Relaxed) + 1, &found.failures);
                let mut findings = findings.lock().unwrap_or_else(PoisonError::into_inner);
                findings.merge(found);
                let failures = findings.failures.len();
                if failures >= FAILURES_MAX || failures > 0 && self.first_only {
                    over.store(true, Ordering::Relaxed);
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..self.jobs.max(1) {
                scope.spawn(work);
            }
        });
        let mut findings = findings.into_inner().unwrap_or_else(PoisonError::into_inner);
        findings.failures.sort_by_key(|failure| failure.seed);
        findings
    }

    fn run_one(&self, seed: u64) -> Findings {
        let run = match run_seed(seed, false) {
            Ok(run) => run,
            Err(error) => return Findings::failed(seed, vec![error.to_string()]),
        };
        let mut violations = run.violations();
        let mut counts = run.counts;
        if self.again > 0 && seed.is_multiple_of(self.again) {
            counts.add("seeds run twice", 1);
            let again = run_seed(seed, false).map(|again| again.judgement.trace);
            if again.ok() != Some(run.judgement.trace) {
                violations.push("a second run of the same seed went another way".to_owned());
            }
        }
        let mut found = Findings { counts, simulated: run.simulated, failures: Vec::new() };
        if !violations.is_empty() {
            found.failures.push(Failure { seed, violations });
        }
        found
    }
}

impl Findings {
    fn failed(seed: u64, violations: Vec<String>) -> Self {
        Self { failures: vec![Failure { seed, violations }], ..Self::default() }
    }

    fn merge(&mut self, other: Self) {
        self.counts.merge(&other.counts);
        self.simulated += other.simulated;
        self.failures.extend(other.failures);
    }
}
