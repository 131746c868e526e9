//! Transactional ids that nobody has used for long enough.

use std::ops::Bound::{Excluded, Unbounded};

use crate::state::CoordinatorState;
use crate::timer::Timer;
use crate::{Event, Now, Outbox, TransactionMetadata, TransactionalId};

/// A step stops looking at further ids after this many tombstones, so that other inputs get their turn.
const TOMBSTONES_PER_STEP: usize = 1_000;

impl CoordinatorState {
    /// Forgets ids that are too old. Goes on at once where there is more than one step should do.
    pub(crate) fn expire_ids(&mut self, now: Now, out: &mut Outbox) {
        let from = self.expiry_cursor.take();
        let expired = self.expired_after(from.as_ref(), now);
        let count = expired.len();
        if count == TOMBSTONES_PER_STEP {
            self.expiry_cursor = expired.last().cloned();
        }
        for id in expired {
            self.write_tombstone(id, out);
        }
        if count > 0 {
            out.events.push(Event::IdsExpired { count });
        }
        let interval_ms = self.settings.id_expiration_check_interval_ms;
        let has_more = self.expiry_cursor.is_some();
        self.schedule(now, Timer::Expiry, if has_more { 1 } else { interval_ms.into() });
    }

    fn expired_after(&self, from: Option<&TransactionalId>, now: Now) -> Vec<TransactionalId> {
        let range = (from.map_or(Unbounded, Excluded), Unbounded);
        let ids = self.durable.transactions().range::<TransactionalId, _>(range);
        let is_expired = |metadata: &TransactionMetadata| {
            let age_ms = now.wall.millis_since(metadata.updated_at);
            metadata.state.is_idle() && age_ms >= self.settings.id_expiration_ms
        };
        ids.filter(|(_, metadata)| is_expired(metadata))
            .map(|(id, _)| id.clone())
            .take(TOMBSTONES_PER_STEP)
            .collect()
    }
}
