//! Index sections of finished log files, within a memory budget.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use thalweg_env::DiskFile;
use thalweg_types::Offset;

use crate::error::LogError;
use crate::files::{FileId, FileTable};
use crate::format::FORMAT_VERSION;
use crate::format::entry::{BATCH_ENTRY_LEN, BatchEntry};
use crate::format::index::{self, INDEX_HEADER_LEN, IndexHeader};
use crate::partition::extent::Extent;
use crate::scan;

/// Names a section: where it stands, and in which file.
type Key = (FileId, u64);

/// Loads sections on demand and keeps the most recently used.
pub(crate) struct IndexCache {
    bytes_max: u64,
    state: Mutex<CacheState>,
}

#[derive(Default)]
struct CacheState {
    sections: BTreeMap<Key, (Arc<[BatchEntry]>, u64)>,
    /// The order of last use: clock → key.
    used: BTreeMap<u64, Key>,
    bytes: u64,
    clock: u64,
}

impl IndexCache {
    pub(crate) fn new(bytes_max: u64) -> Self {
        Self { bytes_max, state: Mutex::default() }
    }

    /// The batches of `extent`, from the index file, or from the log file's own footers if the
    /// index is damaged.
    pub(crate) fn entries(
        &self,
        files: &FileTable,
        extent: &Extent,
    ) -> Result<Arc<[BatchEntry]>, LogError> {
        let key = (extent.file, extent.section.position);
        if let Some(entries) = self.touch(key) {
            return Ok(entries);
        }
        let entries: Arc<[BatchEntry]> = load(files, extent)?.into();
        self.keep(key, entries.clone());
        Ok(entries)
    }

    /// The same for those who read an extent once: what others use stays in the cache.
    pub(crate) fn entries_once(
        &self,
        files: &FileTable,
        extent: &Extent,
    ) -> Result<Arc<[BatchEntry]>, LogError> {
        match self.touch((extent.file, extent.section.position)) {
            Some(entries) => Ok(entries),
            None => Ok(load(files, extent)?.into()),
        }
    }

    fn touch(&self, key: Key) -> Option<Arc<[BatchEntry]>> {
        let mut guard = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *guard;
        let (entries, used) = state.sections.get_mut(&key)?;
        state.used.remove(used);
        state.clock += 1;
        *used = state.clock;
        state.used.insert(state.clock, key);
        Some(entries.clone())
    }

    fn keep(&self, key: Key, entries: Arc<[BatchEntry]>) {
        let mut guard = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *guard;
        state.clock += 1;
        let clock = state.clock;
        state.bytes += size(&entries);
        state.used.insert(clock, key);
        if let Some((old, used)) = state.sections.insert(key, (entries, clock)) {
            state.used.remove(&used);
            state.bytes -= size(&old);
        }
        while state.bytes > self.bytes_max && state.used.len() > 1 {
            let Some((_, oldest)) = state.used.pop_first() else { break };
            if let Some((entries, _)) = state.sections.remove(&oldest) {
                state.bytes -= size(&entries);
            }
        }
    }
}

fn size(entries: &[BatchEntry]) -> u64 {
    size_of_val(entries) as u64
}

fn load(files: &FileTable, extent: &Extent) -> Result<Vec<BatchEntry>, LogError> {
    if let Ok(file) = files.disk().open(&files.index_path(extent.file)) {
        check_version(files, extent.file, file.as_ref())?;
        if let Some(entries) = load_section(file.as_ref(), extent) {
            return Ok(entries);
        }
    }
    rebuild(files, extent)
}

/// Refuses an index of a newer format. A damaged header proves nothing: sections have checksums.
fn check_version(files: &FileTable, file: FileId, index: &dyn DiskFile) -> Result<(), LogError> {
    let mut bytes = [0; INDEX_HEADER_LEN];
    let header = index.read_exact_at(&mut bytes, 0).ok().and_then(|()| IndexHeader::decode(&bytes));
    match header.filter(|header| header.version > FORMAT_VERSION) {
        Some(header) => Err(LogError::NewerFormat {
            file: files.index_path(file),
            found: header.version,
            known: FORMAT_VERSION,
        }),
        None => Ok(()),
    }
}

/// The section from the index file; `None` for any damage.
fn load_section(file: &dyn DiskFile, extent: &Extent) -> Option<Vec<BatchEntry>> {
    let available = file.len().ok()?.checked_sub(extent.section.position)?;
    let len = extent.section.len();
    if len as u64 > available {
        return None;
    }
    let mut bytes = vec![0; len];
    file.read_exact_at(&mut bytes, extent.section.position).ok()?;
    index::decode_section(&extent.section, &bytes)
}

/// The extent's batches from the footers of its log file.
fn rebuild(files: &FileTable, extent: &Extent) -> Result<Vec<BatchEntry>, LogError> {
    tracing::warn!(file = %files.index_path(extent.file).display(), "damaged index: reading the log file instead");
    let mut entries = Vec::new();
    let within = |entry: &BatchEntry| (extent.base..extent.end).contains(&entry.base_offset);
    let len = files.get(extent.file)?.len();
    let end = len.map_err(LogError::io("reading the length of", files.path(extent.file)))?;
    scan::each_chunk(files, extent.file, end, |chunk| {
        for (run, batches) in chunk.footer.runs() {
            if run.partition == extent.section.partition {
                entries.extend(batches.iter().copied().filter(within));
            }
        }
    })?;
    entries.sort_by_key(|entry: &BatchEntry| entry.base_offset);
    if entries.len() * BATCH_ENTRY_LEN == extent.section.len() {
        return Ok(entries);
    }
    Err(LogError::Corrupt {
        file: files.index_path(extent.file),
        position: extent.section.position,
        what: "the index section is damaged and the log file does not hold all of its batches",
    })
}

/// True if `entries` begin at `base` and rise without overlap.
pub(crate) fn is_in_order(entries: &[BatchEntry], base: Offset) -> bool {
    entries.first().is_none_or(|entry| entry.base_offset >= base)
        && entries.windows(2).all(|pair| pair[0].end_offset() <= pair[1].base_offset)
}
