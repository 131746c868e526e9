//! The coordinator of one partition: takes inputs, hands out records and replies.

use std::collections::BTreeMap;

use thalweg_coordination::Timers;
use thalweg_types::{ProducerId, TxnOutcome};

use crate::classic::ClassicGroup;
use crate::context::Context;
use crate::durable::DurableState;
use crate::timer::Timer;
use crate::{
    GroupError, GroupId, Input, Millis, Now, Outbox, Record, Settings, Write, deletion, expiry,
};

/// The groups of the classic protocol.
pub(crate) type Groups = BTreeMap<GroupId, ClassicGroup>;

/// The group coordinator of one partition of the offsets topic. See the crate's documentation for what
/// its driver has to do.
#[derive(Debug)]
pub struct CoordinatorState {
    pub(crate) settings: Settings,
    is_loaded: bool,
    durable: DurableState,
    /// Groups with members, or with an id given out, or with a record of their own. A group that exists
    /// by its offsets alone is not here.
    pub(crate) groups: Groups,
    timers: Timers<Timer>,
    /// What all members hold, see [`Settings::members_bytes_max`].
    pub(crate) members_bytes: usize,
    /// After which group the search for old offsets goes on, while it is under way.
    expiry_cursor: Option<GroupId>,
}

impl CoordinatorState {
    /// A coordinator that has replayed nothing.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            is_loaded: false,
            durable: DurableState::default(),
            groups: BTreeMap::new(),
            timers: Timers::default(),
            members_bytes: 0,
            expiry_cursor: None,
        }
    }

    /// Makes a record of the partition so: durable state changes by this and [`replay_end`](Self::replay_end)
    /// only. On loading the driver calls it for each record in order, with the producer of its batch if
    /// that is one of a transaction; afterwards [`step`](Self::step) does, for its own records. A record
    /// that is not understood is counted and skipped.
    pub fn replay(&mut self, record: &Record, transaction: Option<ProducerId>) {
        self.durable.replay(record, transaction);
    }

    /// Makes a transaction marker of the partition so. On loading the driver calls it for each, in the
    /// order of the log; afterwards [`Input::TransactionEnded`] does. Most producers have nothing here.
    pub fn replay_end(&mut self, producer: ProducerId, outcome: TxnOutcome) {
        self.durable.end(producer, outcome);
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
            Input::Loaded => self.load(now, out),
            Input::Request { reply_to, request } if self.is_loaded => {
                self.serve(now, reply_to, request, out);
            }
            Input::Request { reply_to, request } => {
                out.reply(reply_to, request.refusal(GroupError::CoordinatorLoadInProgress));
            }
            Input::TopicsDeleted(topics) => {
                self.decide(now, out, |_, cx| deletion::delete_topics(&topics, cx));
            }
            Input::TransactionEnded { producer, outcome } => self.replay_end(producer, outcome),
            Input::Timeout => self.on_timeout(now, out),
        }
    }

    fn load(&mut self, now: Now, out: &mut Outbox) {
        self.is_loaded = true;
        self.decide(now, out, |groups, cx| {
            cx.schedule(Timer::Expiry, cx.settings.offsets_retention_check_interval_ms);
            for (id, metadata) in cx.durable.groups() {
                groups.insert(id.clone(), ClassicGroup::load(id.clone(), metadata, cx));
            }
        });
        self.members_bytes = self.groups.values().map(ClassicGroup::bytes).sum();
    }

    /// Serves what has become due, one thing after the other, each on what the one before has written.
    fn on_timeout(&mut self, now: Now, out: &mut Outbox) {
        while let Some(timer) = self.timers.take_due(now.monotonic) {
            match &timer {
                Timer::Expiry => self.expire_offsets(now, out),
                Timer::Join(id) | Timer::Sync(id) | Timer::Session(id, _) => {
                    self.with_group(now, id, out, |group, cx| {
                        if let Some(group) = group {
                            group.on_timer(&timer, cx);
                        }
                    });
                }
            }
        }
    }

    /// Goes on at once where there is more than one step should do.
    fn expire_offsets(&mut self, now: Now, out: &mut Outbox) {
        let from = self.expiry_cursor.take();
        let cursor = self.decide(now, out, |groups, cx| {
            let cursor = expiry::expire(groups, from, cx);
            let interval_ms = cx.settings.offsets_retention_check_interval_ms;
            cx.schedule(Timer::Expiry, if cursor.is_some() { 1 } else { interval_ms });
            cursor
        });
        self.expiry_cursor = cursor;
        let forgotten = |id: &GroupId, group: &mut ClassicGroup| {
            group.is_idle() && !self.durable.groups().contains_key(id)
        };
        self.groups.retain(|id, group| !forgotten(id, group));
    }

    /// Makes a decision about one group, if it has or has had members, and settles what it holds.
    pub(crate) fn with_group(
        &mut self,
        now: Now,
        id: &GroupId,
        out: &mut Outbox,
        decision: impl FnOnce(Option<&mut ClassicGroup>, &mut Context),
    ) {
        let bytes = |groups: &Groups| groups.get(id).map_or(0, ClassicGroup::bytes);
        self.members_bytes -= bytes(&self.groups);
        self.decide(now, out, |groups, cx| decision(groups.get_mut(id), cx));
        let is_idle = self.groups.get(id).is_some_and(ClassicGroup::is_idle);
        if is_idle && !self.durable.groups().contains_key(id) {
            self.groups.remove(id);
        }
        self.members_bytes += bytes(&self.groups);
    }

    #[cfg(test)]
    pub(crate) fn assert_invariants(&self) {
        for group in self.groups.values() {
            group.assert_invariants(&self.durable, &self.timers, &self.settings);
        }
        let held: usize = self.groups.values().map(ClassicGroup::bytes).sum();
        assert_eq!(held, self.members_bytes);
        assert!(self.groups.len() <= self.settings.groups_max.max(self.durable.groups().len()));
        self.durable.assert_invariants();
        let offsets = self.durable.offset_count() + self.durable.pending_count();
        assert!(offsets <= self.settings.offsets_max);
    }

    /// Makes a decision, then replays the records that it wrote.
    pub(crate) fn decide<R>(
        &mut self,
        now: Now,
        out: &mut Outbox,
        decision: impl FnOnce(&mut Groups, &mut Context) -> R,
    ) -> R {
        let written_before = out.records.len();
        let (settings, durable, timers) = (&self.settings, &self.durable, &mut self.timers);
        let mut cx = Context { now, settings, durable, timers, out };
        let result = decision(&mut self.groups, &mut cx);
        for Write { record, transaction } in out.records.iter().skip(written_before) {
            self.durable.replay(record, transaction.map(|producer| producer.id));
        }
        result
    }
}
