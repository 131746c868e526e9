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

#[cfg(test)]
mod tests {
    use thalweg_records::BatchBuilder;
    use thalweg_types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};

    use super::*;

    const EPOCH: ProducerEpoch = ProducerEpoch(0);

    fn records(producer: i64, offset: i64) -> Batch {
        let builder = BatchBuilder::new().transactional().at(Offset(offset), LeaderEpoch(0));
        let mut builder = builder.producer(ProducerId(producer), EPOCH, Sequence(0));
        builder.push(Timestamp(1), None, Some(b"value"), &[]);
        builder.build().unwrap().freeze()
    }

    fn marker(producer: i64, offset: i64, outcome: TxnOutcome) -> Batch {
        let marker = EndTxnMarker { outcome, coordinator_epoch: 0 };
        let mut batch = marker.batch(ProducerId(producer), EPOCH, Timestamp(1)).unwrap();
        batch.stamp(Offset(offset), LeaderEpoch(0));
        batch.freeze()
    }

    #[test]
    fn an_aborted_transaction_ends_at_its_marker() {
        let named = vec![AbortedTransaction { producer_id: 1, first_offset: 2 }];
        let mut aborted = Aborted::new(named);
        let log = [
            records(1, 0),
            marker(1, 1, TxnOutcome::Commit),
            records(1, 2),
            records(2, 3),
            marker(1, 4, TxnOutcome::Abort),
            records(1, 5),
        ];
        let shown: Vec<bool> = log.iter().map(|batch| aborted.shows(batch).unwrap()).collect();
        assert_eq!(shown, [true, false, false, true, false, true]);
    }
}
