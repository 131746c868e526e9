//! Records of a step as batches of the offsets topic.

use std::sync::Arc;

use thalweg_groups::Record;
use thalweg_log::{Partition, Ticket};
use thalweg_records::BatchBuilder;
use thalweg_types::Timestamp;

use crate::BrokerError;

/// A batch is closed when it holds this much.
const BATCH_BYTES: usize = 1 << 20;

/// Appends records in order, in one batch if they fit. The tickets are in the order of the batches.
pub(super) fn append(
    partition: &Arc<Partition>,
    records: Vec<Record>,
    now: Timestamp,
) -> Result<Vec<Ticket>, BrokerError> {
    let mut tickets = Vec::new();
    let mut batch = BatchBuilder::new();
    for Record { key, value } in records {
        batch.push(now, Some(&key), value.as_deref(), &[]);
        if batch.len() >= BATCH_BYTES {
            let full = std::mem::take(&mut batch);
            tickets.push(partition.append(full.build()?)?.ticket);
        }
    }
    if !batch.is_empty() {
        tickets.push(partition.append(batch.build()?)?.ticket);
    }
    Ok(tickets)
}
