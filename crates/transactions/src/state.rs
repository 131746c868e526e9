//! The coordinator of one partition: takes inputs, hands out records, replies and markers.

use std::collections::BTreeMap;

use thalweg_coordination::Timers;
use thalweg_types::LeaderEpoch;

use crate::completion::Completion;
use crate::durable::DurableState;
use crate::producer_ids::ProducerIds;
use crate::record::Entry;
use crate::timer::Timer;
use crate::{
    Input, Millis, Now, Outbox, Record, Settings, TransactionError, TransactionMetadata,
    TransactionState, TransactionalId,
};

/// A transaction with this timeout is never aborted for its age (KIP-939).
const NO_TIMEOUT_MS: i32 = i32::MAX;

/// The transaction coordinator of one partition of the transaction topic. See the crate's documentation
/// for what its driver has to do.
///
/// Everything but `durable` follows from it, except for how far markers and requests have come.
#[derive(Debug)]
pub struct CoordinatorState {
    pub(crate) settings: Settings,
    pub(crate) durable: DurableState,
    pub(crate) timers: Timers<Timer>,
    /// Transactions whose outcome is decided, and that have partitions without a marker.
    pub(crate) completions: BTreeMap<TransactionalId, Completion>,
    pub(crate) next_round: u64,
    pub(crate) producer_ids: ProducerIds,
    /// After which id the search for old ones goes on, while it is under way.
    pub(crate) expiry_cursor: Option<TransactionalId>,
    pub(crate) coordinator_epoch: LeaderEpoch,
    is_loaded: bool,
}

impl CoordinatorState {
    /// A coordinator that has replayed nothing.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            durable: DurableState::default(),
            timers: Timers::default(),
            completions: BTreeMap::new(),
            next_round: 0,
            producer_ids: ProducerIds::default(),
            expiry_cursor: None,
            coordinator_epoch: LeaderEpoch::NONE,
            is_loaded: false,
        }
    }

    /// Makes a record of the partition so: the only change of durable state. On loading the driver calls
    /// it for each record in order; afterwards [`step`](Self::step) does, for its own records. A record
    /// that is not understood is counted and skipped.
    pub fn replay(&mut self, record: &Record) {
        self.durable.replay(record);
    }

    /// When to step [`Input::Timeout`], if ever. Changes with every step.
    pub fn deadline(&self) -> Option<Millis> {
        self.timers.next()
    }

    /// What the records say.
    pub fn durable(&self) -> &DurableState {
        &self.durable
    }

    /// Takes one input. Everything that it causes is added to `out`.
    pub fn step(&mut self, now: Now, input: Input, out: &mut Outbox) {
        match input {
            Input::Loaded { coordinator_epoch } => self.load(now, coordinator_epoch, out),
            Input::Request { reply_to, request } if self.is_loaded => {
                self.serve(now, reply_to, request, out);
            }
            Input::Request { reply_to, request } => {
                out.reply(reply_to, request.refusal(TransactionError::CoordinatorLoadInProgress));
            }
            Input::ProducerId(id) => self.take_in_producer_id(now, id, out),
            Input::NoProducerId => self.refuse_waiting(now, out),
            Input::MarkersSettled(report) => self.settle_markers(now, report, out),
            Input::Timeout => self.on_timeout(now, out),
        }
    }

    fn load(&mut self, now: Now, coordinator_epoch: LeaderEpoch, out: &mut Outbox) {
        self.is_loaded = true;
        self.coordinator_epoch = coordinator_epoch;
        let interval_ms = self.settings.id_expiration_check_interval_ms;
        self.schedule(now, Timer::Expiry, interval_ms.into());
        let ids: Vec<_> = self.durable.transactions().keys().cloned().collect();
        for id in ids {
            self.follow(now, &id, out);
        }
    }

    /// Serves what has become due, one thing after the other, each on what the one before has written.
    fn on_timeout(&mut self, now: Now, out: &mut Outbox) {
        while let Some(timer) = self.timers.take_due(now.monotonic) {
            match timer {
                Timer::Expiry => self.expire_ids(now, out),
                Timer::Transaction(id) => self.time_out(now, id, out),
                Timer::Markers(id) => self.retry_markers(&id, out),
            }
        }
    }

    /// Sets `timer`. Never to now, or a step that serves what is due might not end.
    pub(crate) fn schedule(&mut self, now: Now, timer: Timer, delay_ms: u64) {
        self.timers.schedule(timer, now.monotonic.plus_ms(delay_ms.max(1)));
    }

    /// Writes that `metadata` is so from now on, makes it so, and causes what follows from it.
    pub(crate) fn write(
        &mut self,
        now: Now,
        id: &TransactionalId,
        metadata: TransactionMetadata,
        out: &mut Outbox,
    ) {
        let entry = Entry { transactional_id: id.clone(), metadata: Some(metadata) };
        self.write_entry(&entry, out);
        self.follow(now, id, out);
    }

    /// Writes that nobody uses `id` any more. Nothing of it is under way.
    pub(crate) fn write_tombstone(&mut self, id: TransactionalId, out: &mut Outbox) {
        self.write_entry(&Entry { transactional_id: id, metadata: None }, out);
    }

    fn write_entry(&mut self, entry: &Entry, out: &mut Outbox) {
        let record = entry.encode();
        self.durable.replay(&record);
        out.records.push(record);
    }

    /// Brings timers and markers into line with what is durable of `id`: after a change, and on loading.
    fn follow(&mut self, now: Now, id: &TransactionalId, out: &mut Outbox) {
        let Some(metadata) = self.durable.get(id) else { return };
        let ending = metadata.state.ending();
        let timer = Timer::Transaction(id.clone());
        match remaining_ms(metadata, now) {
            Some(remaining_ms) => self.schedule(now, timer, remaining_ms),
            None => self.timers.cancel(&timer),
        }
        if let Some(outcome) = ending {
            self.begin_completion(now, id, outcome, out);
        }
    }

    #[cfg(test)]
    pub(crate) fn assert_invariants(&self) {
        for (id, metadata) in self.durable.transactions() {
            let may_time_out = remaining_ms(metadata, Now::default()).is_some();
            let is_watched = self.timers.is_set(&Timer::Transaction(id.clone()));
            assert!(is_watched == may_time_out || self.producer_ids.is_waiting_for(id));
            let is_ending = metadata.state.ending().is_some();
            assert_eq!(self.completions.contains_key(id), is_ending);
        }
        let known = |id| self.durable.get(id).is_some();
        assert!(self.completions.keys().all(known));
        for (id, completion) in &self.completions {
            let is_set = self.timers.is_set(&Timer::Markers(id.clone()));
            completion.assert_invariants(is_set, self.durable.get(id));
        }
        assert!(self.durable.transactions().len() <= self.settings.ids_max);
        assert!(self.producer_ids.waiting() <= self.settings.waiting_max + self.settings.ids_max);
    }
}

/// How long the transaction may stay open, if one is open and may not stay for ever.
pub(crate) fn remaining_ms(metadata: &TransactionMetadata, now: Now) -> Option<u64> {
    if metadata.state != TransactionState::Ongoing || metadata.timeout_ms == NO_TIMEOUT_MS {
        return None;
    }
    let timeout_ms = i64::from(metadata.timeout_ms).max(0);
    let open_ms = now.wall.millis_since(metadata.started_at);
    // A clock that was set back must not keep a transaction open for longer than it asked for.
    Some(timeout_ms.saturating_sub(open_ms).clamp(0, timeout_ms).unsigned_abs())
}
