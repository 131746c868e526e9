//! What survives: the transactional ids that the records tell of.

use std::collections::BTreeMap;

use thalweg_coordination::{Record, Skipped};

use crate::record::Entry;
use crate::{TransactionMetadata, TransactionalId};

/// The durable half of a coordinator. It depends on the latest record of each key only, so that
/// compaction of the topic changes nothing, and replaying is its only mutation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DurableState {
    transactions: BTreeMap<TransactionalId, TransactionMetadata>,
    skipped: Skipped,
}

impl DurableState {
    /// Makes `record` so. Live use and recovery come through here alike.
    pub(crate) fn replay(&mut self, record: &Record) {
        match Entry::decode(record) {
            Ok(Entry { transactional_id, metadata: Some(metadata) }) => {
                self.transactions.insert(transactional_id, metadata);
            }
            Ok(Entry { transactional_id, metadata: None }) => {
                self.transactions.remove(&transactional_id);
            }
            Err(reason) => self.skipped.count(reason),
        }
    }

    /// All transactional ids.
    pub fn transactions(&self) -> &BTreeMap<TransactionalId, TransactionMetadata> {
        &self.transactions
    }

    /// What is known of one transactional id.
    pub fn get(&self, transactional_id: &TransactionalId) -> Option<&TransactionMetadata> {
        self.transactions.get(transactional_id)
    }

    /// The transaction that has been open, or lacked markers, for longest: what blocks readers.
    pub fn oldest_open(&self) -> Option<(&TransactionalId, &TransactionMetadata)> {
        let open = self.transactions.iter().filter(|(_, metadata)| !metadata.state.is_idle());
        open.min_by_key(|(_, metadata)| metadata.started_at)
    }

    /// Records that could not be replayed.
    pub fn skipped(&self) -> Skipped {
        self.skipped
    }
}
