//! One pass over the partitions of a fetch.

use std::sync::Arc;

use thalweg_cluster::acl::AclOperation;
use thalweg_env::Env;
use thalweg_log::{LogError, Partition, ReadLimits, Slice, Watermarks, is_gone};
use thalweg_records::BatchReader;
use thalweg_types::{LeaderEpoch, Offset};

use super::{
    EpochEnd, FetchPartition, FetchRequest, FetchResponse, Fetched, Isolation, SMALL_FETCH_BYTES,
};
use crate::broker::Shared;
use crate::metrics::{BrokerMetrics, count};
use crate::{Broker, BrokerError, MemoryPermit, Session};

/// How often a read is planned anew because files were replaced under it.
const ATTEMPTS: usize = 4;

/// What the partitions read so far have left for the others.
struct Allowance {
    bytes: usize,
    /// False until a partition has given something: the first batch comes whatever its size.
    has_records: bool,
    memory: MemoryPermit,
}

impl Broker {
    pub(super) async fn read(
        &self,
        session: &Session,
        request: &FetchRequest<'_>,
    ) -> FetchResponse {
        let mut allowance = Allowance {
            bytes: request.bytes_max,
            has_records: false,
            memory: MemoryPermit::default(),
        };
        let table = self.table();
        let mut partitions = Vec::with_capacity(request.partitions.len());
        for asked in &request.partitions {
            let FetchPartition { topic, partition, .. } = *asked;
            let found = table.authorized_partition(session, AclOperation::Read, topic, partition);
            let fetched = match found {
                Ok(partition) => {
                    let isolation = request.isolation;
                    self.read_partition(partition, asked, isolation, &mut allowance).await
                }
                Err(error) => Err(error),
            };
            if let Err(BrokerError::Corrupt(error)) = &fetched {
                tracing::error!(%error, "damaged records are not served");
                count(&self.shared.metrics.reads_corrupt);
            }
            partitions.push(fetched);
        }
        FetchResponse { partitions, memory: allowance.memory }
    }

    async fn read_partition(
        &self,
        partition: &Arc<Partition>,
        asked: &FetchPartition<'_>,
        isolation: Isolation,
        allowance: &mut Allowance,
    ) -> Result<Fetched, BrokerError> {
        check_epoch(partition, asked.current_leader_epoch)?;
        let watermarks = partition.watermarks();
        let mut fetched = Fetched {
            records: Slice::default(),
            high_watermark: watermarks.high_watermark,
            last_stable_offset: watermarks.last_stable,
            log_start: watermarks.log_start,
            aborted: Vec::new(),
            diverging_epoch: diverging(partition, asked)?,
        };
        // From the end there is nothing to read; from elsewhere the log says whether it is in range.
        let at_end = asked.offset == watermarks.high_watermark;
        if fetched.diverging_epoch.is_some() || at_end {
            return Ok(fetched);
        }
        // Readers of everything need to know nothing of transactions.
        let (end, forgotten) = match isolation {
            Isolation::ReadUncommitted => (Offset(i64::MAX), None),
            Isolation::ReadCommitted => {
                (watermarks.last_stable, Some(partition.transactions_forgotten()))
            }
        };
        let (records, watermarks) = self.read_within(partition, asked, end, allowance).await?;
        // Records that were read are never beyond the watermarks that come with them.
        fetched.high_watermark = watermarks.high_watermark;
        fetched.last_stable_offset = watermarks.last_stable;
        if let Some(forgotten) = forgotten {
            // What lies before the last stable offset stays as it was decided, until compaction or
            // retention forgets it with the records. Those that were read before that are not served.
            let aborted = partition.aborted_transactions(asked.offset, end_of(&records));
            if partition.transactions_forgotten() != forgotten {
                return Ok(fetched);
            }
            fetched.aborted = aborted;
        }
        fetched.records = records;
        Ok(fetched)
    }

    /// Reads what the allowance leaves, and takes it off. Returns the watermarks of the read, too.
    async fn read_within(
        &self,
        partition: &Arc<Partition>,
        asked: &FetchPartition<'_>,
        end: Offset,
        allowance: &mut Allowance,
    ) -> Result<(Slice, Watermarks), BrokerError> {
        let mut bytes_max = asked.bytes_max.min(allowance.bytes);
        let mut permit = self.shared.fetch_memory.try_acquire(bytes_max);
        if permit.is_none() && bytes_max > SMALL_FETCH_BYTES {
            count(&self.shared.metrics.reads_cut_short);
            allowance.bytes = SMALL_FETCH_BYTES;
            bytes_max = SMALL_FETCH_BYTES;
            permit = self.shared.fetch_memory.try_acquire(bytes_max);
        }
        let limits = ReadLimits { bytes_max, at_least_one: !allowance.has_records, end };
        let Shared { env, metrics, .. } = &*self.shared;
        let (slice, watermarks) = load(env, metrics, partition, asked.offset, limits).await?;
        if let Some(mut permit) = permit {
            permit.shrink_to(slice.len);
            allowance.memory.merge(permit);
        }
        allowance.bytes = allowance.bytes.saturating_sub(slice.len);
        allowance.has_records |= slice.len > 0;
        Ok((slice, watermarks))
    }
}

/// The offset after the last record of a slice; the first of all if it is empty.
fn end_of(slice: &Slice) -> Offset {
    let last = slice.parts.last().cloned().unwrap_or_default();
    BatchReader::new(last).flatten().last().map_or(Offset::ZERO, |batch| batch.next_offset())
}

/// Plans and loads; what is in memory at once, the rest on a thread that may block. Returns the
/// watermarks of the read, too.
pub(crate) async fn load(
    env: &Env,
    metrics: &BrokerMetrics,
    partition: &Arc<Partition>,
    from: Offset,
    limits: ReadLimits,
) -> Result<(Slice, Watermarks), LogError> {
    let mut attempt = 1;
    loop {
        let plan = partition.plan_read(from, limits)?;
        let watermarks = plan.watermarks();
        let loaded = if plan.is_in_memory() {
            plan.load()
        } else {
            count(&metrics.reads_cold);
            env.blocking(move || plan.load()).await
        };
        match loaded {
            Err(error) if is_gone(&error) && attempt < ATTEMPTS => attempt += 1,
            loaded => return Ok((loaded?, watermarks)),
        }
    }
}

/// Refuses a client that believes in another owner than the current one (KIP-320).
pub(crate) fn check_epoch(partition: &Partition, asked: LeaderEpoch) -> Result<(), BrokerError> {
    let current = partition.leader_epoch();
    if asked == LeaderEpoch::NONE || asked == current {
        return Ok(());
    }
    Err(if asked < current {
        BrokerError::FencedLeaderEpoch { asked, current }
    } else {
        BrokerError::UnknownLeaderEpoch { asked, current }
    })
}

/// Where the client's log and this one part, if they do (KIP-595).
fn diverging(
    partition: &Partition,
    asked: &FetchPartition<'_>,
) -> Result<Option<EpochEnd>, BrokerError> {
    if asked.last_fetched_epoch == LeaderEpoch::NONE {
        return Ok(None);
    }
    let Some((leader_epoch, end_offset)) = partition.end_of_epoch(asked.last_fetched_epoch) else {
        let watermarks = partition.watermarks();
        return Err(BrokerError::OffsetOutOfRange {
            asked: asked.offset,
            start: watermarks.log_start,
            end: watermarks.high_watermark,
        });
    };
    let diverges = leader_epoch < asked.last_fetched_epoch || end_offset < asked.offset;
    Ok(diverges.then_some(EpochEnd { leader_epoch, end_offset }))
}
