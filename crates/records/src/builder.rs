//! Building batches from records.

use bytes::BytesMut;
use thalweg_types::{
    BATCH_LENGTH_MAX, LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp,
};

use crate::record::{RecordView, put_headers};
use crate::rewrite::assemble;
use crate::{
    Attributes, BatchHeader, BatchMut, Codec, Compression, HEADER_LEN, Header, RecordsError,
    TimestampType,
};

/// Collects records and makes a batch of them.
#[derive(Clone, Debug)]
pub struct BatchBuilder {
    header: BatchHeader,
    log_append_time: Option<Timestamp>,
    codec: Codec,
    records: BytesMut,
    headers: BytesMut,
}

impl BatchBuilder {
    /// A builder of plain batches at offset 0, without a producer.
    pub fn new() -> Self {
        let header = BatchHeader {
            base_offset: Offset::ZERO,
            length: 0,
            leader_epoch: LeaderEpoch::NONE,
            crc: 0,
            attributes: Attributes::default(),
            last_offset_delta: 0,
            base_timestamp: Timestamp::NONE,
            max_timestamp: Timestamp::NONE,
            producer_id: ProducerId::NONE,
            producer_epoch: ProducerEpoch::NONE,
            base_sequence: Sequence::NONE,
            count: 0,
        };
        Self {
            header,
            log_append_time: None,
            codec: Compression::None.into(),
            records: BytesMut::new(),
            headers: BytesMut::new(),
        }
    }

    /// Compresses the records when the batch is built.
    #[must_use]
    pub fn codec(mut self, codec: impl Into<Codec>) -> Self {
        self.codec = codec.into();
        self
    }

    /// Gives the batch its place in the partition already.
    #[must_use]
    pub fn at(mut self, base_offset: Offset, leader_epoch: LeaderEpoch) -> Self {
        self.header.base_offset = base_offset;
        self.header.leader_epoch = leader_epoch;
        self
    }

    /// Makes the batch that of an idempotent producer.
    #[must_use]
    pub fn producer(
        mut self,
        id: ProducerId,
        epoch: ProducerEpoch,
        base_sequence: Sequence,
    ) -> Self {
        self.header.producer_id = id;
        self.header.producer_epoch = epoch;
        self.header.base_sequence = base_sequence;
        self
    }

    /// Makes the batch part of a transaction.
    #[must_use]
    pub fn transactional(mut self) -> Self {
        self.header.attributes = self.header.attributes.with_transactional(true);
        self
    }

    /// Makes the batch one that clients skip.
    #[must_use]
    pub fn control(mut self) -> Self {
        self.header.attributes = self.header.attributes.with_control(true);
        self
    }

    /// Makes `now` the timestamp of all records.
    #[must_use]
    pub fn log_append_time(mut self, now: Timestamp) -> Self {
        self.log_append_time = Some(now);
        self
    }

    /// Adds a record at the next offset.
    pub fn push(
        &mut self,
        timestamp: Timestamp,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header],
    ) {
        let header = &mut self.header;
        if header.count == 0 {
            header.base_timestamp = timestamp;
        }
        header.max_timestamp = header.max_timestamp.max(timestamp);
        self.headers.clear();
        put_headers(&mut self.headers, headers);
        let record = RecordView {
            index: header.count,
            timestamp_delta: timestamp.0.wrapping_sub(header.base_timestamp.0),
            offset_delta: header.count,
            key,
            value,
            headers: &self.headers,
        };
        record.put(&mut self.records);
        header.count += 1;
    }

    /// Records added so far.
    pub const fn count(&self) -> i32 {
        self.header.count
    }

    /// Bytes of the batch so far, before compression.
    pub fn len(&self) -> usize {
        HEADER_LEN + self.records.len()
    }

    /// True before the first record.
    pub const fn is_empty(&self) -> bool {
        self.header.count == 0
    }

    /// The batch. It must have records, and fewer than [`BATCH_LENGTH_MAX`] bytes uncompressed,
    /// which also keeps every length within its field.
    pub fn build(self) -> Result<BatchMut, RecordsError> {
        if self.is_empty() {
            return Err(RecordsError::NoBatch);
        }
        if self.len() > BATCH_LENGTH_MAX {
            return Err(RecordsError::TooLarge { length: self.len(), max: BATCH_LENGTH_MAX });
        }
        let mut header = self.header;
        header.last_offset_delta = header.count - 1;
        if let Some(now) = self.log_append_time {
            header.max_timestamp = now;
            header.attributes = header.attributes.with_timestamp_type(TimestampType::LogAppendTime);
        }
        assemble(header, &self.records, self.codec)
    }
}

impl Default for BatchBuilder {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
