//! Fuzz targets: plain functions, driven by the tests and by cargo-fuzz alike. None may panic or
//! allocate more than its input justifies; what decodes must be found again in its own encoding.

use crate::checkpoint::{Checkpoint, VERSION};
use crate::format::chunk::{DESCRIPTOR_LEN, Descriptor, End, Footer, decode_run_header};
use crate::format::crc32c;
use crate::format::file_header::FileHeader;
use crate::format::index::{IndexHeader, decode_section};

/// Both ends of a chunk, a run header, and the footer that the head describes.
pub fn decode_chunk(input: &[u8]) {
    for end in [End::Head, End::Tail] {
        if let Some(descriptor) = Descriptor::decode(end, input) {
            let mut again = Vec::new();
            descriptor.encode(end, &mut again);
            assert_eq!(Descriptor::decode(end, &again), Some(descriptor), "a chunk end survives");
        }
    }
    let _ = decode_run_header(input);
    let Some(descriptor) = Descriptor::decode(End::Head, input) else { return };
    let footer = input.get(DESCRIPTOR_LEN..).unwrap_or_default();
    decode_footer_of(descriptor, footer);
}

/// A footer whose descriptor fits it: what checksums would keep from the decoder.
pub fn decode_footer(input: &[u8]) {
    let Some((counts, footer)) = input.split_first_chunk::<2>() else { return };
    decode_footer_of(Descriptor::of_footer(counts[0].into(), counts[1].into(), footer), footer);
}

fn decode_footer_of(descriptor: Descriptor, bytes: &[u8]) {
    if let Some(footer) = Footer::decode(&descriptor, bytes) {
        let batches: usize = footer.runs().map(|(_, batches)| batches.len()).sum();
        assert_eq!(batches, footer.batches.len(), "every batch belongs to a run");
    }
}

/// An index: header, directory and sections.
pub fn decode_index(input: &[u8]) {
    let Some(header) = IndexHeader::decode(input) else { return };
    for section in header.directory(input).unwrap_or_default() {
        let at = usize::try_from(section.position).ok();
        let bytes = at.and_then(|at| input.get(at..at.checked_add(section.len())?));
        if let Some(entries) = bytes.and_then(|bytes| decode_section(&section, bytes)) {
            assert_eq!(entries.len(), section.batches as usize, "a section is whole or nothing");
        }
    }
}

/// The first page of a log file.
pub fn decode_file_header(input: &[u8]) {
    if let Some(header) = FileHeader::decode(input) {
        assert_eq!(FileHeader::decode(&header.encode()), Some(header), "a file header survives");
    }
}

/// A checkpoint, as it lies within its frame.
pub fn decode_checkpoint(input: &[u8]) {
    if let Some(checkpoint) = Checkpoint::decode(input, VERSION) {
        let again = Checkpoint::decode(&checkpoint.encode(), VERSION);
        assert_eq!(again, Some(checkpoint), "a checkpoint survives");
    }
}

/// The checksum is only here so that a fuzzer can be given inputs that pass it.
pub fn seal(input: &[u8]) -> Vec<u8> {
    [input, &crc32c(input).to_le_bytes()].concat()
}

#[cfg(test)]
mod tests;
