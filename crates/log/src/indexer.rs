//! Turning what a finished write-ahead log file holds into extents.

use std::collections::VecDeque;
use std::sync::Arc;

use thalweg_types::Timestamp;

use crate::config::PartitionConfig;
use crate::error::LogError;
use crate::files::FileId;
use crate::format::index::{self, Section, SectionEntries};
use crate::partition::extent::Extent;
use crate::partition::{Partition, TailBatch};
use crate::shared::{Finished, Shared};

/// The batches of one extent-to-be.
struct Piece {
    partition: Arc<Partition>,
    section: SectionEntries,
    bytes: u64,
    first_append: Timestamp,
}

/// Writes the index of a finished file and gives the partitions extents in place of their tails.
/// Returns the bytes written.
pub(crate) fn index_wal(shared: &Shared, finished: Finished) -> Result<u64, LogError> {
    let path = shared.files.path(finished.id);
    let handle = shared.files.get(finished.id)?;
    handle.truncate(finished.end).map_err(LogError::io("cutting", &path))?;
    handle.sync_data().map_err(LogError::io("flushing", &path))?;
    let mut pieces = Vec::new();
    for partition in shared.all_partitions() {
        pieces.extend(collect(&partition, finished.id));
    }
    let sections: Vec<_> = pieces.iter().map(|piece| &piece.section).collect();
    let (written, places) = write_index(shared, finished.id, &sections)?;
    for (piece, place) in pieces.iter().zip(places) {
        let extent = extent(finished.id, place, &piece.section, piece.first_append);
        piece.partition.replace_tail(extent);
    }
    Ok(written)
}

/// Writes an index, durable under its name.
pub(crate) fn write_index(
    shared: &Shared,
    file: FileId,
    sections: &[&SectionEntries],
) -> Result<(u64, Vec<Section>), LogError> {
    let (encoded, places) = index::encode(file.number, sections);
    let path = shared.files.index_path(file);
    let disk = shared.files.disk();
    disk.replace(&path, &encoded).map_err(LogError::io("writing the index", &path))?;
    Ok((encoded.len() as u64, places))
}

/// The extent that `section` describes.
pub(crate) fn extent(
    file: FileId,
    place: Section,
    section: &SectionEntries,
    first_append: Timestamp,
) -> Extent {
    Extent {
        file,
        section: place,
        base: section.base_offset().unwrap_or_default(),
        end: section.end_offset().unwrap_or_default(),
        bytes: section.bytes(),
        pieces: section.pieces(),
        max_timestamp: section.max_timestamp(),
        first_append,
    }
}

/// What `partition` has of `file` at the front of its tail, cut where segments end.
fn collect(partition: &Arc<Partition>, file: FileId) -> Vec<Piece> {
    let (config, batches) = {
        let state = partition.state();
        let count = state.tail.iter().take_while(|batch| batch.file == file).count();
        let batches: VecDeque<_> =
            state.tail.range(..count).map(|batch| (batch.entry, batch.appended_at)).collect();
        (state.config.clone(), batches)
    };
    let mut pieces: Vec<Piece> = Vec::new();
    for (entry, appended_at) in batches {
        let fits = pieces.last().is_some_and(|piece| {
            let bytes = piece.bytes + u64::from(entry.len);
            takes(&config, bytes, appended_at.millis_since(piece.first_append))
        });
        if !fits {
            let section = SectionEntries { partition: partition.id(), entries: Vec::new() };
            let first_append = appended_at;
            pieces.push(Piece { partition: partition.clone(), section, bytes: 0, first_append });
        }
        if let Some(piece) = pieces.last_mut() {
            piece.bytes += u64::from(entry.len);
            piece.section.entries.push(entry);
        }
    }
    pieces
}

/// True if a segment may have `bytes` and span `age` milliseconds of appends (rule 47).
pub(crate) fn takes(config: &PartitionConfig, bytes: u64, age: i64) -> bool {
    bytes <= config.segment_bytes
        && u128::try_from(age).unwrap_or(0) < config.segment_age.as_millis()
}

impl Partition {
    /// Puts an extent in the place of the tail's batches that it covers.
    fn replace_tail(&self, extent: Extent) {
        let mut state = self.state();
        if state.deleted {
            return;
        }
        let covered =
            |batch: &TailBatch| batch.file == extent.file && batch.entry.end_offset() <= extent.end;
        let count = state.tail.iter().take_while(|batch| covered(batch)).count();
        let freed: u64 = state.tail.drain(..count).map(|batch| u64::from(batch.entry.len)).sum();
        state.bytes -= freed;
        // What was trimmed meanwhile stays trimmed.
        if extent.end > state.log_start {
            state.bytes += extent.bytes;
            state.extents.push(extent);
        }
    }
}
