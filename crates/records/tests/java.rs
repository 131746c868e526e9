//! Batches that the Java client 4.4.0 built; see the README for how to build them again.

use bytes::{Bytes, BytesMut};
use thalweg_records::{
    Batch, BatchMut, Compression, EndTxnMarker, HEADER_LEN, InnerOffsets, RecordPolicy,
    TimestampBounds,
};
use thalweg_types::{
    LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp, TxnOutcome,
};

mod sample;

const LIMIT: usize = 1 << 20;

macro_rules! golden {
    ($name:literal) => {
        Bytes::from_static(include_bytes!(concat!("../testdata/", $name, ".batch")))
    };
}

fn golden_of_every_codec() -> [(Compression, Bytes); 5] {
    [
        (Compression::None, golden!("none")),
        (Compression::Gzip, golden!("gzip")),
        (Compression::Snappy, golden!("snappy")),
        (Compression::Lz4, golden!("lz4")),
        (Compression::Zstd, golden!("zstd")),
    ]
}

#[test]
fn the_header_is_as_java_wrote_it() {
    for (compression, bytes) in golden_of_every_codec() {
        let batch = Batch::parse(bytes.clone()).unwrap();
        batch.verify_crc().unwrap();
        let header = batch.header();
        assert_eq!(header.attributes.compression().unwrap(), compression);
        assert_eq!(header.leader_epoch, LeaderEpoch(3));
        assert_eq!(
            (header.producer_id, header.producer_epoch),
            (ProducerId(1_000), ProducerEpoch(2))
        );
        assert_eq!(header.last_sequence(), Sequence(309));
        assert_eq!(header.count, 300);
        assert_eq!(header.encode(), bytes[..HEADER_LEN]);
    }
}

#[test]
fn the_records_are_those_that_java_was_given() {
    for (compression, bytes) in golden_of_every_codec() {
        let batch = Batch::parse(bytes).unwrap();
        let mut count = 0;
        for (i, record) in batch.records(LIMIT).unwrap().enumerate() {
            let record = record.unwrap();
            assert_eq!(record.offset, Offset(i as i64), "{compression}");
            assert_eq!(record.timestamp, sample::timestamp(i));
            assert_eq!(record.key.as_deref(), sample::key(i).as_deref());
            assert_eq!(record.value.as_deref(), sample::value(i).as_deref());
            assert_eq!(record.headers, sample::headers(i));
            count += 1;
        }
        assert_eq!(count, sample::RECORDS);
    }
}

#[test]
fn the_broker_takes_them_as_they_are() {
    let policy = RecordPolicy {
        keys_required: false,
        create_time: Some(TimestampBounds::around(Timestamp(sample::EPOCH), 1_000, 1_000)),
        decompressed_max: LIMIT,
    };
    for (_, bytes) in golden_of_every_codec() {
        let mut batch = BatchMut::from_client(BytesMut::from(&bytes[..]), LIMIT).unwrap();
        assert_eq!(batch.check_records(&policy).unwrap(), InnerOffsets::Dense);
        assert_eq!(batch.as_bytes(), bytes, "Java's max timestamp is right");
    }
}

#[test]
fn we_build_the_same_bytes() {
    assert_eq!(sample::batch(Compression::None).unwrap().as_bytes(), golden!("none"));
}

#[test]
fn incompressible_records_are_read() {
    let ours = Compression::ALL.map(|compression| sample::noise_batch(compression).unwrap());
    let ours = ours.map(|batch| batch.freeze().into_bytes());
    for bytes in [golden!("snappy-noise"), golden!("lz4-noise")].into_iter().chain(ours) {
        let batch = Batch::parse(bytes).unwrap();
        let record = batch.records(LIMIT).unwrap().next().unwrap().unwrap();
        assert_eq!(record.value.unwrap(), sample::noise());
    }
}

#[test]
fn log_append_time_replaces_create_time() {
    let batch = Batch::parse(golden!("log-append-time")).unwrap();
    batch.verify_crc().unwrap();
    let record = batch.records(LIMIT).unwrap().next().unwrap().unwrap();
    assert_eq!(record.timestamp, Timestamp(sample::EPOCH + 5));
}

#[test]
fn the_commit_marker_is_the_one_we_write() {
    let golden = golden!("commit");
    let marker = EndTxnMarker { outcome: TxnOutcome::Commit, coordinator_epoch: 9 };
    let (id, epoch) = (ProducerId(1_000), ProducerEpoch(2));
    let mut ours = marker.batch(id, epoch, Timestamp(sample::EPOCH)).unwrap();
    ours.stamp(Offset(42), LeaderEpoch(3));
    assert_eq!(ours.as_bytes(), golden);
    let record = Batch::parse(golden).unwrap().records(LIMIT).unwrap().next().unwrap().unwrap();
    assert_eq!(EndTxnMarker::parse(&record).unwrap(), Some(marker));
}

#[test]
fn the_empty_batch_is_the_one_we_leave() {
    let golden = golden!("empty");
    let batch = Batch::parse(golden.clone()).unwrap();
    batch.verify_crc().unwrap();
    assert_eq!(batch.header().next_offset(), Offset(105));
    assert_eq!(batch.header().last_sequence(), Sequence(14));
    assert_eq!(batch.records(LIMIT).unwrap().count(), 0);
    assert_eq!(batch.emptied().unwrap().into_bytes(), golden);
}
