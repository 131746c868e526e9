use bytes::Bytes;
use thalweg_types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence};

use super::*;
use crate::{BatchBuilder, Compression, InnerOffsets, RecordPolicy};

const LIMIT: usize = 1 << 20;

/// Five records with the keys 0 to 4 at the offsets 100 to 104, the fourth with the largest time.
fn batch(compression: Compression) -> Batch {
    let mut builder = BatchBuilder::new()
        .codec(compression)
        .at(Offset(100), LeaderEpoch(3))
        .producer(ProducerId(7), ProducerEpoch(1), Sequence(10));
    for (key, timestamp) in (0u8..).zip([50, 40, 60, 90, 70]) {
        builder.push(Timestamp(timestamp), Some(&[key]), Some(b"value"), &[]);
    }
    builder.build().unwrap().freeze()
}

fn records(batch: &Batch) -> Vec<(i64, i64, u8)> {
    let fields = |record: Record| (record.offset.0, record.timestamp.0, record.key.unwrap()[0]);
    batch.records(LIMIT).unwrap().map(|record| fields(record.unwrap())).collect()
}

fn retain(batch: &Batch, horizon: Option<Timestamp>, keys: &[u8]) -> Retained {
    let keep = |record: &Record| keys.contains(&record.key.as_ref().unwrap()[0]);
    batch.retain(LIMIT, horizon, keep).unwrap()
}

fn some(retained: Retained) -> Batch {
    let Retained::Some(batch) = retained else { panic!("{retained:?}") };
    batch.verify_crc().unwrap();
    batch
}

#[test]
fn retained_records_keep_their_offsets() {
    for compression in Compression::ALL {
        let old = batch(compression);
        let new = some(retain(&old, None, &[1, 4]));
        assert_eq!(records(&new), [(101, 40, 1), (104, 70, 4)]);
        let header = new.header();
        assert_eq!((header.base_offset, header.next_offset()), (Offset(100), Offset(105)));
        assert_eq!((header.count, header.max_timestamp), (2, Timestamp(70)));
        assert_eq!(header.last_sequence(), old.header().last_sequence());
        assert_eq!(header.leader_epoch, LeaderEpoch(3));
        assert_eq!(header.attributes, old.header().attributes);
    }
}

#[test]
fn all_and_nothing_need_no_new_batch() {
    let batch = batch(Compression::None);
    assert!(matches!(retain(&batch, None, &[0, 1, 2, 3, 4]), Retained::All));
    assert!(matches!(retain(&batch, None, &[]), Retained::None));
}

#[test]
fn a_delete_horizon_is_set_once_and_moves_no_record() {
    let old = batch(Compression::Lz4);
    let horizon = Timestamp(1_000);
    let new = some(retain(&old, Some(horizon), &[0, 1, 2, 3, 4]));
    assert_eq!(new.header().delete_horizon(), Some(horizon));
    assert_eq!(records(&new), records(&old));

    assert!(matches!(retain(&new, Some(Timestamp(2_000)), &[0, 1, 2, 3, 4]), Retained::All));
    let fewer = some(retain(&new, Some(Timestamp(2_000)), &[3]));
    assert_eq!(fewer.header().delete_horizon(), Some(horizon));
    assert_eq!(records(&fewer), [(103, 90, 3)]);
}

#[test]
fn log_append_time_survives() {
    let mut appended = BatchMut::sealed(
        batch(Compression::None).bytes().as_ref().into(),
        *batch(Compression::None).header(),
    );
    appended.set_log_append_time(Timestamp(500));
    let new = some(retain(&appended.freeze(), Some(Timestamp(9)), &[0]));
    assert_eq!(records(&new), [(100, 500, 0)]);
}

#[test]
fn an_emptied_batch_keeps_what_its_producer_needs() {
    let old = batch(Compression::Zstd);
    let empty = old.emptied().unwrap();
    empty.verify_crc().unwrap();
    let header = empty.header();
    assert_eq!((header.count, header.total_len()), (0, HEADER_LEN));
    assert_eq!(header.next_offset(), old.header().next_offset());
    assert_eq!(header.last_sequence(), Sequence(14));
    assert_eq!((header.producer_id, header.producer_epoch), (ProducerId(7), ProducerEpoch(1)));
    assert_eq!(empty.records(LIMIT).unwrap().count(), 0);
    assert!(Batch::parse(empty.into_bytes()).is_ok());
}

#[test]
fn irregular_offsets_are_noticed_and_rebuilt() {
    // Compaction leaves a gap, which makes a batch as an old client could send it.
    let gap = some(retain(&batch(Compression::Gzip), None, &[1, 4]));
    let header = BatchHeader { last_offset_delta: 1, ..*gap.header() };
    let mut received = BatchMut::sealed(gap.bytes().as_ref().into(), header);
    let policy = RecordPolicy { keys_required: false, create_time: None, decompressed_max: LIMIT };
    assert_eq!(received.check_records(&policy).unwrap(), InnerOffsets::Irregular);
    assert!(received.rebuild(Compression::None.into(), 10).is_err());

    let mut rebuilt = received.rebuild(Compression::Snappy.into(), LIMIT).unwrap();
    assert_eq!(rebuilt.check_records(&policy).unwrap(), InnerOffsets::Dense);
    let rebuilt = rebuilt.freeze();
    rebuilt.verify_crc().unwrap();
    assert_eq!(records(&rebuilt), [(100, 40, 1), (101, 70, 4)]);
}

#[test]
fn records_outside_their_batch_are_malformed() {
    let old = batch(Compression::None);
    let header = BatchHeader { last_offset_delta: 3, ..*old.header() };
    let short = BatchMut::sealed(old.bytes().as_ref().into(), header).freeze();
    let read: Vec<_> = short.records(LIMIT).unwrap().collect();
    assert_eq!(read.len(), 5);
    assert!(matches!(read[4], Err(RecordsError::Malformed { index: 4, .. })));
    assert!(short.retain(LIMIT, None, |_| true).is_err());
}

#[test]
fn records_share_the_memory_of_their_batch() {
    let batch = batch(Compression::None);
    let record = batch.records(LIMIT).unwrap().next().unwrap().unwrap();
    let value: Bytes = record.value.unwrap();
    assert!(batch.bytes().as_ptr_range().contains(&value.as_ptr()));
}
