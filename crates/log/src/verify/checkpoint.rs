//! What must hold within a checkpoint.

use std::path::Path;

use super::{Verification, damage};
use crate::checkpoint::{Checkpoint, PartitionCheckpoint};

/// Checks what a checkpoint says against itself.
pub(super) fn check(path: &Path, checkpoint: &Checkpoint, outcome: &mut Verification) {
    for partition in &checkpoint.partitions {
        for what in violations(checkpoint, partition) {
            outcome.note(damage(path.to_owned(), 0, format!("partition {}: {what}", partition.id)));
        }
    }
}

/// The invariants that a partition's state breaks.
fn violations(checkpoint: &Checkpoint, partition: &PartitionCheckpoint) -> Vec<&'static str> {
    let PartitionCheckpoint { log_start, high_watermark, cleaned_to, extents, epochs, .. } =
        partition;
    let rules = [
        (log_start <= high_watermark, "the log start is beyond the high watermark"),
        (cleaned_to <= high_watermark, "it was compacted beyond the high watermark"),
        (extents.iter().all(|extent| extent.base < extent.end), "an extent covers no offset"),
        (
            extents.windows(2).all(|pair| pair[0].end <= pair[1].base),
            "extents overlap, or are not in order",
        ),
        (
            extents.last().is_none_or(|extent| extent.end <= *high_watermark),
            "an extent reaches beyond the high watermark",
        ),
        (
            extents.first().is_none_or(|extent| extent.end > *log_start),
            "an extent lies before the log start",
        ),
        (
            extents.iter().all(|extent| extent.file.number < checkpoint.next_file),
            "an extent lies in a file whose number was never given out",
        ),
        (
            epochs.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1),
            "leader epochs are not in order",
        ),
    ];
    rules.iter().filter(|(holds, _)| !holds).map(|(_, what)| *what).collect()
}
