//! A driver that keeps everything in memory and checks the machine after every step.

use thalweg_types::{ProducerId, Timestamp};

use super::compaction;
use crate::{
    CoordinatorState, Input, Millis, Now, Outbox, ReplyTo, Request, Settings, TxnOutcome, Write,
};

/// The wall clock at the start of every test.
pub const EPOCH_MS: i64 = 1_700_000_000_000;

/// What the partition holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Logged {
    Record(Write),
    Marker(ProducerId, TxnOutcome),
}

pub struct Driver {
    pub machine: CoordinatorState,
    pub log: Vec<Logged>,
    pub unanswered: Vec<ReplyTo>,
    settings: Settings,
    elapsed_ms: u64,
    requests: u64,
}

impl Driver {
    pub fn new(settings: Settings) -> Self {
        let machine = CoordinatorState::new(settings.clone());
        let (log, unanswered) = (Vec::new(), Vec::new());
        Self { machine, log, unanswered, settings, elapsed_ms: 0, requests: 0 }
    }

    pub fn step(&mut self, input: Input) -> Outbox {
        let now = Now {
            monotonic: Millis(self.elapsed_ms),
            wall: Timestamp(EPOCH_MS + self.elapsed_ms as i64),
        };
        if let Input::TransactionEnded { producer, outcome } = &input {
            self.log.push(Logged::Marker(*producer, *outcome));
        }
        let mut out = Outbox::default();
        self.machine.step(now, input, &mut out);
        self.log.extend(out.records.iter().cloned().map(Logged::Record));
        for (reply_to, _) in &out.replies {
            let place = self.unanswered.iter().position(|waiting| waiting == reply_to);
            self.unanswered.remove(place.expect("answered once, and only what was asked"));
        }
        self.machine.assert_invariants();
        self.assert_recoverable();
        out
    }

    pub fn request(&mut self, request: Request) -> (ReplyTo, Outbox) {
        self.requests += 1;
        let reply_to = ReplyTo(self.requests);
        self.unanswered.push(reply_to);
        (reply_to, self.step(Input::Request { reply_to, request }))
    }

    /// Lets time pass, stopping at every deadline. What happened, and when.
    pub fn advance(&mut self, duration_ms: u64) -> Vec<(u64, Outbox)> {
        let end = self.elapsed_ms + duration_ms;
        let mut happened = Vec::new();
        while let Some(Millis(deadline)) = self.machine.deadline().filter(|d| d.0 <= end) {
            assert!(deadline > self.elapsed_ms || happened.is_empty(), "time stands still");
            self.elapsed_ms = deadline.max(self.elapsed_ms);
            let out = self.step(Input::Timeout);
            happened.push((self.elapsed_ms, out));
        }
        self.elapsed_ms = end;
        happened
    }

    /// Drops the machine and loads another from the first `durable` entries of the log.
    pub fn crash(&mut self, durable: usize) -> Outbox {
        self.log.truncate(durable);
        self.unanswered.clear();
        self.machine = self.replayed(&self.log);
        self.step(Input::Loaded)
    }

    /// Recovery and live use are one path: the log alone, compacted or not, leads to the same state.
    fn assert_recoverable(&self) {
        let live = self.machine.durable();
        assert_eq!(live.skipped(), Default::default(), "the machine wrote what it cannot read");
        assert_eq!(self.replayed(&self.log).durable(), live);
        assert_eq!(self.replayed(&compaction::plain(&self.log)).durable(), live);
        assert_eq!(self.replayed(&compaction::thorough(&self.log)).durable(), live);
    }

    fn replayed(&self, log: &[Logged]) -> CoordinatorState {
        let mut machine = CoordinatorState::new(self.settings.clone());
        for logged in log {
            match logged {
                Logged::Record(Write { record, transaction }) => {
                    machine.replay(record, transaction.map(|producer| producer.id));
                }
                Logged::Marker(producer, outcome) => machine.replay_end(*producer, *outcome),
            }
        }
        machine
    }
}
