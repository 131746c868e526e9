//! `InitProducerId`: who may use a transactional id from now on.

use thalweg_types::ProducerEpoch;

use crate::metadata::is_exhausted;
use crate::serve::Unserved;
use crate::state::CoordinatorState;
use crate::{
    EndReason, Event, InitProducerId, Now, Outbox, Producer, TransactionError, TransactionMetadata,
    TransactionState, TransactionalId,
};

/// What becomes of a transactional id that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// The next epoch. The one that is replaced may ask again, or nobody.
    Bump(Option<ProducerEpoch>),
    /// The epoch as it is: the reply to a request that was served already got lost.
    Keep,
    /// A new producer id, since epochs ran out.
    Rotate(Option<ProducerEpoch>),
    /// Nothing before the open transaction is aborted.
    Abort(EndReason),
}

impl CoordinatorState {
    pub(crate) fn init_producer_id(
        &mut self,
        now: Now,
        request: &InitProducerId,
        out: &mut Outbox,
    ) -> Result<Producer, Unserved> {
        let InitProducerId { transactional_id: id, timeout_ms, expected } = request;
        self.validate_init(request)?;
        let Some(known) = self.durable.get(id) else {
            let born = self.bear(now, request)?;
            return Ok(self.write_initialized(now, id, born, out));
        };
        let (producer, last_epoch) = match judge(known, *expected)? {
            Verdict::Bump(last_epoch) => (known.next_epoch(), last_epoch),
            Verdict::Keep => (known.producer, known.last_epoch),
            Verdict::Rotate(last_epoch) => {
                (Producer::new(self.producer_ids.take()?, ProducerEpoch(0)), last_epoch)
            }
            Verdict::Abort(reason) => {
                self.abort(now, id, reason, out)?;
                return Err(TransactionError::ConcurrentTransactions.into());
            }
        };
        let initialized = known.initialized(producer, last_epoch, *timeout_ms, now.wall);
        Ok(self.write_initialized(now, id, initialized, out))
    }

    fn validate_init(&self, request: &InitProducerId) -> Result<(), TransactionError> {
        if !(1..=self.settings.timeout_max_ms).contains(&request.timeout_ms) {
            return Err(TransactionError::InvalidTransactionTimeout);
        }
        match request.expected {
            Some(producer) if !producer.is_valid() => Err(TransactionError::InvalidRequest),
            _ => Ok(()),
        }
    }

    /// An id that was never heard of, or was forgotten: whoever asks gets a new producer id.
    fn bear(
        &mut self,
        now: Now,
        request: &InitProducerId,
    ) -> Result<TransactionMetadata, Unserved> {
        if self.durable.transactions().len() >= self.settings.ids_max {
            return Err(TransactionError::CoordinatorNotAvailable.into());
        }
        let producer_id = self.producer_ids.take()?;
        Ok(TransactionMetadata::born(producer_id, request.timeout_ms, now.wall))
    }

    fn write_initialized(
        &mut self,
        now: Now,
        id: &TransactionalId,
        metadata: TransactionMetadata,
        out: &mut Outbox,
    ) -> Producer {
        let producer = metadata.producer;
        self.write(now, id, metadata, out);
        out.events.push(Event::ProducerInitialized { transactional_id: id.clone(), producer });
        producer
    }
}

fn judge(
    known: &TransactionMetadata,
    expected: Option<Producer>,
) -> Result<Verdict, TransactionError> {
    if known.state.ending().is_some() {
        return Err(TransactionError::ConcurrentTransactions);
    }
    let may_go_on = |expected| expected == known.producer || known.has_replaced(expected);
    if expected.is_some_and(|expected| !may_go_on(expected)) {
        return Err(TransactionError::ProducerFenced);
    }
    if known.state == TransactionState::Ongoing {
        return match expected {
            None => Ok(Verdict::Abort(EndReason::TakenOver)),
            Some(expected) if expected == known.producer => Ok(Verdict::Abort(EndReason::Recovery)),
            // Whoever is not the latest any more must not end what the latest has begun.
            Some(_) => Err(TransactionError::ProducerFenced),
        };
    }
    let last_epoch = match expected {
        None => None,
        Some(expected) if expected == known.producer => Some(expected.epoch),
        Some(_) => return Ok(Verdict::Keep),
    };
    let is_exhausted = is_exhausted(known.producer.epoch);
    Ok(if is_exhausted { Verdict::Rotate(last_epoch) } else { Verdict::Bump(last_epoch) })
}
