//! The 61 bytes in front of a batch's records.
//!
//! ```text
//!  0 base offset i64      8 length i32        12 leader epoch i32    16 magic i8
//! 17 crc u32             21 attributes i16    23 last offset delta i32
//! 27 base timestamp i64  35 max timestamp i64 43 producer id i64     51 producer epoch i16
//! 53 base sequence i32   57 record count i32
//! ```
//!
//! The length counts what follows it. The checksum covers everything from the attributes on, so
//! that a broker may stamp base offset and leader epoch without touching it.

use std::fmt;

use thalweg_types::{
    BATCH_LENGTH_MAX, LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp,
};

use crate::RecordsError;

/// Bytes of a batch header.
pub const HEADER_LEN: usize = 61;

/// Bytes of base offset and length, which the length field does not count.
pub(crate) const LENGTH_OVERHEAD: usize = 12;
/// Where the bytes begin that the checksum covers.
pub(crate) const CHECKED_FROM: usize = 21;

const LEADER_EPOCH_AT: usize = 12;
const MAGIC_AT: usize = 16;
const CRC_AT: usize = 17;
const MAGIC: i8 = 2;

/// The codecs of `compression.type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Compression {
    /// Records as they are.
    #[default]
    None,
    /// RFC 1952.
    Gzip,
    /// Snappy blocks in the framing of xerial's snappy-java, or one raw block.
    Snappy,
    /// LZ4 frames.
    Lz4,
    /// Zstandard (KIP-110), from Produce v7 and Fetch v10 on.
    Zstd,
}

impl Compression {
    /// Every codec, in the order of their ids.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// The id in the attributes of a batch.
    pub const fn id(self) -> u8 {
        self as u8
    }

    /// The codec with this id.
    pub fn from_id(id: u8) -> Result<Self, RecordsError> {
        Self::ALL.get(usize::from(id)).copied().ok_or(RecordsError::UnknownCompression(id))
    }

