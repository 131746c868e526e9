use bytes::{Bytes, BytesMut};
use thalweg_types::{LeaderEpoch, Offset, Timestamp};

use super::*;
use crate::BatchBuilder;

fn two_batches() -> (Bytes, [usize; 2]) {
    let mut bytes = BytesMut::new();
    let lengths = [0, 5].map(|base_offset| {
        let mut builder = BatchBuilder::new().at(Offset(base_offset), LeaderEpoch(1));
        builder.push(Timestamp(1), None, Some(b"value"), &[]);
        let batch = builder.build().unwrap().freeze();
        bytes.extend_from_slice(batch.bytes());
        batch.bytes().len()
    });
    (bytes.freeze(), lengths)
}

#[test]
fn batches_are_split_where_they_end() {
    let (bytes, lengths) = two_batches();
    let mut reader = BatchReader::new(bytes);
    let first = reader.next().unwrap().unwrap();
    assert_eq!((first.base_offset(), first.bytes().len()), (Offset(0), lengths[0]));
    assert_eq!(reader.rest().len(), lengths[1]);
    assert_eq!(reader.next().unwrap().unwrap().base_offset(), Offset(5));
    assert!(reader.next().is_none());
}

#[test]
fn a_buffer_cut_anywhere_ends_in_an_incomplete_batch() {
    let (bytes, lengths) = two_batches();
    for cut in 1..lengths[0] {
        let mut reader = BatchReader::new(bytes.slice(..lengths[0] + cut));
        assert!(reader.next().unwrap().is_ok());
        let Some(Err(RecordsError::Incomplete { needed, available })) = reader.next() else {
            panic!("cut at {cut}");
        };
        assert!(needed > available && available == cut);
        assert_eq!(reader.rest().len(), cut);
        assert!(reader.next().is_none());
    }
}

#[test]
fn an_unsound_header_ends_the_iteration() {
    let (bytes, _) = two_batches();
    let mut damaged = BytesMut::from(bytes);
    damaged[8..12].copy_from_slice(&48i32.to_be_bytes());
    let mut reader = BatchReader::new(damaged.freeze());
    assert!(matches!(reader.next(), Some(Err(RecordsError::Length(48)))));
    assert!(reader.next().is_none());
}
