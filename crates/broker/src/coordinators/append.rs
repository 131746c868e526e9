//! What a coordinator writes, as batches of its partition.

use std::sync::Arc;

use thalweg_coordination::{Producer, Record};
use thalweg_log::{Marker, Partition, Ticket, TransactionGuard};
use thalweg_records::BatchBuilder;
use thalweg_types::{Sequence, Timestamp};

use crate::BrokerError;

/// A batch is closed when it holds this much.
const BATCH_BYTES: usize = 1 << 20;

/// Something to append to the coordinator's own partition.
#[derive(Debug)]
pub(crate) enum Append {
    /// Records of its own.
    Records(Vec<Record>),
    /// Records that count once the transaction of a producer is committed.
    InTransaction(Producer, Option<TransactionGuard>, Vec<Record>),
    /// The end of such a transaction.
    Marker(Marker),
}

impl Append {
    /// Appends it, in one batch if it fits. The tickets are in the order of the batches.
    pub fn carry_out(
        self,
        partition: &Arc<Partition>,
        now: Timestamp,
    ) -> Result<Vec<Ticket>, BrokerError> {
        match self {
            Self::Records(records) => append(partition, &BatchBuilder::new(), None, records, now),
            Self::InTransaction(producer, guard, records) => {
                let Producer { id, epoch } = producer;
                let empty = BatchBuilder::new().producer(id, epoch, Sequence::NONE).transactional();
                append(partition, &empty, guard, records, now)
            }
            Self::Marker(marker) => Ok(vec![partition.append_marker(marker)?.ticket]),
        }
    }
}

fn append(
    partition: &Arc<Partition>,
    empty: &BatchBuilder,
    guard: Option<TransactionGuard>,
    records: Vec<Record>,
    now: Timestamp,
) -> Result<Vec<Ticket>, BrokerError> {
    let mut tickets = Vec::new();
    let mut batch = empty.clone();
    for Record { key, value } in records {
        batch.push(now, Some(&key), value.as_deref(), &[]);
        if batch.len() >= BATCH_BYTES {
            let full = std::mem::replace(&mut batch, empty.clone());
            tickets.push(partition.append_transactional(full.build()?, guard)?.ticket);
        }
    }
    if !batch.is_empty() {
        tickets.push(partition.append_transactional(batch.build()?, guard)?.ticket);
    }
    Ok(tickets)
}
