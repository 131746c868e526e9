//! The batch of a partition that still takes records.

use bytes::{Bytes, BytesMut};
use thalweg_env::Instant;
use thalweg_records::{BatchBuilder, Codec};
use thalweg_types::{Sequence, Timestamp};

use super::window::Sealed;
use super::{Identity, ProducerRecord};
use crate::client::ClientError;

/// More than the lengths, deltas and counts of one record take.
const RECORD_OVERHEAD: usize = 32;

pub(super) struct OpenBatch {
    identity: Option<Identity>,
    codec: Codec,
    /// The sequence of the batch's first record.
    sequence: Sequence,
    builder: BatchBuilder,
    opened: Option<Instant>,
}

impl OpenBatch {
    pub fn new(identity: Option<Identity>, codec: Codec) -> Self {
        Self { identity, codec, sequence: Sequence(0), builder: BatchBuilder::new(), opened: None }
    }

    /// Bytes so far, uncompressed.
    pub fn len(&self) -> usize {
        self.builder.len()
    }

    /// True if the record would make the batch longer than `max`, and there are others in it.
    pub fn would_exceed(&self, record: &ProducerRecord<'_>, max: usize) -> bool {
        let headers = record.headers.iter();
        let headers: usize = headers
            .map(|h| RECORD_OVERHEAD + h.key.len() + h.value.as_ref().map_or(0, Bytes::len))
            .sum();
        let record = payload_len(record) + headers + RECORD_OVERHEAD;
        !self.builder.is_empty() && self.builder.len() + record > max
    }

    pub fn push(&mut self, record: &ProducerRecord<'_>, timestamp: Timestamp, now: Instant) {
        self.builder.push(timestamp, record.key, record.value, record.headers);
        self.opened.get_or_insert(now);
    }

    /// The batch, ready to be sent; `None` if it is empty.
    pub fn seal(&mut self, partition: i32) -> Result<Option<Sealed>, ClientError> {
        let Some(opened) = self.opened.take() else { return Ok(None) };
        let records = self.builder.count();
        let mut builder = std::mem::take(&mut self.builder).codec(self.codec);
        if let Some(Identity { id, epoch }) = self.identity {
            builder = builder.producer(id, epoch, self.sequence);
            self.sequence = self.sequence.plus(records);
        }
        let batch = builder.build().map_err(ClientError::Batch)?;
        let bytes = BytesMut::from(batch.as_bytes());
        Ok(Some(Sealed { partition, records: records as u32, bytes, opened }))
    }
}

fn payload_len(record: &ProducerRecord<'_>) -> usize {
    let len = |field: Option<&[u8]>| field.map_or(0, <[u8]>::len);
    len(record.key) + len(record.value)
}
