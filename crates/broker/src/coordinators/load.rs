//! Putting a coordinator together from what its partition says.

use bytes::Bytes;
use thalweg_log::ReadLimits;
use thalweg_records::{BatchReader, RecordsError};
use thalweg_types::Offset;

use super::{Coordinator, Place};
use crate::{BrokerError, fetch};

/// Bytes read at once.
const READ_BYTES: usize = 1 << 20;

/// A machine that has replayed everything durable. Nobody appends to the partition meanwhile.
pub(super) async fn load<C: Coordinator>(place: &Place<C>) -> Result<C, BrokerError> {
    let Place { world, partition, .. } = place;
    let mut machine = C::new(place);
    let mut at = partition.watermarks().log_start;
    let limits = ReadLimits { bytes_max: READ_BYTES, at_least_one: true, end: Offset(i64::MAX) };
    loop {
        let (slice, _) = fetch::load(&world.env, &world.metrics, partition, at, limits).await?;
        if slice.parts.is_empty() {
            return Ok(machine);
        }
        for part in slice.parts {
            at = replay(&mut machine, part)?;
        }
    }
}

/// Replays the batches of `part`; returns the offset after them.
fn replay<C: Coordinator>(machine: &mut C, part: Bytes) -> Result<Offset, RecordsError> {
    let mut next = Offset::ZERO;
    for batch in BatchReader::new(part) {
        let batch = batch?;
        next = batch.next_offset();
        machine.replay(&batch)?;
    }
    Ok(next)
}
