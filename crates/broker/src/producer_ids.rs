//! Handing out producer ids.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use thalweg_types::{ProducerEpoch, ProducerId};

use crate::{Broker, BrokerError, Session};

/// Ids that the chain has given to this broker and that nobody has yet. What is left over at a
/// crash is never used.
#[derive(Debug, Default)]
pub(crate) struct ProducerIds(Mutex<Vec<Range<i64>>>);

impl ProducerIds {
    fn take(&self) -> Option<ProducerId> {
        let mut blocks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let id = blocks.last_mut()?.next();
        while blocks.last().is_some_and(Range::is_empty) {
            blocks.pop();
        }
        id.map(ProducerId)
    }

    fn add(&self, block: Range<i64>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(block);
    }
}

impl Broker {
    /// An id that no producer of the cluster has or had, with its first epoch.
    pub async fn allocate_producer_id(
        &self,
        session: &Session,
    ) -> Result<(ProducerId, ProducerEpoch), BrokerError> {
        self.authorize_idempotent_write(session)?;
        loop {
            if let Some(id) = self.shared.producer_ids.take() {
                return Ok((id, ProducerEpoch(0)));
            }
            let reserve = |state: &thalweg_cluster::ClusterState| Ok(state.reserve_producer_ids()?);
            let (block, _) = self.shared.metadata.propose(reserve).await?;
            self.shared.producer_ids.add(block);
        }
    }
}
