//! From a decided outcome to a complete transaction: a marker in every partition.

use crate::names::{add_all, common, remove_all};
use crate::state::CoordinatorState;
use crate::timer::Timer;
use crate::{
    Event, Marker, MarkerReport, MarkerRound, Now, Outbox, Partitions, Settings, TransactionalId,
    TxnOutcome,
};

/// Pauses double this often at most; by then they have reached any sensible limit.
const DOUBLINGS_MAX: u32 = 16;

/// How far the markers of one transaction have come. Lost on a restart, which begins anew: a partition
/// takes the same marker twice.
#[derive(Debug)]
pub(crate) struct Completion {
    round: MarkerRound,
    outcome: TxnOutcome,
    /// Asked for, and not reported on yet.
    in_flight: Partitions,
    /// To be asked for again.
    failed: Partitions,
    /// Reports of failure since the last report without one.
    failures: u32,
}

impl Completion {
    /// What still lacks a marker.
    pub fn unsettled(&self) -> Partitions {
        let mut unsettled = self.in_flight.clone();
        add_all(&mut unsettled, &self.failed);
        unsettled
    }

    /// Takes in a report. What failed by it.
    fn settle(&mut self, report: &MarkerReport) -> Partitions {
        remove_all(&mut self.in_flight, &report.settled);
        let failed = common(&self.in_flight, &report.failed);
        remove_all(&mut self.in_flight, &failed);
        add_all(&mut self.failed, &failed);
        self.failures = if failed.is_empty() { 0 } else { self.failures.saturating_add(1) };
        failed
    }

    fn is_settled(&self) -> bool {
        self.in_flight.is_empty() && self.failed.is_empty()
    }

    fn pause_ms(&self, settings: &Settings) -> u64 {
        let doublings = self.failures.saturating_sub(1).min(DOUBLINGS_MAX);
        let pause_ms = u64::from(settings.marker_retry_ms) << doublings;
        pause_ms.min(settings.marker_retry_max_ms.into())
    }

    #[cfg(test)]
    pub fn assert_invariants(
        &self,
        will_retry: bool,
        metadata: Option<&crate::TransactionMetadata>,
    ) {
        assert!(!self.is_settled());
        assert_eq!(will_retry, !self.failed.is_empty());
        assert!(common(&self.in_flight, &self.failed).is_empty());
        let metadata = metadata.unwrap();
        assert_eq!(metadata.state.ending(), Some(self.outcome));
        assert!(crate::names::contains_all(&metadata.partitions, &self.unsettled()));
    }
}

impl CoordinatorState {
    /// Asks for all markers of `id`; there may be none to write.
    pub(crate) fn begin_completion(
        &mut self,
        now: Now,
        id: &TransactionalId,
        outcome: TxnOutcome,
        out: &mut Outbox,
    ) {
        let Some(metadata) = self.durable.get(id) else { return };
        let in_flight = metadata.partitions.clone();
        if in_flight.is_empty() {
            return self.complete(now, id, outcome, out);
        }
        let round = MarkerRound(self.next_round);
        self.next_round += 1;
        self.ask_for_markers(id, round, outcome, in_flight.clone(), out);
        let (failed, failures) = (Partitions::new(), 0);
        let completion = Completion { round, outcome, in_flight, failed, failures };
        self.completions.insert(id.clone(), completion);
    }

    fn ask_for_markers(
        &self,
        id: &TransactionalId,
        round: MarkerRound,
        outcome: TxnOutcome,
        partitions: Partitions,
        out: &mut Outbox,
    ) {
        let Some(metadata) = self.durable.get(id) else { return };
        out.markers.push(Marker {
            transactional_id: id.clone(),
            round,
            producer: metadata.producer,
            coordinator_epoch: self.coordinator_epoch,
            outcome,
            version: metadata.version,
            partitions,
        });
    }

    /// Takes in what became of markers. Reports of other rounds are late, and mean nothing.
    pub(crate) fn settle_markers(&mut self, now: Now, report: MarkerReport, out: &mut Outbox) {
        let Some(completion) = self.completions.get_mut(&report.transactional_id) else { return };
        if completion.round != report.round {
            return;
        }
        let failed = completion.settle(&report);
        let id = report.transactional_id;
        if completion.is_settled() {
            let outcome = completion.outcome;
            return self.complete(now, &id, outcome, out);
        }
        if failed.is_empty() {
            return;
        }
        let failures = completion.failures;
        let pause_ms = completion.pause_ms(&self.settings);
        let timer = Timer::Markers(id.clone());
        if !self.timers.is_set(&timer) {
            self.schedule(now, timer, pause_ms);
        }
        let partitions = failed;
        out.events.push(Event::MarkersFailed { transactional_id: id, failures, partitions });
    }

    /// Asks for the markers that failed once more.
    pub(crate) fn retry_markers(&mut self, id: &TransactionalId, out: &mut Outbox) {
        let Some(completion) = self.completions.get_mut(id) else { return };
        let again = std::mem::take(&mut completion.failed);
        add_all(&mut completion.in_flight, &again);
        let (round, outcome) = (completion.round, completion.outcome);
        self.ask_for_markers(id, round, outcome, again, out);
    }

    fn complete(&mut self, now: Now, id: &TransactionalId, outcome: TxnOutcome, out: &mut Outbox) {
        self.completions.remove(id);
        let Some(metadata) = self.durable.get(id) else { return };
        let complete = metadata.complete(outcome, now.wall);
        self.write(now, id, complete, out);
        out.events.push(Event::TransactionCompleted { transactional_id: id.clone(), outcome });
    }
}
