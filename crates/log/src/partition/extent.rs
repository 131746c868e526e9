//! Extents: what a partition has in finished log files.

use thalweg_types::{Offset, Timestamp};

use crate::files::FileId;
use crate::format::index::Section;

/// A range of a partition's offsets in one finished log file, with its section in the file's index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub file: FileId,
    pub section: Section,
    pub base: Offset,
    /// One past the last offset.
    pub end: Offset,
    pub bytes: u64,
    /// How many places in the file they lie in: what reading all of them costs in seeks.
    pub pieces: u32,
    pub max_timestamp: Timestamp,
    /// When the first of its batches was appended, by the broker's clock.
    pub first_append: Timestamp,
}

/// The first extent that holds an offset at or after `offset`.
pub(crate) fn position(extents: &[Extent], offset: Offset) -> usize {
    extents.partition_point(|extent| extent.end <= offset)
}
