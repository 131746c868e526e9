//! What a topic's configuration makes of a batch before the log gets it.

use bytes::BytesMut;
use thalweg_cluster::config::{self, TimestampType, TopicConfig};
use thalweg_records::{
    BatchHeader, BatchMut, Codec, Compression, InnerOffsets, RecordPolicy, RecordsError,
    SMALL_DECOMPRESSED_MAX, TimestampBounds,
};
use thalweg_types::Timestamp;

use super::{AppendOptions, INLINE_BYTES_MAX, INLINE_DECOMPRESSED_MAX};
use crate::metrics::count;
use crate::{Broker, BrokerError};

/// The header of records that are one whole batch of the newest format, and say that they belong to a
/// transaction. The rest is checked later.
pub(super) fn transactional(records: &[u8]) -> Option<BatchHeader> {
    let header = BatchHeader::parse(records).ok()?;
    let is_whole = header.total_len() == records.len();
    let is_transactional = header.attributes.is_transactional() && header.has_producer();
    (is_whole && is_transactional).then_some(header)
}

/// Checks what can be checked without looking at records.
pub(super) fn accept(
    records: BytesMut,
    config: &TopicConfig,
    options: &AppendOptions,
) -> Result<BatchMut, BrokerError> {
    let batch = BatchMut::from_client(records, limit(config.max_message_bytes))?;
    let attributes = batch.header().attributes;
    let compression = attributes.compression()?;
    if compression == Compression::Zstd && !options.zstd_allowed {
        return Err(RecordsError::UnknownCompression(compression.id()).into());
    }
    check_segment(&batch, config)?;
    Ok(batch)
}

impl Broker {
    /// Holds the records against the topic's rules and makes the batch what the log stores.
    /// Compressed batches are decompressed few at a time, because each may need much memory.
    pub(super) async fn prepare(
        &self,
        batch: BatchMut,
        config: &TopicConfig,
    ) -> Result<BatchMut, BrokerError> {
        let now = self.shared.env.wall();
        let plan = Plan::new(config, &batch, now, self.shared.options.decompressed_bytes_max)?;
        let prepared = if plan.is_cheap(&batch) {
            plan.carry_out(batch, &mut Vec::new())?
        } else {
            self.prepare_compressed(plan, batch).await?
        };
        if prepared.rewritten {
            count(&self.shared.metrics.appends_rewritten);
            check_size(&prepared.batch, config)?;
        }
        Ok(prepared.batch)
    }

    async fn prepare_compressed(
        &self,
        plan: Plan,
        batch: BatchMut,
    ) -> Result<Prepared, BrokerError> {
        let permit = self.shared.decompressions.acquire().await;
        let _permit = permit.map_err(|_| BrokerError::Closing)?;
        let batch = if is_small(&batch) {
            match plan.attempt(batch, INLINE_DECOMPRESSED_MAX)? {
                Attempt::Prepared(prepared) => return Ok(prepared),
                Attempt::Large(batch) => batch,
            }
        } else {
            batch
        };
        let attempt = move || plan.attempt(batch, SMALL_DECOMPRESSED_MAX);
        match self.shared.env.blocking(attempt).await? {
            Attempt::Prepared(prepared) => Ok(prepared),
            Attempt::Large(batch) => self.prepare_large(plan, batch).await,
        }
    }

    /// Large ones wait for each other, so that however many come, they take the memory of one.
    async fn prepare_large(&self, plan: Plan, batch: BatchMut) -> Result<Prepared, BrokerError> {
        let mut memory = self.shared.large_memory.clone().lock_owned().await;
        Ok(self.shared.env.blocking(move || plan.carry_out(batch, &mut memory)).await?)
    }
}

struct Prepared {
    batch: BatchMut,
    rewritten: bool,
}

/// What came of a batch that was decompressed only as far as nearly all batches go.
enum Attempt {
    Prepared(Prepared),
    /// There is more in it, and the topic allows more.
    Large(BatchMut),
}

/// What is to be done with one batch.
#[derive(Clone, Copy)]
struct Plan {
    policy: RecordPolicy,
    from: Compression,
    to: Codec,
    log_append_time: Option<Timestamp>,
}

