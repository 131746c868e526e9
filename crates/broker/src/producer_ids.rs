//! Handing out producer ids.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use thalweg_cluster::ClusterState;
use thalweg_types::{ProducerEpoch, ProducerId};

use crate::metadata::MetadataHandle;
use crate::{Broker, BrokerError, Session};

/// Ids that the chain has given to this broker and that nobody has yet. What is left over at a
/// crash is never used.
pub(crate) struct ProducerIds {
    blocks: Mutex<Vec<Range<i64>>>,
    metadata: MetadataHandle,
}

impl ProducerIds {
    pub fn new(metadata: MetadataHandle) -> Self {
        Self { blocks: Mutex::default(), metadata }
    }

    /// An id that no producer of the cluster has or had.
    pub async fn next(&self) -> Result<ProducerId, BrokerError> {
        loop {
            if let Some(id) = self.take() {
                return Ok(id);
            }
            let reserve = |state: &ClusterState| Ok(state.reserve_producer_ids()?);
            let (block, _) = self.metadata.propose(reserve).await?;
            self.blocks.lock().unwrap_or_else(PoisonError::into_inner).push(block);
        }
    }

    fn take(&self) -> Option<ProducerId> {
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        let id = blocks.last_mut()?.next();
        while blocks.last().is_some_and(Range::is_empty) {
            blocks.pop();
        }
        id.map(ProducerId)
    }
}

impl Broker {
    /// An id that no producer of the cluster has or had, with its first epoch.
    pub async fn allocate_producer_id(
        &self,
        session: &Session,
    ) -> Result<(ProducerId, ProducerEpoch), BrokerError> {
        self.authorize_idempotent_write(session)?;
        Ok((self.shared.producer_ids.next().await?, ProducerEpoch(0)))
    }
}
