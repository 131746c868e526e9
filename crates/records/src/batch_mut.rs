//! A batch that the broker may still change.

use bytes::BytesMut;
use thalweg_types::{LeaderEpoch, Offset, Sequence, Timestamp};

use crate::batch::{parse_exactly_one, verify_crc};
use crate::header::checksum;
use crate::policy::walk;
use crate::{
    Batch, BatchHeader, HEADER_LEN, InnerOffsets, RecordPolicy, RecordsError, TimestampType,
};

/// One whole batch in memory that nobody else sees yet.
#[derive(Debug)]
pub struct BatchMut {
    bytes: BytesMut,
    header: BatchHeader,
}

impl BatchMut {
    /// Takes what a client sent for one partition, and checks everything that can be checked
    /// without decoding records: exactly one batch of format 2 with at most `max_bytes` bytes, the
    /// checksum, counts, producer fields, and that no bit is set that belongs to the broker.
    pub fn from_client(bytes: BytesMut, max_bytes: usize) -> Result<Self, RecordsError> {
        let header = parse_exactly_one(&bytes)?;
        check_client_header(&header, max_bytes)?;
        verify_crc(&bytes, &header)?;
        Ok(Self { bytes, header })
    }

    /// Puts `header` in front of the records in `bytes`, and the checksum into it.
    pub(crate) fn sealed(bytes: BytesMut, header: BatchHeader) -> Self {
        let mut batch = Self { bytes, header };
        batch.seal();
        batch
    }

    /// The header as it now stands.
    pub const fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The whole batch, header included.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Parses every record and holds it against the topic's rules; decompresses if need be, and
    /// else allocates nothing. Corrects the header's max timestamp if it is not the records'.
    pub fn check_records(&mut self, policy: &RecordPolicy) -> Result<InnerOffsets, RecordsError> {
        self.check_records_in(&mut Vec::new(), policy)
    }

    /// The same, decompressing into `memory`, so that one piece serves many large batches.
    pub fn check_records_in(
        &mut self,
        memory: &mut Vec<u8>,
        policy: &RecordPolicy,
    ) -> Result<InnerOffsets, RecordsError> {
        let (compressed, limit) = (&self.bytes[HEADER_LEN..], policy.decompressed_max);
        let compression = self.header.attributes.compression()?;
        let records = compression.decompress_in(memory, compressed, limit)?;
        let found = walk(&self.header, records, policy)?;
        if policy.create_time.is_some() && found.max_timestamp != self.header.max_timestamp {
            self.header.max_timestamp = found.max_timestamp;
            self.seal();
        }
        Ok(found.offsets)
    }

    /// Gives the batch its place in the partition. Both fields lie outside the checksum.
    pub fn stamp(&mut self, base_offset: Offset, leader_epoch: LeaderEpoch) {
        self.header.base_offset = base_offset;
        self.header.leader_epoch = leader_epoch;
        self.write_header();
    }

    /// Makes `now` the timestamp of all records (`message.timestamp.type=LogAppendTime`).
    pub fn set_log_append_time(&mut self, now: Timestamp) {
        let attributes = self.header.attributes;
        self.header.attributes = attributes.with_timestamp_type(TimestampType::LogAppendTime);
        self.header.max_timestamp = now;
        self.seal();
    }

    /// Gives up the right to change the batch.
    pub fn freeze(self) -> Batch {
        Batch::new(self.bytes.freeze(), self.header)
    }

    /// Writes the header and then the checksum over it and the records.
    fn seal(&mut self) {
        self.write_header();
        self.header.crc = checksum(&self.bytes);
        self.write_header();
    }

    fn write_header(&mut self) {
        self.bytes[..HEADER_LEN].copy_from_slice(&self.header.encode());
    }
}

fn check_client_header(header: &BatchHeader, max_bytes: usize) -> Result<(), RecordsError> {
    let attributes = header.attributes;
    attributes.compression()?;
    if header.base_offset != Offset::ZERO {
        return Err(RecordsError::BaseOffset(header.base_offset));
    }
    if header.total_len() > max_bytes {
        return Err(RecordsError::TooLarge { length: header.total_len(), max: max_bytes });
    }
    if attributes.is_control() {
        return Err(RecordsError::ReservedAttribute("control records"));
    }
    if attributes.has_delete_horizon() {
        return Err(RecordsError::ReservedAttribute("a delete horizon"));
    }
    if attributes.timestamp_type() == TimestampType::LogAppendTime {
        return Err(RecordsError::TimestampType);
    }
    if header.count == 0 || i64::from(header.last_offset_delta) + 1 != i64::from(header.count) {
        let BatchHeader { count, last_offset_delta, .. } = *header;
        return Err(RecordsError::Count { count, last_offset_delta });
    }
    check_producer(header)
}

fn check_producer(header: &BatchHeader) -> Result<(), RecordsError> {
    // Records of a transaction without a producer mean nothing, but Kafka takes them.
    let is_numbered = header.base_sequence > Sequence::NONE;
    if is_numbered || !header.has_producer() { Ok(()) } else { Err(RecordsError::Producer) }
}

#[cfg(test)]
mod tests;