impl Plan {
    fn new(
        config: &TopicConfig,
        batch: &BatchMut,
        now: Timestamp,
        decompressed_max: usize,
    ) -> Result<Self, RecordsError> {
        let from = batch.header().attributes.compression()?;
        let has_append_time = config.message_timestamp_type == TimestampType::LogAppendTime;
        let bounds = TimestampBounds::around(
            now,
            config.message_timestamp_before_max_ms.unsigned_abs(),
            config.message_timestamp_after_max_ms.unsigned_abs(),
        );
        let policy = RecordPolicy {
            keys_required: config.cleanup_policy.compact,
            create_time: (!has_append_time).then_some(bounds),
            decompressed_max: limit(config.max_decompressed_message_bytes).min(decompressed_max),
        };
        let to = stored_codec(config.compression).unwrap_or(from.into());
        Ok(Self { policy, from, to, log_append_time: has_append_time.then_some(now) })
    }

    fn is_cheap(&self, batch: &BatchMut) -> bool {
        let uncompressed = self.from == Compression::None;
        uncompressed && (self.to.compression == self.from || is_small(batch))
    }

    /// Carries the plan out if the records are no more than `decompressed_max` bytes.
    fn attempt(
        self,
        mut batch: BatchMut,
        decompressed_max: usize,
    ) -> Result<Attempt, RecordsError> {
        let limit = self.policy.decompressed_max.min(decompressed_max);
        let policy = RecordPolicy { decompressed_max: limit, ..self.policy };
        match batch.check_records(&policy) {
            Err(RecordsError::DecompressedTooLarge { .. })
                if limit < self.policy.decompressed_max =>
            {
                Ok(Attempt::Large(batch))
            }
            checked => self.store(batch, checked?).map(Attempt::Prepared),
        }
    }

    fn carry_out(
        self,
        mut batch: BatchMut,
        memory: &mut Vec<u8>,
    ) -> Result<Prepared, RecordsError> {
        let offsets = batch.check_records_in(memory, &self.policy)?;
        self.store(batch, offsets)
    }

    /// Makes a batch that was checked what the topic stores.
    fn store(self, mut batch: BatchMut, offsets: InnerOffsets) -> Result<Prepared, RecordsError> {
        let limit = self.policy.decompressed_max;
        let mut rewritten = true;
        if offsets == InnerOffsets::Irregular {
            batch = batch.rebuild(self.to, limit)?;
        } else if self.to.compression == self.from {
            rewritten = false;
        } else {
            batch = batch.recompress(self.to, limit)?;
        }
        if let Some(now) = self.log_append_time {
            batch.set_log_append_time(now);
        }
        Ok(Prepared { batch, rewritten })
    }
}

fn is_small(batch: &BatchMut) -> bool {
    batch.as_bytes().len() <= INLINE_BYTES_MAX
}

/// The codec that a topic wants, if it wants one. A batch that came in that codec stays as it came,
/// whatever its level, as in Kafka.
fn stored_codec(compression: config::Compression) -> Option<Codec> {
    let with = |compression, level| Some(Codec { compression, level });
    match compression {
        config::Compression::Producer => None,
        config::Compression::Uncompressed => with(Compression::None, None),
        // Kafka's -1 is the codec's own default.
        config::Compression::Gzip(level) => with(Compression::Gzip, (level >= 0).then_some(level)),
        config::Compression::Snappy => with(Compression::Snappy, None),
        config::Compression::Lz4(_) => with(Compression::Lz4, None),
        config::Compression::Zstd(level) => with(Compression::Zstd, Some(level)),
    }
}

/// Another codec may have made the batch larger than its topic allows.
fn check_size(batch: &BatchMut, config: &TopicConfig) -> Result<(), BrokerError> {
    let (length, max) = (batch.as_bytes().len(), limit(config.max_message_bytes));
    if length > max {
        return Err(RecordsError::TooLarge { length, max }.into());
    }
    check_segment(batch, config)
}

fn check_segment(batch: &BatchMut, config: &TopicConfig) -> Result<(), BrokerError> {
    let (length, max) = (batch.as_bytes().len(), limit(config.segment_bytes));
    if length > max {
        return Err(BrokerError::BatchLargerThanSegment { length, max });
    }
    Ok(())
}

fn limit(value: i32) -> usize {
    usize::try_from(value).unwrap_or_default()
}
