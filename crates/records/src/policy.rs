//! What a topic asks of the records inside a batch.

use thalweg_types::Timestamp;

use crate::error::RejectReason;
use crate::records::Cursor;
use crate::{BatchHeader, RecordsError, Rejected};

/// A topic's rules for records, as far as they can be checked without state.
#[derive(Clone, Copy, Debug)]
pub struct RecordPolicy {
    /// Compacted topics refuse records without a key.
    pub keys_required: bool,
    /// Bounds of create times; `None` where the broker sets log append time.
    pub create_time: Option<TimestampBounds>,
    /// Most bytes that the records of one batch may decompress to.
    pub decompressed_max: usize,
}

/// The create times a topic accepts: `message.timestamp.before.max.ms` and `…after.max.ms` around
/// the broker's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampBounds {
    /// The earliest.
    pub min: Timestamp,
    /// The latest.
    pub max: Timestamp,
}

impl TimestampBounds {
    /// At most `before_ms` earlier and `after_ms` later than `now`.
    pub const fn around(now: Timestamp, before_ms: u64, after_ms: u64) -> Self {
        Self {
            min: Timestamp(now.0.saturating_sub_unsigned(before_ms)),
            max: Timestamp(now.0.saturating_add_unsigned(after_ms)),
        }
    }

    /// A record without a timestamp is never out of bounds, as in Kafka.
    fn contains(self, timestamp: Timestamp) -> bool {
        timestamp == Timestamp::NONE || (self.min..=self.max).contains(&timestamp)
    }
}

/// How the offsets inside a batch stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum InnerOffsets {
    /// 0, 1, 2, …: the batch may be appended as it is.
    Dense,
    /// Some old client numbered otherwise: the batch must be rebuilt.
    Irregular,
}

/// What a walk over all records found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Walk {
    pub offsets: InnerOffsets,
    pub max_timestamp: Timestamp,
}

/// Parses every record of `records`, decompressed, and holds it against `policy`.
pub(crate) fn walk(
    header: &BatchHeader,
    mut records: &[u8],
    policy: &RecordPolicy,
) -> Result<Walk, RecordsError> {
    let mut found = Walk { offsets: InnerOffsets::Dense, max_timestamp: Timestamp::NONE };
    let mut rejected = Rejected::default();
    let mut cursor = Cursor::new(header);
    while let Some(record) = cursor.take(&mut records) {
        let record = record?;
        let index = record.index;
        let timestamp = record.timestamp(header);
        found.max_timestamp = found.max_timestamp.max(timestamp);
        if record.offset_delta != index {
            found.offsets = InnerOffsets::Irregular;
        }
        // One error a record, the key first, as in Kafka.
        if policy.keys_required && record.key.is_none() {
            rejected.push(index, RejectReason::KeyMissing);
        } else if policy.create_time.is_some_and(|bounds| !bounds.contains(timestamp)) {
            rejected.push(index, RejectReason::TimestampOutOfRange);
        }
    }
    rejected.into_result()?;
    Ok(found)
}
