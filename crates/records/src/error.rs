//! What can be wrong with a batch.

use thalweg_types::{ErrorKind, Offset};

use crate::Compression;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why bytes are not an acceptable record batch, or could not be turned into one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordsError {
    /// The buffer ends before the batch does; the end of a fetch response may look so.
    #[error("a batch needs {needed} bytes, only {available} are there")]
    Incomplete {
        /// Bytes the batch needs, as far as it is known.
        needed: usize,
        /// Bytes that are there.
        available: usize,
    },
    /// The length field is below that of an empty batch or above every limit.
    #[error("batch length {0} is out of range")]
    Length(i32),
    /// Message format 0 or 1, which Kafka 4 no longer accepts.
    #[error("message format {0} is too old, the oldest supported is 2")]
    OldMagic(i8),
    /// A message format that does not exist.
    #[error("message format {0} is unknown")]
    UnknownMagic(i8),
    /// The offsets of the batch leave the range of offsets, or a field of it that counts is negative.
    #[error(
        "base offset {base_offset}, last offset delta {last_offset_delta}, count {count}: out of range"
    )]
    OffsetRange {
        /// The header's base offset.
        base_offset: Offset,
        /// The header's last offset delta.
        last_offset_delta: i32,
        /// The header's record count.
        count: i32,
    },
    /// A client must send exactly one batch for a partition; it sent none.
    #[error("no record batch where one is expected")]
    NoBatch,
    /// A client must send exactly one batch for a partition; more bytes follow the first.
    #[error("{0} bytes follow the batch, one batch for a partition is allowed")]
    TrailingBytes(usize),
    /// A client sent a base offset; only the broker assigns offsets.
    #[error("base offset should be 0, but it is {0}")]
    BaseOffset(Offset),
    /// The batch is larger than the topic allows.
    #[error("the batch has {length} bytes, at most {max} are allowed")]
    TooLarge {
        /// Bytes of the whole batch.
        length: usize,
        /// The limit.
        max: usize,
    },
    /// The bytes are not those the checksum was computed over.
    #[error("checksum is {stored:#010x}, the bytes have {computed:#010x}")]
    Checksum {
        /// The checksum in the header.
        stored: u32,
        /// The checksum of the bytes.
        computed: u32,
    },
    /// A client used an attribute bit that belongs to the broker.
    #[error("clients may not write {0}")]
    ReservedAttribute(&'static str),
    /// Count and offset range of a client's batch disagree, or the batch is empty.
    #[error("record count {count} does not match last offset delta {last_offset_delta}")]
    Count {
        /// The header's record count.
        count: i32,
        /// The header's last offset delta.
        last_offset_delta: i32,
    },
    /// Producer id, epoch and base sequence do not go together.
    #[error("producer id, epoch and base sequence do not go together")]
    Producer,
    /// A client claims log append time, which only the broker may set.
    #[error("timestamp type of a client's batch must be create time")]
    TimestampType,
    /// The attribute bits name no codec.
    #[error("compression type {0} is unknown")]
    UnknownCompression(u8),
    /// A record does not parse.
    #[error("record {index}: {reason}")]
    Malformed {
        /// Position of the record in its batch, from 0.
        index: i32,
        /// What is wrong, in words.
        reason: &'static str,
    },
    /// The header's count is not the number of records that follow.
    #[error("the header counts {declared} records, {found} were found")]
    RecordCount {
        /// The header's record count.
        declared: i32,
        /// Records found.
        found: i32,
    },
    /// Records break a rule of their topic; the whole batch fails.
    #[error("{0}")]
    Rejected(Rejected),
    /// The compressed records do not decompress.
    #[error("{compression} data do not decompress")]
    Decompress {
        /// The codec.
        compression: Compression,
        /// What the codec says.
        source: Source,
    },
    /// The records decompress to more than the limit.
    #[error("the records decompress to more than {limit} bytes")]
    DecompressedTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The codec failed to compress, e.g. because of its level.
    #[error("{compression} compression failed")]
    Compress {
        /// The codec.
        compression: Compression,
        /// What the codec says.
        source: Source,
    },
    /// A control record's key or value does not parse.
    #[error("control record does not parse")]
    ControlRecord,
}

