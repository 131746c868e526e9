//! Writing a segment file: the same chunks as in the write-ahead log, sorted by partition.

use std::io::IoSlice;
use std::sync::Arc;

use bytes::Bytes;
use thalweg_env::DiskFile;
use thalweg_types::TopicPartition;

use crate::error::LogError;
use crate::files::FileId;
use crate::format::ALIGN;
use crate::format::chunk::{ChunkBuilder, Place};
use crate::format::entry::{BatchEntry, RunKind};
use crate::format::index::SectionEntries;
use crate::metrics::LogMetrics;
use crate::shared::Shared;

/// A file is full with this many batches: their entries stay in memory until its index is written.
const BATCHES_MAX: usize = 1 << 17;

/// A segment file in the making. Each chunk is flushed as it is written, so that the device never has
/// much to flush at once.
pub(crate) struct SegmentWriter {
    id: FileId,
    handle: Arc<dyn DiskFile>,
    position: u64,
    sequence: u64,
    chunk: ChunkBuilder,
    /// The partition whose run is open in `chunk`.
    run: Option<TopicPartition>,
    batches: usize,
    sections: Vec<SectionEntries>,
}

impl SegmentWriter {
    pub(crate) fn create(shared: &Shared) -> Result<Self, LogError> {
        let id = FileId::segment(shared.new_file_number());
        let handle = shared.files.create(id, ALIGN, shared.options.incarnation)?;
        Ok(Self {
            id,
            handle,
            position: ALIGN,
            sequence: 0,
            chunk: ChunkBuilder::default(),
            run: None,
            batches: 0,
            sections: Vec::new(),
        })
    }

    pub(crate) fn id(&self) -> FileId {
        self.id
    }

    /// True if the next extent should go to another file.
    pub(crate) fn is_full(&self, shared: &Shared) -> bool {
        self.position + self.chunk.encoded_len() >= shared.options.wal_file_bytes
            || self.batches >= BATCHES_MAX
    }

    /// Adds a batch. Partitions come one after the other, their batches in the order of offsets.
    pub(crate) fn push(
        &mut self,
        shared: &Shared,
        partition: TopicPartition,
        entry: BatchEntry,
        batch: Bytes,
    ) -> Result<(), LogError> {
        let len = self.chunk.encoded_len() + batch.len() as u64;
        if len > shared.options.chunk_bytes_max && !self.chunk.is_empty() {
            self.write_chunk(shared)?;
        }
        if self.run.replace(partition) != Some(partition) {
            self.chunk.begin_run(partition, RunKind::Batches);
        }
        self.chunk.push_batch(entry, batch);
        self.batches += 1;
        Ok(())
    }

    fn write_chunk(&mut self, shared: &Shared) -> Result<(), LogError> {
        let path = shared.files.path(self.id);
        let chunk = std::mem::take(&mut self.chunk).encode(Place {
            file: self.id.number,
            position: self.position,
            sequence: self.sequence,
            flushed_to: self.position,
            written_at: shared.clock.now(),
            ..Place::default()
        });
        let parts: Vec<_> = chunk.parts.iter().map(|part| IoSlice::new(part)).collect();
        let written = self.handle.write_all_at(&parts, self.position);
        written.map_err(LogError::io("writing", &path))?;
        self.handle.sync_data().map_err(LogError::io("flushing", &path))?;
        LogMetrics::add(&shared.metrics.rewritten_bytes, chunk.len);
        self.position += chunk.len;
        self.sequence += 1;
        self.run = None;
        for (run, entries) in chunk.footer.runs() {
            self.note(run.partition, entries);
        }
        Ok(())
    }

    fn note(&mut self, partition: TopicPartition, entries: &[BatchEntry]) {
        match self.sections.last_mut().filter(|section| section.partition == partition) {
            Some(section) => section.entries.extend_from_slice(entries),
            None => self.sections.push(SectionEntries { partition, entries: entries.to_vec() }),
        }
    }

    /// Writes what is left. Returns where the batches lie, by partition, in the order they came.
    pub(crate) fn finish(mut self, shared: &Shared) -> Result<Vec<SectionEntries>, LogError> {
        if !self.chunk.is_empty() {
            self.write_chunk(shared)?;
        }
        Ok(self.sections)
    }
}
