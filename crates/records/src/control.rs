//! The records by which the broker ends transactions.

use thalweg_types::{ProducerEpoch, ProducerId, Sequence, Timestamp, TxnOutcome};

use crate::{BatchBuilder, BatchMut, Record, RecordsError};

/// Kafka's end-transaction marker: the one record of a transactional control batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndTxnMarker {
    /// How the transaction ended.
    pub outcome: TxnOutcome,
    /// Epoch of the coordinator that decided it; a smaller one is fenced.
    pub coordinator_epoch: i32,
}

const VERSION: i16 = 0;
const KEY_LEN: usize = 4;
const VALUE_LEN: usize = 6;

impl EndTxnMarker {
    /// The record's key: version and type, both i16.
    pub fn key(self) -> [u8; KEY_LEN] {
        let kind: i16 = match self.outcome {
            TxnOutcome::Abort => 0,
            TxnOutcome::Commit => 1,
        };
        let ([v0, v1], [k0, k1]) = (VERSION.to_be_bytes(), kind.to_be_bytes());
        [v0, v1, k0, k1]
    }

    /// The record's value: version as i16, coordinator epoch as i32.
    pub fn value(self) -> [u8; VALUE_LEN] {
        let ([v0, v1], [e0, e1, e2, e3]) =
            (VERSION.to_be_bytes(), self.coordinator_epoch.to_be_bytes());
        [v0, v1, e0, e1, e2, e3]
    }

    /// Reads a record of a control batch; `None` if it is another kind of control record. Later
    /// versions may only append fields, which are passed over.
    pub fn parse(record: &Record) -> Result<Option<Self>, RecordsError> {
        let key = record.key.as_deref().and_then(<[u8]>::first_chunk::<KEY_LEN>);
        let &[v0, v1, k0, k1] = key.ok_or(RecordsError::ControlRecord)?;
        if i16::from_be_bytes([v0, v1]) < 0 {
            return Err(RecordsError::ControlRecord);
        }
        let outcome = match i16::from_be_bytes([k0, k1]) {
            0 => TxnOutcome::Abort,
            1 => TxnOutcome::Commit,
            _ => return Ok(None),
        };
        let value = record.value.as_deref().and_then(<[u8]>::first_chunk::<VALUE_LEN>);
        let &[_, _, e0, e1, e2, e3] = value.ok_or(RecordsError::ControlRecord)?;
        Ok(Some(Self { outcome, coordinator_epoch: i32::from_be_bytes([e0, e1, e2, e3]) }))
    }

    /// The batch that ends the transaction of this producer in a partition.
    pub fn batch(
        self,
        producer: ProducerId,
        epoch: ProducerEpoch,
        now: Timestamp,
    ) -> Result<BatchMut, RecordsError> {
        let builder = BatchBuilder::new().producer(producer, epoch, Sequence::NONE);
        let mut builder = builder.transactional().control();
        builder.push(now, Some(&self.key()), Some(&self.value()), &[]);
        builder.build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_comes_back_from_its_batch() {
        let marker = EndTxnMarker { outcome: TxnOutcome::Commit, coordinator_epoch: 7 };
        let (producer, epoch) = (ProducerId(3), ProducerEpoch(4));
        let batch = marker.batch(producer, epoch, Timestamp(5)).unwrap().freeze();
        let attributes = batch.header().attributes;
        assert!(attributes.is_control() && attributes.is_transactional());
        assert_eq!(batch.header().base_sequence, Sequence::NONE);
        let record = batch.records(1 << 10).unwrap().next().unwrap().unwrap();
        assert_eq!(EndTxnMarker::parse(&record).unwrap(), Some(marker));
    }

    #[test]
    fn other_control_records_are_not_markers() {
        let mut record = Record {
            offset: Default::default(),
            timestamp: Timestamp::NONE,
            key: Some([0, 0, 0, 2].as_slice().into()),
            value: None,
            headers: Vec::new(),
        };
        assert_eq!(EndTxnMarker::parse(&record).unwrap(), None);
        record.key = Some([0, 0, 0, 1].as_slice().into());
        assert!(matches!(EndTxnMarker::parse(&record), Err(RecordsError::ControlRecord)));
        record.key = Some([0, 0, 0].as_slice().into());
        assert!(matches!(EndTxnMarker::parse(&record), Err(RecordsError::ControlRecord)));
    }
}
