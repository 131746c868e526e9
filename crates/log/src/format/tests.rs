use bytes::Bytes;
use thalweg_types::{
    LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp, TopicId, TopicPartition,
};

use super::chunk::{ChunkBuilder, DESCRIPTOR_LEN, Descriptor, End, Footer, Place};
use super::chunk::{RUN_HEADER_LEN, decode_run_header};
use super::entry::{BatchEntry, RunKind};
use super::file_header::{FileHeader, FileKind};
use super::index::{self, IndexHeader, SectionEntries};

fn partition(n: i32) -> TopicPartition {
    TopicPartition::new(TopicId::from_random([7; 16]), n)
}

fn entry(base: i64, delta: i32) -> BatchEntry {
    BatchEntry {
        base_offset: Offset(base),
        last_offset_delta: delta,
        position: 0,
        len: 0,
        leader_epoch: LeaderEpoch(3),
        max_timestamp: Timestamp(1000 + base),
        producer_id: ProducerId(5),
        producer_epoch: ProducerEpoch(1),
        base_sequence: Sequence(base as i32),
        attributes: 0,
        crc: 0xfeed,
    }
}

fn sample() -> (Vec<u8>, Footer) {
    let mut builder = ChunkBuilder::default();
    builder.begin_run(partition(0), RunKind::Batches);
    builder.push_batch(entry(0, 9), Bytes::from(vec![1; 700]));
    builder.push_batch(entry(10, 0), Bytes::from(vec![2; 5000]));
    builder.begin_run(partition(1), RunKind::Trim(Offset(77)));
    builder.begin_run(partition(2), RunKind::Batches);
    builder.push_batch(entry(4, 1), Bytes::from(vec![3; 61]));
    let len = builder.encoded_len();
    let place =
        Place { file: 9, position: 8192, sequence: 4, flushed_to: 8192, ..Place::default() };
    let chunk = builder.encode(place);
    let bytes = chunk.parts.concat();
    assert_eq!(bytes.len() as u64, len);
    assert_eq!(chunk.len, len);
    (bytes, chunk.footer)
}

#[test]
fn a_chunk_reads_back_from_either_end() {
    let (bytes, footer) = sample();
    let head = Descriptor::decode(End::Head, &bytes).expect("head");
    let tail = Descriptor::decode(End::Tail, &bytes[bytes.len() - DESCRIPTOR_LEN..]).expect("tail");
    assert_eq!(head, tail);
    let at = head.footer_position(0) as usize;
    let decoded = Footer::decode(&head, &bytes[at..at + head.footer_len as usize]).expect("footer");
    assert_eq!(decoded, footer);
    let runs: Vec<_> =
        decoded.runs().map(|(run, batches)| (run.partition, batches.len())).collect();
    assert_eq!(runs, [(partition(0), 2), (partition(1), 0), (partition(2), 1)]);
}

#[test]
fn runs_and_batches_lie_where_the_footer_says() {
    let (bytes, footer) = sample();
    for (run, batches) in footer.runs() {
        let at = (run.position - 8192) as usize;
        assert_eq!(decode_run_header(&bytes[at..]).expect("run header"), *run);
        assert_eq!(
            batches.first().map_or(run.position + RUN_HEADER_LEN as u64, |batch| batch.position),
            run.position + RUN_HEADER_LEN as u64
        );
        for batch in batches {
            let at = (batch.position - 8192) as usize;
            let body = &bytes[at..at + batch.len as usize];
            assert!(body.iter().all(|b| *b == body[0]));
        }
    }
}

#[test]
fn one_flipped_bit_never_passes_in_a_chunks_frame() {
    let (bytes, footer) = sample();
    let head = Descriptor::decode(End::Head, &bytes).expect("head");
    let footer_at = head.footer_position(0) as usize;
    for bit in 0..DESCRIPTOR_LEN * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(Descriptor::decode(End::Head, &flipped), None, "bit {bit}");
    }
    for bit in 0..head.footer_len as usize * 8 {
        let mut flipped = bytes[footer_at..footer_at + head.footer_len as usize].to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(Footer::decode(&head, &flipped), None, "bit {bit}");
    }
    assert_eq!(footer.batches.len(), 3);
}

#[test]
fn the_file_header_survives_damage_to_one_copy() {
    let header = FileHeader::new(FileKind::Segment, 12, 3);
    let page = header.encode();
    assert_eq!(FileHeader::decode(&page), Some(header));
    for byte in [0, 9, 39, 2048, 2060, 2087] {
        let mut damaged = page.clone();
        damaged[byte] ^= 0x10;
        assert_eq!(FileHeader::decode(&damaged), Some(header), "byte {byte}");
    }
}

#[test]
fn an_index_gives_back_its_sections() {
    let sections = [
        SectionEntries { partition: partition(0), entries: vec![entry(0, 3), entry(4, 0)] },
        SectionEntries { partition: partition(1), entries: vec![entry(100, 0)] },
    ];
    let (bytes, places) = index::encode(6, &[&sections[0], &sections[1]]);
    let header = IndexHeader::decode(&bytes).expect("header");
    assert_eq!((header.file, header.sections), (6, 2));
    assert_eq!(header.directory(&bytes).expect("directory"), places);
    for (place, section) in places.iter().zip(&sections) {
        let at = place.position as usize;
        let entries = index::decode_section(place, &bytes[at..at + place.len()]).expect("section");
        assert_eq!(entries, section.entries);
    }
    assert_eq!(sections[0].end_offset(), Some(Offset(5)));
}