    /// The name in `compression.type`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// The codec of this name; Kafka's `uncompressed` is `none`, its `producer` is no codec.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "uncompressed" => Some(Self::None),
            _ => Self::ALL.into_iter().find(|codec| codec.name() == name),
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Who set the timestamps of a batch: `message.timestamp.type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer, record by record.
    #[default]
    CreateTime,
    /// The broker: all records have the batch's max timestamp.
    LogAppendTime,
}

/// The attribute bits of a batch. Bits without a meaning are kept as they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes(pub u16);

impl Attributes {
    const COMPRESSION: u16 = 0b111;
    const LOG_APPEND_TIME: u16 = 1 << 3;
    const TRANSACTIONAL: u16 = 1 << 4;
    const CONTROL: u16 = 1 << 5;
    const DELETE_HORIZON: u16 = 1 << 6;

    /// The codec of the records.
    pub fn compression(self) -> Result<Compression, RecordsError> {
        Compression::from_id((self.0 & Self::COMPRESSION) as u8)
    }

    /// Who set the timestamps.
    pub const fn timestamp_type(self) -> TimestampType {
        if self.has(Self::LOG_APPEND_TIME) {
            TimestampType::LogAppendTime
        } else {
            TimestampType::CreateTime
        }
    }

    /// True for a batch of a transaction, its end marker included.
    pub const fn is_transactional(self) -> bool {
        self.has(Self::TRANSACTIONAL)
    }

    /// True for a batch that the broker wrote for clients to skip.
    pub const fn is_control(self) -> bool {
        self.has(Self::CONTROL)
    }

    /// True if the base timestamp is the time at which tombstones may go (KIP-534).
    pub const fn has_delete_horizon(self) -> bool {
        self.has(Self::DELETE_HORIZON)
    }

    /// The same with this codec.
    #[must_use]
    pub const fn with_compression(self, compression: Compression) -> Self {
        Self((self.0 & !Self::COMPRESSION) | compression.id() as u16)
    }

    /// The same with this timestamp type.
    #[must_use]
    pub const fn with_timestamp_type(self, kind: TimestampType) -> Self {
        self.with(Self::LOG_APPEND_TIME, matches!(kind, TimestampType::LogAppendTime))
    }

    /// The same with the transactional bit set or not.
    #[must_use]
    pub const fn with_transactional(self, on: bool) -> Self {
        self.with(Self::TRANSACTIONAL, on)
    }

    /// The same with the control bit set or not.
    #[must_use]
    pub const fn with_control(self, on: bool) -> Self {
        self.with(Self::CONTROL, on)
    }

    /// The same with the delete-horizon bit set or not.
    #[must_use]
    pub const fn with_delete_horizon(self, on: bool) -> Self {
        self.with(Self::DELETE_HORIZON, on)
    }

    const fn has(self, bit: u16) -> bool {
        self.0 & bit != 0
    }

    const fn with(self, bit: u16, on: bool) -> Self {
        if on { Self(self.0 | bit) } else { Self(self.0 & !bit) }
    }
}

/// A batch header, parsed. What it says was not compared with the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record slot; compaction may have removed the record itself.
    pub base_offset: Offset,
    /// Bytes after the length field; see [`total_len`](Self::total_len).
    pub length: i32,
    /// Epoch of the leader that appended the batch.
    pub leader_epoch: LeaderEpoch,
    /// CRC32C over everything from the attributes on.
    pub crc: u32,
    /// Codec, timestamp type and kind of the batch.
    pub attributes: Attributes,
    /// Last offset minus base offset.
    pub last_offset_delta: i32,
    /// What the records' timestamp deltas are relative to.
    pub base_timestamp: Timestamp,
    /// The largest timestamp of the records, or the log append time.
    pub max_timestamp: Timestamp,
    /// The idempotent producer, or [`ProducerId::NONE`].
    pub producer_id: ProducerId,
    /// Its epoch.
    pub producer_epoch: ProducerEpoch,
    /// Its sequence number for the first record slot.
    pub base_sequence: Sequence,
    /// Records that follow.
    pub count: i32,
}

impl BatchHeader {
    /// Reads the header at the front of `bytes`; the records behind it need not be there.
    ///
    /// Afterwards the length is between that of an empty batch and [`BATCH_LENGTH_MAX`], count and
    /// last offset delta are not negative, and the offsets after the batch are offsets too.
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordsError> {
        // Magic has the same place in every format: it is looked at before the rest is believed.
        if let Some(magic) = bytes.get(MAGIC_AT).map(|byte| *byte as i8)
            && magic != MAGIC
        {
            let old = (0..MAGIC).contains(&magic);
            return Err(if old {
                RecordsError::OldMagic(magic)
            } else {
                RecordsError::UnknownMagic(magic)
            });
        }
        let Some(bytes) = bytes.first_chunk::<HEADER_LEN>() else {
            return Err(RecordsError::Incomplete { needed: HEADER_LEN, available: bytes.len() });
        };
        let header = Self::decode(bytes);
        header.check()?;
        Ok(header)
    }

    fn decode(bytes: &[u8; HEADER_LEN]) -> Self {
        Self {
            base_offset: Offset(i64::from_be_bytes(at(bytes, 0))),
            length: i32::from_be_bytes(at(bytes, 8)),
            leader_epoch: LeaderEpoch(i32::from_be_bytes(at(bytes, LEADER_EPOCH_AT))),
            crc: u32::from_be_bytes(at(bytes, CRC_AT)),
            attributes: Attributes(u16::from_be_bytes(at(bytes, CHECKED_FROM))),
            last_offset_delta: i32::from_be_bytes(at(bytes, 23)),
            base_timestamp: Timestamp(i64::from_be_bytes(at(bytes, 27))),
            max_timestamp: Timestamp(i64::from_be_bytes(at(bytes, 35))),
            producer_id: ProducerId(i64::from_be_bytes(at(bytes, 43))),
            producer_epoch: ProducerEpoch(i16::from_be_bytes(at(bytes, 51))),
            base_sequence: Sequence(i32::from_be_bytes(at(bytes, 53))),
            count: i32::from_be_bytes(at(bytes, 57)),
        }
    }

    fn check(&self) -> Result<(), RecordsError> {
        const LENGTH_MIN: usize = HEADER_LEN - LENGTH_OVERHEAD;
        const LENGTH_MAX: usize = BATCH_LENGTH_MAX - LENGTH_OVERHEAD;
        if !usize::try_from(self.length).is_ok_and(|len| (LENGTH_MIN..=LENGTH_MAX).contains(&len)) {
            return Err(RecordsError::Length(self.length));
        }
        let next = self.base_offset.0.checked_add(i64::from(self.last_offset_delta) + 1);
        if self.last_offset_delta < 0 || self.count < 0 || next.is_none() {
            return Err(RecordsError::OffsetRange {
                base_offset: self.base_offset,
                last_offset_delta: self.last_offset_delta,
                count: self.count,
            });
        }
        Ok(())
    }

    /// The header as bytes.
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        put(&mut bytes, 0, self.base_offset.0.to_be_bytes());
        put(&mut bytes, 8, self.length.to_be_bytes());
        put(&mut bytes, LEADER_EPOCH_AT, self.leader_epoch.0.to_be_bytes());
        put(&mut bytes, MAGIC_AT, MAGIC.to_be_bytes());
        put(&mut bytes, CRC_AT, self.crc.to_be_bytes());
        put(&mut bytes, CHECKED_FROM, self.attributes.0.to_be_bytes());
        put(&mut bytes, 23, self.last_offset_delta.to_be_bytes());
        put(&mut bytes, 27, self.base_timestamp.0.to_be_bytes());
        put(&mut bytes, 35, self.max_timestamp.0.to_be_bytes());
        put(&mut bytes, 43, self.producer_id.0.to_be_bytes());
        put(&mut bytes, 51, self.producer_epoch.0.to_be_bytes());
        put(&mut bytes, 53, self.base_sequence.0.to_be_bytes());
        put(&mut bytes, 57, self.count.to_be_bytes());
        bytes
    }

    /// Bytes of the whole batch, header included.
    pub const fn total_len(&self) -> usize {
        LENGTH_OVERHEAD + self.length as usize
    }

    /// Offset of the last record slot.
    pub const fn last_offset(&self) -> Offset {
        self.base_offset.plus(self.last_offset_delta as i64)
    }

    /// The offset after the batch.
    pub const fn next_offset(&self) -> Offset {
        self.last_offset().plus(1)
    }

    /// The producer's sequence number for the last record slot, or [`Sequence::NONE`].
    pub fn last_sequence(&self) -> Sequence {
        if self.base_sequence == Sequence::NONE {
            Sequence::NONE
        } else {
            self.base_sequence.plus(self.last_offset_delta)
        }
    }

    /// True if the producer is idempotent.
    pub fn has_producer(&self) -> bool {
        self.producer_id > ProducerId::NONE
    }

    /// When tombstones and markers of the batch may go, once compaction has set it (KIP-534).
    pub fn delete_horizon(&self) -> Option<Timestamp> {
        self.attributes.has_delete_horizon().then_some(self.base_timestamp)
    }
}

/// The checksum of a batch: CRC32C over what follows the checksum field.
pub(crate) fn checksum(batch: &[u8]) -> u32 {
    let checked = batch.get(CHECKED_FROM..).unwrap_or_default();
    crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, checked) as u32
}

fn at<const N: usize>(bytes: &[u8; HEADER_LEN], from: usize) -> [u8; N] {
    std::array::from_fn(|i| bytes[from + i])
}

fn put<const N: usize>(bytes: &mut [u8; HEADER_LEN], at: usize, field: [u8; N]) {
    bytes[at..at + N].copy_from_slice(&field);
}
