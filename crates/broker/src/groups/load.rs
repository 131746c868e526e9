//! Putting a coordinator together from what its partition says.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use thalweg_groups::{CoordinatorState, DeletedTopic, DurableState, Record};
use thalweg_log::{Partition, ReadLimits};
use thalweg_records::{Batch, BatchReader, RecordsError};
use thalweg_types::{BATCH_LENGTH_MAX, Offset};

use super::ShardContext;
use crate::{BrokerError, ClusterTable, TopicKey, fetch};

/// Bytes read at once.
const READ_BYTES: usize = 1 << 20;

/// A machine that has replayed everything durable. Nobody appends to the partition meanwhile.
pub(super) async fn load(
    context: &ShardContext,
    partition: &Arc<Partition>,
) -> Result<CoordinatorState, BrokerError> {
    let mut state = CoordinatorState::new(context.settings.clone());
    let mut at = partition.watermarks().log_start;
    let limits = ReadLimits { bytes_max: READ_BYTES, at_least_one: true, end: Offset(i64::MAX) };
    loop {
        let (slice, _) = fetch::load(&context.env, &context.metrics, partition, at, limits).await?;
        if slice.parts.is_empty() {
            return Ok(state);
        }
        for part in slice.parts {
            at = replay(&mut state, part)?;
        }
    }
}

/// Replays the batches of `part`; returns the offset after them.
fn replay(state: &mut CoordinatorState, part: Bytes) -> Result<Offset, RecordsError> {
    let mut next = Offset::ZERO;
    for batch in BatchReader::new(part) {
        let batch = batch?;
        next = batch.next_offset();
        replay_batch(state, &batch)?;
    }
    Ok(next)
}

fn replay_batch(state: &mut CoordinatorState, batch: &Batch) -> Result<(), RecordsError> {
    if batch.header().attributes.is_control() {
        return Ok(());
    }
    for record in batch.records(BATCH_LENGTH_MAX)? {
        let record = record?;
        if let Some(key) = record.key {
            state.replay(&Record { key, value: record.value });
        }
    }
    Ok(())
}

/// Topics that groups have offsets of and that are gone: they were deleted while nobody listened.
/// Another topic may have taken over the name since.
pub(super) fn vanished_topics(state: &DurableState, table: &ClusterTable) -> Vec<DeletedTopic> {
    let mut vanished = BTreeSet::new();
    for (name, partitions) in state.offsets().values().flatten() {
        let current = table.topic(TopicKey::Name(name.as_str())).ok().map(|topic| topic.id());
        for offset in partitions.values() {
            let is_there =
                current.is_some_and(|id| offset.topic_id == id || offset.topic_id.is_zero());
            if !is_there {
                vanished.insert((name, offset.topic_id));
            }
        }
    }
    vanished.into_iter().map(|(name, id)| DeletedTopic { name: name.clone(), id }).collect()
}
