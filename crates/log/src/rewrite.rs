//! Rewriting: copying extents into segment files, and putting the copies in the place of the originals.
//!
//! A rewrite goes through its partitions in order, so that a segment file is sorted. Batches are
//! copied byte for byte after their check, or what [`Sieve`] leaves of them. An extent with a batch
//! that cannot be read stays where it is. The job keeps its place between turns; nothing it does is
//! visible before a whole segment file is flushed and indexed. The originals' files go when a
//! checkpoint does without them.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use thalweg_types::{Offset, Timestamp, TopicPartition};

use crate::error::LogError;
use crate::extent_reader::ExtentReader;
use crate::files::FileId;
use crate::format::entry::BatchEntry;
use crate::format::index::{Section, SectionEntries};
use crate::indexer::{self, takes, write_index};
use crate::metrics::LogMetrics;
use crate::partition::Partition;
use crate::partition::extent::Extent;
use crate::segment::SegmentWriter;
use crate::shared::Shared;
use crate::sieve::Sieve;

/// Which extents are rewritten.
pub(crate) enum Sources {
    /// Those in these files.
    Files(BTreeSet<FileId>),
    /// Those that begin before this offset.
    Before(Offset),
}

impl Sources {
    fn has(&self, extent: &Extent) -> bool {
        match self {
            Self::Files(files) => files.contains(&extent.file),
            Self::Before(end) => extent.base < *end,
        }
    }
}

/// An extent to be rewritten, and its place in the partition's list when that was looked at: two in
/// successive places may become one.
#[derive(Clone, Copy)]
struct Source {
    extent: Extent,
    place: usize,
}

pub(crate) struct Rewrite {
    sources: Sources,
    sieve: Option<Sieve>,
    /// Partitions still to come.
    queue: VecDeque<TopicPartition>,
    partition: Option<Arc<Partition>>,
    /// Extents of `partition` still to come.
    waiting: VecDeque<Source>,
    current: Option<(Source, ExtentReader)>,
    writer: Option<SegmentWriter>,
    /// Extents that `writer` holds whole.
    copied: Vec<(Arc<Partition>, Vec<Source>)>,
    /// Files with extents that could not be read.
    pub(crate) damaged: BTreeSet<FileId>,
}

/// One new extent and those whose place it takes.
struct Replacement {
    partition: Arc<Partition>,
    old: Vec<Extent>,
    first_append: Timestamp,
    section: SectionEntries,
}

impl Rewrite {
    /// Rewrites what `sources` names in `partitions`, keeping of each batch what `sieve` leaves.
    pub(crate) fn new(
        sources: Sources,
        partitions: impl IntoIterator<Item = TopicPartition>,
        sieve: Option<Sieve>,
    ) -> Self {
        Self {
            sources,
            sieve,
            queue: partitions.into_iter().collect(),
            partition: None,
            waiting: VecDeque::new(),
            current: None,
            writer: None,
            copied: Vec::new(),
            damaged: BTreeSet::new(),
        }
    }

    /// The file that is being written and that no extent names yet.
    pub(crate) fn output(&self) -> Option<FileId> {
        self.writer.as_ref().map(SegmentWriter::id)
    }

    /// Does one read's worth of work; returns the bytes read, or `None` once everything is in place.
    pub(crate) fn step(&mut self, shared: &Shared) -> Result<Option<u64>, LogError> {
        if self.current.is_none() && !self.begin_extent(shared) {
            self.finish_file(shared)?;
            if let (Some(sieve), Some(partition)) = (&self.sieve, &self.partition) {
                partition.set_cleaned(sieve.end());
                let dropped = sieve.dropped().records;
                LogMetrics::add(&shared.metrics.compaction_dropped_records, dropped);
            }
            return Ok(None);
        }
        let Some((source, reader)) = self.current.as_mut() else { return Ok(Some(0)) };
        let source = *source;
        let piece = match reader.read(shared) {
            Ok(piece) => piece,
            Err(error) => return Ok(Some(self.leave(shared, &source.extent, &error))),
        };
        let done = piece.batches.is_empty();
        let read = piece.batches.iter().map(|(entry, _)| u64::from(entry.len)).sum();
        for (entry, bytes) in piece.batches {
            self.copy(shared, entry, bytes)?;
        }
        if let Some(error) = piece.damage {
            return Ok(Some(read + self.leave(shared, &source.extent, &error)));
        }
        if done {
            self.end_extent(shared, source)?;
        }
        Ok(Some(read))
    }

    /// Opens the next extent; false if there is none.
    fn begin_extent(&mut self, shared: &Shared) -> bool {
        loop {
            let Some(source) = self.waiting.pop_front() else {
                let Some(id) = self.queue.pop_front() else { return false };
                self.begin_partition(shared, id);
                continue;
            };
            match ExtentReader::open(shared, source.extent) {
                Ok(reader) => {
                    self.current = Some((source, reader));
                    return true;
                }
                Err(error) => drop(self.leave(shared, &source.extent, &error)),
            }
        }
    }

    fn begin_partition(&mut self, shared: &Shared, id: TopicPartition) {
        let Some(partition) = shared.partition(id) else { return };
        let places = |(place, extent): (usize, &Extent)| Source { extent: *extent, place };
        self.waiting = {
            let state = partition.state();
            let extents = state.extents.iter().enumerate();
            extents.filter(|(_, extent)| self.sources.has(extent)).map(places).collect()
        };
        self.copied.push((partition.clone(), Vec::new()));
        self.partition = Some(partition);
    }