/// What a client should be told, one step coarser than [`RecordsError`]. The doors map these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Kafka: `CORRUPT_MESSAGE`.
    Corrupt,
    /// Kafka: `INVALID_RECORD`.
    InvalidRecord,
    /// Kafka: `UNSUPPORTED_COMPRESSION_TYPE`.
    UnsupportedCompression,
    /// Kafka: `MESSAGE_TOO_LARGE`.
    TooLarge,
    /// Kafka: `INVALID_TIMESTAMP`.
    InvalidTimestamp,
    /// Kafka: `UNSUPPORTED_FOR_MESSAGE_FORMAT`; for Produce Kafka answers `INVALID_RECORD`.
    UnsupportedFormat,
}

impl RecordsError {
    /// What a client that sent the batch should be told.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Length(_) | Self::UnknownMagic(_) | Self::Checksum { .. } => Fault::Corrupt,
            Self::Incomplete { .. }
            | Self::OffsetRange { .. }
            | Self::NoBatch
            | Self::TrailingBytes(_)
            | Self::BaseOffset(_)
            | Self::ReservedAttribute(_)
            | Self::Count { .. }
            | Self::Producer
            | Self::Malformed { .. }
            | Self::RecordCount { .. }
            | Self::Decompress { .. }
            | Self::ControlRecord => Fault::InvalidRecord,
            Self::OldMagic(_) => Fault::UnsupportedFormat,
            Self::UnknownCompression(_) | Self::Compress { .. } => Fault::UnsupportedCompression,
            Self::TooLarge { .. } | Self::DecompressedTooLarge { .. } => Fault::TooLarge,
            Self::TimestampType => Fault::InvalidTimestamp,
            Self::Rejected(rejected) => rejected.fault(),
        }
    }

    /// What a caller that read the batch from its own store should do.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::TooLarge { .. } | Self::DecompressedTooLarge { .. } => ErrorKind::Limit,
            Self::Length(_)
            | Self::Incomplete { .. }
            | Self::UnknownMagic(_)
            | Self::Checksum { .. }
            | Self::OffsetRange { .. }
            | Self::Malformed { .. }
            | Self::RecordCount { .. }
            | Self::Decompress { .. }
            | Self::ControlRecord => ErrorKind::Corrupt,
            _ => ErrorKind::Invalid,
        }
    }

    pub(crate) fn decompress(compression: Compression, source: impl Into<Source>) -> Self {
        Self::Decompress { compression, source: source.into() }
    }

    pub(crate) fn compress(compression: Compression, source: impl Into<Source>) -> Self {
        Self::Compress { compression, source: source.into() }
    }
}

/// Most rejected records that are listed one by one.
const REJECTED_LISTED_MAX: usize = 1_000;

/// The records of a batch that break a rule of their topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rejected {
    records: Vec<RejectedRecord>,
    count: usize,
    timestamps: bool,
}

/// One rejected record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RejectedRecord {
    /// Position in the batch, from 0.
    pub index: i32,
    /// The rule it breaks.
    pub reason: RejectReason,
}

/// The rule a record breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RejectReason {
    /// A compacted topic takes no record without a key.
    #[error("compacted topic cannot accept message without key")]
    KeyMissing,
    /// The create time is outside what the topic allows around the broker's clock.
    #[error("timestamp of the record is out of range")]
    TimestampOutOfRange,
}

impl Rejected {
    pub(crate) fn push(&mut self, index: i32, reason: RejectReason) {
        self.count += 1;
        self.timestamps |= reason == RejectReason::TimestampOutOfRange;
        if self.records.len() < REJECTED_LISTED_MAX {
            self.records.push(RejectedRecord { index, reason });
        }
    }

    pub(crate) fn into_result(self) -> Result<(), RecordsError> {
        if self.count == 0 { Ok(()) } else { Err(RecordsError::Rejected(self)) }
    }

    /// The rejected records in order; the first thousand if there are more.
    pub fn records(&self) -> &[RejectedRecord] {
        &self.records
    }

    /// How many records were rejected.
    pub const fn count(&self) -> usize {
        self.count
    }

    /// One wrong timestamp makes the whole batch an invalid timestamp, as in Kafka.
    const fn fault(&self) -> Fault {
        if self.timestamps { Fault::InvalidTimestamp } else { Fault::InvalidRecord }
    }
}

impl std::fmt::Display for Rejected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let why =
            self.records.first().map_or_else(String::new, |r| format!(", first: {}", r.reason));
        write!(f, "{} records rejected{why}", self.count)
    }
}
