//! What a client that reads committed records leaves out (KIP-98): the records of the transactions that
//! the broker names, up to their markers.

use std::collections::{BTreeSet, VecDeque};

use thalweg_broker::AbortedTransaction;
use thalweg_records::{Batch, EndTxnMarker, RecordsError};
use thalweg_types::{ProducerId, TxnOutcome};

/// The aborted transactions of one answer, and which of them the reader is within.
pub(crate) struct Aborted {
    /// Those that begin further on, the next one first.
    ahead: VecDeque<AbortedTransaction>,
    within: BTreeSet<ProducerId>,
}

impl Aborted {
    pub fn new(mut transactions: Vec<AbortedTransaction>) -> Self {
        transactions.sort_by_key(|aborted| aborted.first_offset);
        Self { ahead: transactions.into(), within: BTreeSet::new() }
    }

    /// Takes the batches in their order; false for those of aborted transactions.
    pub fn shows(&mut self, batch: &Batch) -> Result<bool, RecordsError> {
        let header = batch.header();
        while self.ahead.front().is_some_and(|next| next.first_offset <= header.last_offset()) {
            self.within.extend(self.ahead.pop_front().map(|begun| begun.producer_id));
        }
        if !header.attributes.is_transactional() {
            return Ok(true);
        }
        if !header.attributes.is_control() {
            return Ok(!self.within.contains(&header.producer_id));
        }
        for record in batch.records(usize::MAX)? {
            let marker = EndTxnMarker::parse(&record?)?;
            if marker.is_some_and(|marker| marker.outcome == TxnOutcome::Abort) {
                self.within.remove(&header.producer_id);
            }
        }
        Ok(true)
    }
}
