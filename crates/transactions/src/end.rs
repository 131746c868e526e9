//! `EndTxn`, and aborts that the producer did not ask for.

use crate::producer_ids::NoProducerId;
use crate::serve::Unserved;
use crate::state::{CoordinatorState, remaining_ms};
use crate::timer::Timer;
use crate::{
    EndReason, EndTransaction, Event, Now, Outbox, Producer, TransactionError, TransactionMetadata,
    TransactionState, TransactionVersion, TransactionalId, TxnOutcome,
};

/// What is to be done about a request that is legal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Decide.
    Decide,
    /// Nothing: the reply to a request that was served already got lost.
    Repeat,
}

impl CoordinatorState {
    /// Commits or aborts. Answers who the producer is from now on, if its client can be told.
    pub(crate) fn end_transaction(
        &mut self,
        now: Now,
        request: &EndTransaction,
        out: &mut Outbox,
    ) -> Result<Option<Producer>, Unserved> {
        let EndTransaction { transactional_id: id, producer, outcome, version } = request;
        let known = self.durable.get(id).ok_or(TransactionError::InvalidProducerIdMapping)?;
        let bumps = version.bumps_epoch();
        let verdict = if bumps {
            judge(known, *producer, *outcome)?
        } else {
            judge_unbumped(known, *producer, *outcome)?
        };
        let producer = match verdict {
            Verdict::Repeat => known.producer,
            Verdict::Decide => {
                let next = self.producer_ids.following(known, *version)?;
                let ending = known.ending(*outcome, *version, next, now.wall);
                self.write_ending(now, id, ending, EndReason::Producer, out)
            }
        };
        Ok(bumps.then_some(producer))
    }

    /// An administrator's word.
    pub(crate) fn abort_transaction(
        &mut self,
        now: Now,
        id: &TransactionalId,
        out: &mut Outbox,
    ) -> Result<(), Unserved> {
        let known = self.durable.get(id).ok_or(TransactionError::TransactionalIdNotFound)?;
        match known.state {
            TransactionState::Ongoing => {}
            TransactionState::PrepareCommit | TransactionState::PrepareAbort => {
                return Err(TransactionError::ConcurrentTransactions.into());
            }
            TransactionState::Empty
            | TransactionState::CompleteCommit
            | TransactionState::CompleteAbort => {
                return Err(TransactionError::InvalidTxnState.into());
            }
        }
        Ok(self.abort(now, id, EndReason::Administrator, out)?)
    }

    /// The transaction has been open for as long as it may, unless another one took its place.
    pub(crate) fn time_out(&mut self, now: Now, id: TransactionalId, out: &mut Outbox) {
        let remaining_ms = self.durable.get(&id).and_then(|known| remaining_ms(known, now));
        let Some(remaining_ms) = remaining_ms else { return };
        if remaining_ms > 0 {
            return self.schedule(now, Timer::Transaction(id), remaining_ms);
        }
        if self.abort(now, &id, EndReason::Timeout, out).is_err() {
            self.wait_to_time_out(id, out);
        }
    }

    /// Aborts the open transaction of `id`, if there is one, with an epoch that its producer does not have.
    pub(crate) fn abort(
        &mut self,
        now: Now,
        id: &TransactionalId,
        reason: EndReason,
        out: &mut Outbox,
    ) -> Result<(), NoProducerId> {
        let known = self.durable.get(id);
        let Some(known) = known.filter(|known| known.state == TransactionState::Ongoing) else {
            return Ok(());
        };
        let version = TransactionVersion::V2;
        let next = self.producer_ids.following(known, version)?;
        let mut ending = known.ending(TxnOutcome::Abort, version, next, now.wall);
        if reason == EndReason::TakenOver {
            ending.last_epoch = None;
        }
        self.write_ending(now, id, ending, reason, out);
        Ok(())
    }

    /// Writes the outcome down, which is when it is decided. Who the producer is once it is complete.
    fn write_ending(
        &mut self,
        now: Now,
        id: &TransactionalId,
        ending: TransactionMetadata,
        reason: EndReason,
        out: &mut Outbox,
    ) -> Producer {
        let producer = ending.after_completion();
        if let Some(outcome) = ending.state.ending() {
            let transactional_id = id.clone();
            out.events.push(Event::TransactionEnding { transactional_id, outcome, reason });
        }
        self.write(now, id, ending, out);
        producer
    }
}

/// With KIP-890 the same epoch means the next transaction, and the one before means a retry.
fn judge(
    known: &TransactionMetadata,
    producer: Producer,
    outcome: TxnOutcome,
) -> Result<Verdict, TransactionError> {
    // Before the producer is compared: it may have heard of its next id already.
    if known.state.ending().is_some() {
        return Err(TransactionError::ConcurrentTransactions);
    }
    let is_retry = known.state.completed().is_some() && known.has_replaced(producer);
    if !is_retry {
        known.check_producer(producer)?;
    }
    match (known.state, outcome) {
        _ if is_retry && known.state.completed() == Some(outcome) => Ok(Verdict::Repeat),
        _ if is_retry => Err(TransactionError::InvalidTxnState),
        // A client that does not know how far it came aborts, even if there is nothing to abort.
        (TransactionState::Ongoing, _) | (_, TxnOutcome::Abort) => Ok(Verdict::Decide),
        (_, TxnOutcome::Commit) => Err(TransactionError::InvalidTxnState),
    }
}

/// Without a new epoch a retry and the next transaction look alike, so only what is open can be ended.
fn judge_unbumped(
    known: &TransactionMetadata,
    producer: Producer,
    outcome: TxnOutcome,
) -> Result<Verdict, TransactionError> {
    known.check_producer(producer)?;
    match known.state {
        TransactionState::Ongoing => Ok(Verdict::Decide),
        TransactionState::PrepareCommit | TransactionState::PrepareAbort => {
            Err(TransactionError::ConcurrentTransactions)
        }
        state if state.completed() == Some(outcome) => Ok(Verdict::Repeat),
        _ => Err(TransactionError::InvalidTxnState),
    }
}
