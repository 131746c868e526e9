//! What a client that reads committed records leaves out: the records of the transactions that the
//! broker names, up to their markers. Nobody gets the markers.

use std::collections::{BTreeSet, VecDeque};

use thalweg_kafka_wire::messages::fetch_response::AbortedTransaction;
use thalweg_records::{Batch, EndTxnMarker, RecordsError};
use thalweg_types::TxnOutcome;

const MARKER_BYTES_MAX: usize = 1 << 10;

/// The aborted transactions of one answer, and which of them the reader is within.
pub struct Aborted {
    /// Those that begin further on, the next one first.
    ahead: VecDeque<AbortedTransaction>,
    within: BTreeSet<i64>,
}

impl Aborted {
    /// What a broker has named.
    pub fn new(mut transactions: Vec<AbortedTransaction>) -> Self {
        transactions.sort_by_key(|aborted| aborted.first_offset);
        Self { ahead: transactions.into(), within: BTreeSet::new() }
    }

    /// Takes the batches in their order; true for those with records to be read.
    pub fn shows(&mut self, batch: &Batch) -> Result<bool, RecordsError> {
        let header = batch.header();
        let last = header.last_offset().0;
        while let Some(begun) = self.ahead.pop_front_if(|next| next.first_offset <= last) {
            self.within.insert(begun.producer_id);
        }
        if !header.attributes.is_control() {
            let is_within = self.within.contains(&header.producer_id.0);
            return Ok(!(header.attributes.is_transactional() && is_within));
        }
        for record in batch.records(MARKER_BYTES_MAX)? {
            let marker = EndTxnMarker::parse(&record?)?;
            if marker.is_some_and(|marker| marker.outcome == TxnOutcome::Abort) {
                self.within.remove(&header.producer_id.0);
            }
        }
        Ok(false)
    }
}
