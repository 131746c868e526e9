//! An index against its own checksums, the log file it describes, and the checkpoint.

use std::collections::BTreeMap;
use std::io;

use super::{Batches, Verifier, damage};
use crate::error::LogError;
use crate::files::FileId;
use crate::format::FORMAT_VERSION;
use crate::format::entry::BatchEntry;
use crate::format::index::{INDEX_HEADER_LEN, IndexHeader, SECTION_LEN, Section, decode_section};
use crate::index_cache::is_in_order;
use crate::partition::extent::Extent;
use crate::scan::Damage;

/// Largest index that is read whole.
const LEN_MAX: u64 = 4 << 30;

impl Verifier {
    /// Checks the index of a finished log file that holds `batches`.
    pub(super) fn check_index(&mut self, file: FileId, batches: &Batches) -> Result<(), LogError> {
        let extents: Vec<Extent> = {
            let all = self.checkpoint.partitions.iter().flat_map(|partition| &partition.extents);
            all.filter(|extent| extent.file == file).copied().collect()
        };
        let path = self.files.index_path(file);
        let bytes = match self.files.disk().read(&path, LEN_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if !extents.is_empty() {
                    self.outcome.note(damage(path, 0, "the index is missing"));
                }
                return Ok(());
            }
            Err(error) => return Err(LogError::io("reading", path)(error)),
        };
        let mut check = IndexCheck { file, bytes: &bytes, batches, found: Vec::new() };
        let header = IndexHeader::decode(&bytes);
        if let Some(newer) = header.filter(|header| header.version > FORMAT_VERSION) {
            return Err(LogError::NewerFormat {
                file: path,
                found: newer.version,
                known: FORMAT_VERSION,
            });
        }
        let sections = check.directory(header);
        let sections: BTreeMap<u64, Section> =
            sections.into_iter().map(|section| (section.position, section)).collect();
        for section in sections.values() {
            check.section(section);
        }
        for extent in &extents {
            check.extent(extent, sections.get(&extent.section.position));
        }
        for (at, what) in check.found {
            self.outcome.note(Damage { file: path.clone(), position: at as u64, what });
        }
        Ok(())
    }
}

struct IndexCheck<'a> {
    file: FileId,
    bytes: &'a [u8],
    batches: &'a Batches,
    found: Vec<(usize, String)>,
}

impl IndexCheck<'_> {
    /// The sections, as far as header and directory are whole.
    fn directory(&mut self, header: Option<IndexHeader>) -> Vec<Section> {
        let Some(header) = header else {
            self.found.push((0, "index header".into()));
            return Vec::new();
        };
        if header.file != self.file.number {
            self.found.push((0, "the index names another file".into()));
        }
        let Some(sections) = header.directory(self.bytes) else {
            self.found.push((INDEX_HEADER_LEN, "index directory".into()));
            return Vec::new();
        };
        let mut end = INDEX_HEADER_LEN + sections.len() * SECTION_LEN;
        for section in &sections {
            if section.position != end as u64 {
                self.found.push((end, "index sections do not follow each other".into()));
            }
            end += section.len();
        }
        if end != self.bytes.len() {
            self.found.push((end, "the index does not end after its last section".into()));
        }
        sections
    }

    fn entries(&self, section: &Section) -> Option<Vec<BatchEntry>> {
        let at = usize::try_from(section.position).ok()?;
        let bytes = self.bytes.get(at..at.checked_add(section.len())?)?;
        decode_section(section, bytes)
    }

    /// Compares a section with its checksum and with the log file's footers.
    fn section(&mut self, section: &Section) {
        let at = section.position as usize;
        let partition = section.partition;
        let Some(entries) = self.entries(section) else {
            self.found.push((at, format!("index section of partition {partition}")));
            return;
        };
        let same =
            |entry: &BatchEntry| self.batches.get(&(partition, entry.base_offset)) == Some(entry);
        if !entries.iter().all(same) {
            let what = format!("the index of partition {partition} differs from the log file");
            self.found.push((at, what));
        }
    }

    /// Compares an extent with its section, and with what the log file has in its range.
    fn extent(&mut self, extent: &Extent, section: Option<&Section>) {
        let at = extent.section.position as usize;
        let (partition, base) = (extent.section.partition, extent.base);
        let wrong = if section == Some(&extent.section) {
            // A section that does not decode was noted before.
            self.entries(&extent.section).map_or(Vec::new(), |entries| self.wrong(extent, &entries))
        } else {
            vec!["the index has no such section"]
        };
        for what in wrong {
            let what = format!("extent at offset {base} of partition {partition}: {what}");
            self.found.push((at, what));
        }
    }

    fn wrong(&self, extent: &Extent, entries: &[BatchEntry]) -> Vec<&'static str> {
        let bytes: u64 = entries.iter().map(|entry| u64::from(entry.len)).sum();
        let largest = entries.iter().map(|entry| entry.max_timestamp).max();
        let inside = is_in_order(entries, extent.base)
            && entries.last().is_none_or(|entry| entry.end_offset() <= extent.end);
        let partition = extent.section.partition;
        let stored = self.batches.range((partition, extent.base)..(partition, extent.end));
        let rules = [
            (inside, "its batches overlap, or lie outside of it"),
            (bytes == extent.bytes, "its size is not that of its batches"),
            (largest == Some(extent.max_timestamp), "its largest timestamp is no batch's"),
            (stored.count() == entries.len(), "the index does not have all of its batches"),
        ];
        rules.iter().filter(|(holds, _)| !holds).map(|(_, what)| *what).collect()
    }
}
