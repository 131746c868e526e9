//! A driver that keeps everything in memory and checks the machine after every step.

use std::collections::BTreeMap;

use thalweg_types::{LeaderEpoch, ProducerId, Timestamp};

use crate::{CoordinatorState, Input, Millis, Now, Outbox, Record, ReplyTo, Request, Settings};

/// The wall clock at the start of every test.
pub const EPOCH_MS: i64 = 1_700_000_000_000;

/// The first producer id that is allocated.
const FIRST_ID: i64 = 1_000;

pub struct Driver {
    pub machine: CoordinatorState,
    pub log: Vec<Record>,
    pub unanswered: Vec<ReplyTo>,
    /// Producer ids that the machine waits for, unless they are allocated at once.
    pub wanted: usize,
    pub allocates_at_once: bool,
    settings: Settings,
    elapsed_ms: u64,
    requests: u64,
    allocated: i64,
    coordinator_epoch: i32,
}

impl Driver {
    /// A machine that has not been loaded yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            machine: CoordinatorState::new(settings.clone()),
            log: Vec::new(),
            unanswered: Vec::new(),
            wanted: 0,
            allocates_at_once: true,
            settings,
            elapsed_ms: 0,
            requests: 0,
            allocated: 0,
            coordinator_epoch: 0,
        }
    }

    fn now(&self) -> Now {
        let wall = Timestamp(EPOCH_MS + self.elapsed_ms as i64);
        Now { monotonic: Millis(self.elapsed_ms), wall }
    }

    pub fn step(&mut self, input: Input) -> Outbox {
        let mut out = Outbox::default();
        self.machine.step(self.now(), input, &mut out);
        self.wanted += std::mem::take(&mut out.producer_ids_wanted);
        while self.allocates_at_once && self.wanted > 0 {
            let id = self.next_id();
            self.machine.step(self.now(), Input::ProducerId(id), &mut out);
            self.wanted += std::mem::take(&mut out.producer_ids_wanted);
        }
        self.log.extend(out.records.iter().cloned());
        for (reply_to, _) in &out.replies {
            let place = self.unanswered.iter().position(|waiting| waiting == reply_to);
            self.unanswered.remove(place.expect("answered once, and only what was asked"));
        }
        self.machine.assert_invariants();
        self.assert_recoverable();
        out
    }

    fn next_id(&mut self) -> ProducerId {
        self.wanted -= 1;
        self.allocated += 1;
        ProducerId(FIRST_ID + self.allocated - 1)
    }

    /// Gives the machine a producer id that it waits for.
    pub fn allocate(&mut self) -> Outbox {
        let id = self.next_id();
        self.step(Input::ProducerId(id))
    }

    /// Tells the machine that a producer id it waits for cannot be had.
    pub fn refuse_to_allocate(&mut self) -> Outbox {
        self.wanted -= 1;
        self.step(Input::NoProducerId)
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

    /// Loads the machine from the log.
    pub fn load(&mut self) -> Outbox {
        self.machine = self.replayed(&self.log);
        self.coordinator_epoch += 1;
        self.step(Input::Loaded { coordinator_epoch: LeaderEpoch(self.coordinator_epoch) })
    }

    /// Drops the machine and loads another from the first `durable` records.
    pub fn crash(&mut self, durable: usize) -> Outbox {
        self.log.truncate(durable);
        self.unanswered.clear();
        self.wanted = 0;
        self.load()
    }

    /// Recovery and live use are one path: the log alone, compacted or not, leads to the same state.
    fn assert_recoverable(&self) {
        let live = self.machine.durable();
        assert_eq!(live.skipped(), Default::default(), "the machine wrote what it cannot read");
        assert_eq!(self.replayed(&self.log).durable(), live);
        let latest: BTreeMap<_, _> = self.log.iter().map(|r| (r.key.clone(), r.clone())).collect();
        let compacted: Vec<_> = latest.into_values().filter(|r| r.value.is_some()).collect();
        assert_eq!(self.replayed(&compacted).durable(), live);
    }

    fn replayed(&self, log: &[Record]) -> CoordinatorState {
        let mut machine = CoordinatorState::new(self.settings.clone());
        for record in log {
            machine.replay(record);
        }
        machine
    }
}