    fn copy(&mut self, shared: &Shared, entry: BatchEntry, bytes: Bytes) -> Result<(), LogError> {
        let Some(id) = self.partition.as_ref().map(|partition| partition.id()) else {
            return Ok(());
        };
        let kept = match &mut self.sieve {
            Some(sieve) => sieve.sift(entry, bytes),
            None => Some((entry, bytes)),
        };
        let Some((entry, bytes)) = kept else { return Ok(()) };
        if self.writer.is_none() {
            self.writer = Some(SegmentWriter::create(shared)?);
        }
        match &mut self.writer {
            Some(writer) => writer.push(shared, id, entry, bytes),
            None => Ok(()),
        }
    }

    fn end_extent(&mut self, shared: &Shared, source: Source) -> Result<(), LogError> {
        self.current = None;
        if let Some((_, sources)) = self.copied.last_mut() {
            sources.push(source);
        }
        if self.writer.as_ref().is_some_and(|writer| writer.is_full(shared)) {
            self.finish_file(shared)?;
        }
        Ok(())
    }

    /// Leaves an extent where it is, because not all of it can be read.
    fn leave(&mut self, shared: &Shared, extent: &Extent, error: &LogError) -> u64 {
        let partition = extent.section.partition;
        tracing::error!(%partition, base = %extent.base, %error, "unreadable: left where it is");
        LogMetrics::add(&shared.metrics.unreadable_extents, 1);
        self.damaged.insert(extent.file);
        if let Some(sieve) = &mut self.sieve {
            sieve.go_blind();
        }
        self.current = None;
        extent.bytes
    }

    /// Makes the segment file whole, and puts its extents in the place of those it was copied from.
    fn finish_file(&mut self, shared: &Shared) -> Result<(), LogError> {
        let file = self.output();
        let sections = match self.writer.take() {
            Some(writer) => writer.finish(shared)?,
            None => Vec::new(),
        };
        let mut replacements = Vec::new();
        for (partition, sources) in std::mem::take(&mut self.copied) {
            let section = sections.iter().find(|section| section.partition == partition.id());
            let entries = section.map_or(&[][..], |section| &section.entries);
            replacements.extend(self.join(&partition, &sources, entries));
        }
        self.copied.extend(self.partition.clone().map(|partition| (partition, Vec::new())));
        let none = BTreeSet::new();
        let markers = self.sieve.as_ref().map_or(&none, |sieve| &sieve.dropped().markers);
        install(shared, file, &replacements, markers)
    }

    /// Joins sources that follow each other into extents of the size of a segment.
    fn join(
        &self,
        partition: &Arc<Partition>,
        sources: &[Source],
        entries: &[BatchEntry],
    ) -> Vec<Replacement> {
        let config = partition.config();
        let mut joined: Vec<Replacement> = Vec::new();
        let mut last_place = None;
        for Source { extent, place } in sources {
            let from = entries.partition_point(|entry| entry.base_offset < extent.base);
            let to = entries.partition_point(|entry| entry.base_offset < extent.end);
            let entries = &entries[from..to];
            let bytes: u64 = entries.iter().map(|entry| u64::from(entry.len)).sum();
            let follows = last_place.is_some_and(|last: usize| last + 1 == *place);
            last_place = Some(*place);
            let fits = |last: &&mut Replacement| {
                // Compaction leaves little of a segment; how old that is does not matter.
                let age = extent.first_append.millis_since(last.first_append);
                let age = if self.sieve.is_some() { 0 } else { age };
                follows && takes(&config, last.section.bytes() + bytes, age)
            };
            match joined.last_mut().filter(fits) {
                Some(last) => {
                    last.old.push(*extent);
                    last.section.entries.extend_from_slice(entries);
                }
                None => joined.push(Replacement::new(partition.clone(), *extent, entries)),
            }
        }
        joined
    }
}

impl Replacement {
    fn new(partition: Arc<Partition>, old: Extent, entries: &[BatchEntry]) -> Self {
        let section = SectionEntries { partition: partition.id(), entries: entries.to_vec() };
        Self { partition, first_append: old.first_append, old: vec![old], section }
    }

    /// The new extent in `file`; it covers what the old ones covered.
    fn extent(&self, file: FileId, place: Section) -> Extent {
        let written = indexer::extent(file, place, &self.section, self.first_append);
        let base = self.old.first().map_or(written.base, |first| first.base);
        let end = self.old.last().map_or(written.end, |last| last.end);
        Extent { base, end, ..written }
    }
}

/// Writes the index of `file` and gives the partitions their new extents, in which `markers` are not.
fn install(
    shared: &Shared,
    file: Option<FileId>,
    replacements: &[Replacement],
    markers: &BTreeSet<Offset>,
) -> Result<(), LogError> {
    let (empty, full): (Vec<_>, Vec<_>) =
        replacements.iter().partition(|new| new.section.entries.is_empty());
    if let Some(file) = file {
        let sections: Vec<_> = full.iter().map(|new| &new.section).collect();
        let (written, places) = write_index(shared, file, &sections)?;
        LogMetrics::add(&shared.metrics.index_bytes, written);
        for (new, place) in full.into_iter().zip(places) {
            new.partition.replace_extents(&new.old, Some(new.extent(file, place)), markers);
        }
    }
    for gone in empty {
        gone.partition.replace_extents(&gone.old, None, markers);
    }
    Ok(())
}
