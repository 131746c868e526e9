//! The history of a run: the checker that judges it, and what no checker can know.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thalweg_checker::{Checker, Event, Malformed, Report};

use crate::failure::Failure;

/// Findings kept with their words; more are only counted.
const FINDINGS_KEPT_MAX: usize = 50;
const POLL: Duration = Duration::from_millis(2);
/// Without any of what is waited for in so long the broker hangs.
const PATIENCE: Duration = Duration::from_mins(2);

/// Shared by all clients of a run.
#[derive(Default)]
pub struct History {
    checker: Mutex<Checker>,
    findings: Mutex<Vec<String>>,
    found: AtomicU64,
    /// Partitions' batches that were acknowledged.
    pub batches_acked: AtomicU64,
    /// Batches that were sent again.
    pub batches_retried: AtomicU64,
}

impl History {
    /// Shows an event to the checker.
    pub fn observe(&self, event: &Event<'_>) -> Result<(), Malformed> {
        lock(&self.checker).observe(event)
    }

    /// Shows events that belong together.
    pub fn observe_all<'a>(
        &self,
        events: impl IntoIterator<Item = Event<'a>>,
    ) -> Result<(), Malformed> {
        let mut checker = lock(&self.checker);
        events.into_iter().try_for_each(|event| checker.observe(&event))
    }

    /// Notes something wrong that is not the checker's business.
    pub fn accuse(&self, what: impl Into<String>) {
        self.found.fetch_add(1, Ordering::Relaxed);
        let mut findings = lock(&self.findings);
        if findings.len() < FINDINGS_KEPT_MAX {
            findings.push(what.into());
        }
    }

    /// Records acknowledged so far.
    pub fn acked(&self) -> u64 {
        lock(&self.checker).report().acked
    }

    /// Batches acknowledged so far.
    pub fn batches_acked(&self) -> u64 {
        self.batches_acked.load(Ordering::Relaxed)
    }

    /// Waits for so many acknowledged batches more.
    pub async fn wait_for(&self, batches: u64) -> Result<(), Failure> {
        self.wait_on(&self.batches_acked, batches, "acknowledged batches").await
    }

    /// Waits until there are so many of `what` more, or something is wrong: of a broker that has done
    /// wrong nobody knows whether it goes on at all.
    pub async fn wait_on(&self, counter: &AtomicU64, more: u64, what: &str) -> Result<(), Failure> {
        let mut seen = counter.load(Ordering::Relaxed);
        let target = seen + more;
        let mut since = tokio::time::Instant::now();
        while self.is_clean() {
            tokio::time::sleep(POLL).await;
            let now = counter.load(Ordering::Relaxed);
            if now >= target {
                return Ok(());
            }
            if now > seen {
                (seen, since) = (now, tokio::time::Instant::now());
            } else if since.elapsed() > PATIENCE {
                return Err(Failure::Other(format!("no {what} in {PATIENCE:?}")));
            }
        }
        Ok(())
    }

    /// True if nothing wrong was seen yet.
    pub fn is_clean(&self) -> bool {
        self.found.load(Ordering::Relaxed) == 0 && lock(&self.checker).report().is_clean()
    }

    /// Closes the history.
    pub fn finish(&self) -> Outcome {
        let checker = std::mem::take(&mut *lock(&self.checker));
        Outcome {
            report: checker.finish(),
            findings: std::mem::take(&mut *lock(&self.findings)),
            found: self.found.load(Ordering::Relaxed),
            batches_acked: self.batches_acked(),
            batches_retried: self.batches_retried.load(Ordering::Relaxed),
        }
    }
}

/// What a whole history amounts to.
#[derive(Debug)]
pub struct Outcome {
    /// The checker's report.
    pub report: Report,
    /// The first findings besides.
    pub findings: Vec<String>,
    /// All findings besides, counted.
    pub found: u64,
    /// Batches acknowledged.
    pub batches_acked: u64,
    /// Batches sent again.
    pub batches_retried: u64,
}

impl Outcome {
    /// Everything that is wrong, counted; what nothing is known about counts as well.
    pub fn violations(&self) -> u64 {
        self.report.violations.values().sum::<u64>() + self.found + self.report.unread
    }

    /// True if nothing is wrong and nothing is unknown.
    pub fn is_clean(&self) -> bool {
        self.violations() == 0
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for finding in &self.findings {
            writeln!(f, "{finding}")?;
        }
        writeln!(f, "{} findings besides the history; {}", self.found, self.report)?;
        write!(
            f,
            "{} batches acknowledged, {} sent again",
            self.batches_acked, self.batches_retried
        )
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
