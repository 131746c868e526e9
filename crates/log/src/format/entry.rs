//! The two kinds of entries in a chunk's footer: runs and batches.

use thalweg_types::{
    LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp, TopicPartition,
};

use super::bytes::{Put, Reader};

/// Bytes of an encoded [`BatchEntry`].
pub(crate) const BATCH_ENTRY_LEN: usize = 56;

/// Bytes of an encoded [`RunEntry`].
pub(crate) const RUN_ENTRY_LEN: usize = 48;

/// Where a batch lies and everything that recovery needs to know of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchEntry {
    pub base_offset: Offset,
    pub last_offset_delta: i32,
    /// Byte position in the log file.
    pub position: u64,
    /// Bytes, header included.
    pub len: u32,
    pub leader_epoch: LeaderEpoch,
    pub max_timestamp: Timestamp,
    pub producer_id: ProducerId,
    pub producer_epoch: ProducerEpoch,
    pub base_sequence: Sequence,
    /// The batch's own attribute bits.
    pub attributes: u16,
    /// The batch's own CRC field, so that even its header is checked against a second copy.
    pub crc: u32,
}

impl BatchEntry {
    pub(crate) fn last_offset(&self) -> Offset {
        self.base_offset.plus(i64::from(self.last_offset_delta))
    }

    pub(crate) fn end_offset(&self) -> Offset {
        self.last_offset().plus(1)
    }

    pub(crate) fn last_sequence(&self) -> Sequence {
        self.base_sequence.plus(self.last_offset_delta)
    }

    pub(crate) fn end_position(&self) -> u64 {
        self.position + u64::from(self.len)
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.offset(self.base_offset);
        out.put(&self.last_offset_delta.to_le_bytes());
        out.u64(self.position);
        out.u32(self.len);
        out.leader_epoch(self.leader_epoch);
        out.timestamp(self.max_timestamp);
        out.producer(self.producer_id, self.producer_epoch);
        out.sequence(self.base_sequence);
        out.put(&self.attributes.to_le_bytes());
        out.u32(self.crc);
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Option<Self> {
        let entry = Self {
            base_offset: Offset(reader.i64()?),
            last_offset_delta: reader.i32()?,
            position: reader.u64()?,
            len: reader.u32()?,
            leader_epoch: LeaderEpoch(reader.i32()?),
            max_timestamp: Timestamp(reader.i64()?),
            producer_id: ProducerId(reader.i64()?),
            producer_epoch: ProducerEpoch(reader.i16()?),
            base_sequence: Sequence(reader.i32()?),
            attributes: reader.u16()?,
            crc: reader.u32()?,
        };
        let sane = entry.base_offset.0 >= 0
            && entry.last_offset_delta >= 0
            && entry.base_offset.0.checked_add(i64::from(entry.last_offset_delta) + 1).is_some()
            && entry.position.checked_add(u64::from(entry.len)).is_some();
        sane.then_some(entry)
    }
}

/// What a run does to its partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RunKind {
    /// Appends batches.
    Batches,
    /// Moves the log start offset to this one (`DeleteRecords`).
    Trim(Offset),
}

/// One partition's part of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RunEntry {
    pub partition: TopicPartition,
    pub kind: RunKind,
    /// Byte position of the run's header in the log file.
    pub position: u64,
    /// Bytes of batches after the run's header.
    pub len: u32,
    /// Batches, and so entries in the footer.
    pub batches: u32,
}

impl RunEntry {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let (kind, value) = match self.kind {
            RunKind::Batches => (1, Offset::ZERO),
            RunKind::Trim(start) => (2, start),
        };
        out.partition(self.partition);
        out.u32(kind);
        out.offset(value);
        out.u64(self.position);
        out.u32(self.len);
        out.u32(self.batches);
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Option<Self> {
        let partition = reader.partition()?;
        let kind = reader.u32()?;
        let value = Offset(reader.i64()?);
        let kind = match kind {
            1 => RunKind::Batches,
            2 => RunKind::Trim(value),
            _ => return None,
        };
        Some(Self {
            partition,
            kind,
            position: reader.u64()?,
            len: reader.u32()?,
            batches: reader.u32()?,
        })
    }
}
