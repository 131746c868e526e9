//! Ids that were allocated for this machine, and who waits for one.

use std::collections::VecDeque;

use thalweg_types::ProducerId;

use crate::metadata::is_exhausted;
use crate::state::CoordinatorState;
use crate::timer::Timer;
use crate::{
    Now, Outbox, ReplyTo, Request, TransactionError, TransactionMetadata, TransactionState,
    TransactionVersion, TransactionalId,
};

/// Pause before a transaction that is to be aborted, but needs a producer id to follow, is tried again.
const RETRY_MS: u64 = 1_000;

/// Each waiter has asked for one id, so that no waiter is forgotten.
#[derive(Debug, Default)]
pub(crate) struct ProducerIds {
    stock: VecDeque<ProducerId>,
    waiting: VecDeque<Waiter>,
}

/// What needs a producer id to go on.
#[derive(Debug)]
pub(crate) enum Waiter {
    Request(ReplyTo, Request),
    /// A transaction that is open for too long.
    Timeout(TransactionalId),
}

/// Nothing was done for lack of a producer id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoProducerId;

impl ProducerIds {
    /// An id that nobody had.
    pub fn take(&mut self) -> Result<ProducerId, NoProducerId> {
        self.stock.pop_front().ok_or(NoProducerId)
    }

    /// The id that follows when a transaction of `known` ends, if it takes the last epoch.
    pub fn following(
        &mut self,
        known: &TransactionMetadata,
        version: TransactionVersion,
    ) -> Result<Option<ProducerId>, NoProducerId> {
        let is_last = version.bumps_epoch() && is_exhausted(known.producer.epoch);
        is_last.then(|| self.take()).transpose()
    }

    #[cfg(test)]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// True if the abort of `id` waits.
    pub fn is_waiting_for(&self, id: &TransactionalId) -> bool {
        self.waiting.iter().any(|waiter| matches!(waiter, Waiter::Timeout(other) if other == id))
    }
}

impl CoordinatorState {
    /// Lets `request` wait until there is an id for it; it is decided only then.
    pub(crate) fn wait_for_producer_id(
        &mut self,
        reply_to: ReplyTo,
        request: Request,
        out: &mut Outbox,
    ) {
        if self.producer_ids.waiting.len() >= self.settings.waiting_max {
            return out.reply(reply_to, request.refusal(TransactionError::CoordinatorNotAvailable));
        }
        self.wait(Waiter::Request(reply_to, request), out);
    }

    /// Lets the abort of `id` wait until there is an id to follow.
    pub(crate) fn wait_to_time_out(&mut self, id: TransactionalId, out: &mut Outbox) {
        if !self.producer_ids.is_waiting_for(&id) {
            self.wait(Waiter::Timeout(id), out);
        }
    }

    fn wait(&mut self, waiter: Waiter, out: &mut Outbox) {
        self.producer_ids.waiting.push_back(waiter);
        out.producer_ids_wanted += 1;
    }

    /// Serves the oldest waiters, until all ids are used again.
    pub(crate) fn take_in_producer_id(&mut self, now: Now, id: ProducerId, out: &mut Outbox) {
        self.producer_ids.stock.push_back(id);
        while !self.producer_ids.stock.is_empty()
            && let Some(waiter) = self.producer_ids.waiting.pop_front()
        {
            match waiter {
                Waiter::Request(reply_to, request) => self.serve(now, reply_to, request, out),
                Waiter::Timeout(id) => self.time_out(now, id, out),
            }
        }
    }

    fn is_open(&self, id: &TransactionalId) -> bool {
        self.durable.get(id).is_some_and(|known| known.state == TransactionState::Ongoing)
    }

    /// Gives up on the oldest waiter.
    pub(crate) fn refuse_waiting(&mut self, now: Now, out: &mut Outbox) {
        match self.producer_ids.waiting.pop_front() {
            Some(Waiter::Request(reply_to, request)) => {
                out.reply(reply_to, request.refusal(TransactionError::CoordinatorNotAvailable));
            }
            Some(Waiter::Timeout(id)) if self.is_open(&id) => {
                self.schedule(now, Timer::Transaction(id), RETRY_MS);
            }
            Some(Waiter::Timeout(_)) | None => {}
        }
    }
}
