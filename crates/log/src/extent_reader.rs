//! Reading an extent from front to end, piece by piece, every batch checked.

use std::sync::Arc;

use bytes::Bytes;

use crate::error::LogError;
use crate::format::entry::BatchEntry;
use crate::partition::extent::Extent;
use crate::partition::read_batches;
use crate::shared::Shared;

/// Most bytes read at once, unless one batch is larger.
const READ_BYTES_MAX: u64 = 1 << 20;

pub(crate) struct ExtentReader {
    extent: Extent,
    entries: Arc<[BatchEntry]>,
    next: usize,
}

/// Batches that lie one after the other.
#[derive(Default)]
pub(crate) struct Piece {
    pub batches: Vec<(BatchEntry, Bytes)>,
    /// Why the batch after these cannot be read; the next piece begins behind it.
    pub damage: Option<LogError>,
}

impl ExtentReader {
    pub(crate) fn open(shared: &Shared, extent: Extent) -> Result<Self, LogError> {
        let entries = shared.index.entries_once(&shared.files, &extent)?;
        Ok(Self { extent, entries, next: 0 })
    }

    pub(crate) fn extent(&self) -> &Extent {
        &self.extent
    }

    /// The next batches; none and no damage at the end.
    pub(crate) fn read(&mut self, shared: &Shared) -> Result<Piece, LogError> {
        let adjacent = self.adjacent();
        let (bytes, damage) = read_batches(shared, self.extent.file, adjacent)?;
        let mut rest = bytes;
        let mut batches = Vec::with_capacity(adjacent.len());
        for entry in adjacent {
            if rest.len() < entry.len as usize {
                break;
            }
            batches.push((*entry, rest.split_to(entry.len as usize)));
        }
        self.next += batches.len() + usize::from(damage.is_some());
        Ok(Piece { batches, damage })
    }

    /// The entries from `next` on whose batches one read can take.
    fn adjacent(&self) -> &[BatchEntry] {
        let rest = &self.entries[self.next..];
        let Some(first) = rest.first() else { return rest };
        let mut end = first.position;
        let together = rest.iter().take_while(|entry| {
            let follows = entry.position == end;
            end = entry.end_position();
            follows && (entry.position == first.position || end - first.position <= READ_BYTES_MAX)
        });
        &rest[..together.count()]
    }
}
