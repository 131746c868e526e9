use proptest::prelude::*;
use thalweg_types::{ErrorKind, ProducerEpoch, ProducerId};

use super::*;
use crate::{
    Attributes, BatchBuilder, Compression, Fault, Header, RejectReason, RejectedRecord,
    TimestampBounds,
};

const LIMIT: usize = 1 << 20;

fn builder() -> BatchBuilder {
    let mut builder = BatchBuilder::new().producer(ProducerId(1), ProducerEpoch(0), Sequence(0));
    builder.push(Timestamp(1_000), Some(b"a"), Some(b"1"), &[]);
    builder.push(Timestamp(1_010), None, Some(b"2"), &[]);
    builder.push(Timestamp(1_005), Some(b"c"), None, &[]);
    builder
}

fn sound() -> BatchMut {
    builder().build().unwrap()
}

fn receive(batch: &BatchMut) -> Result<BatchMut, RecordsError> {
    BatchMut::from_client(batch.as_bytes().into(), LIMIT)
}

/// What the broker says to the sound batch after `change`, with the checksum made right again.
fn refusal(change: impl FnOnce(&mut BatchHeader)) -> RecordsError {
    let mut batch = sound();
    change(&mut batch.header);
    batch.seal();
    receive(&batch).unwrap_err()
}

fn policy() -> RecordPolicy {
    RecordPolicy {
        keys_required: false,
        create_time: Some(TimestampBounds::around(Timestamp(1_000), 1_000, 1_000)),
        decompressed_max: LIMIT,
    }
}

#[test]
fn a_sound_batch_passes() {
    let batch = receive(&sound()).unwrap();
    assert_eq!(batch.header(), sound().header());
    assert_eq!(batch.header().last_sequence(), Sequence(2));
}

#[test]
fn anything_but_one_whole_batch_is_refused() {
    let bytes = BytesMut::from(sound().as_bytes());
    let refusal = |bytes: BytesMut| BatchMut::from_client(bytes, LIMIT).unwrap_err();

    assert!(matches!(refusal(BytesMut::new()), RecordsError::NoBatch));
    for cut in 1..bytes.len() {
        let error = refusal(bytes[..cut].into());
        assert!(matches!(error, RecordsError::Incomplete { available, .. } if available == cut));
    }
    let mut twice = bytes.clone();
    twice.extend_from_slice(&bytes);
    assert!(matches!(refusal(twice), RecordsError::TrailingBytes(n) if n == bytes.len()));
}

#[test]
fn every_flipped_bit_under_the_checksum_is_noticed() {
    let bytes = BytesMut::from(sound().as_bytes());
    for bit in 17 * 8..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(BatchMut::from_client(flipped, LIMIT).is_err(), "bit {bit}");
    }
    let mut flipped = bytes;
    flipped[70] ^= 1;
    let error = BatchMut::from_client(flipped, LIMIT).unwrap_err();
    assert!(matches!(error, RecordsError::Checksum { .. }));
    assert_eq!((error.fault(), error.kind()), (Fault::Corrupt, ErrorKind::Corrupt));
}

#[test]
fn old_and_unknown_formats_are_told_apart() {
    let mut bytes = BytesMut::from(sound().as_bytes());
    for (magic, fault) in [
        (0, Fault::UnsupportedFormat),
        (1, Fault::UnsupportedFormat),
        (3, Fault::Corrupt),
        (0xff, Fault::Corrupt),
    ] {
        bytes[16] = magic;
        let error = BatchMut::from_client(bytes.clone(), LIMIT).unwrap_err();
        assert_eq!(error.fault(), fault, "magic {magic}");
    }
    // A message of format 1 is shorter than a batch header, and still told apart.
    bytes[16] = 1;
    assert!(matches!(BatchHeader::parse(&bytes[..34]), Err(RecordsError::OldMagic(1))));
}

#[test]
fn headers_that_no_client_may_send_are_refused() {
    use RecordsError as E;
    let attributes = Attributes::default();

    assert!(matches!(refusal(|h| h.base_offset = Offset(1)), E::BaseOffset(Offset(1))));
    assert!(matches!(refusal(|h| h.base_offset = Offset(i64::MAX)), E::OffsetRange { .. }));
    assert!(matches!(refusal(|h| h.length = 48), E::Length(48)));
    assert!(matches!(refusal(|h| h.length = -1), E::Length(-1)));
    assert!(matches!(refusal(|h| h.length = i32::MAX), E::Length(_)));
    assert!(matches!(refusal(|h| h.count = 0), E::Count { .. }));
    assert!(matches!(refusal(|h| h.count = 4), E::Count { .. }));
    assert!(matches!(refusal(|h| h.count = -1), E::OffsetRange { .. }));
    assert!(matches!(refusal(|h| h.last_offset_delta = 3), E::Count { .. }));
    assert!(matches!(refusal(|h| h.last_offset_delta = i32::MAX), E::Count { .. }));
    assert!(matches!(refusal(|h| h.last_offset_delta = -1), E::OffsetRange { .. }));
    assert!(matches!(refusal(|h| h.base_sequence = Sequence(-1)), E::Producer));
    let control = refusal(|h| h.attributes = attributes.with_control(true));
    assert!(matches!(control, E::ReservedAttribute(_)));
    let horizon = refusal(|h| h.attributes = attributes.with_delete_horizon(true));
    assert!(matches!(horizon, E::ReservedAttribute(_)));
    let append_time = TimestampType::LogAppendTime;
    let stamped = refusal(|h| h.attributes = attributes.with_timestamp_type(append_time));
    assert_eq!(stamped.fault(), Fault::InvalidTimestamp);
    for codec in 5..=7 {
        let unknown = refusal(|h| h.attributes = Attributes(codec));
        assert_eq!(unknown.fault(), Fault::UnsupportedCompression);
    }
}

#[test]
fn a_transaction_without_a_producer_is_taken_as_in_kafka() {
    let mut batch = sound();
    batch.header.producer_id = ProducerId::NONE;
    batch.header.attributes = batch.header.attributes.with_transactional(true);
    batch.seal();
    assert!(receive(&batch).is_ok());
}

#[test]
fn the_topics_limit_counts_the_whole_batch() {
    let bytes = BytesMut::from(sound().as_bytes());
    let length = bytes.len();
    assert!(BatchMut::from_client(bytes.clone(), length).is_ok());
    let error = BatchMut::from_client(bytes, length - 1).unwrap_err();
    assert_eq!((error.fault(), error.kind()), (Fault::TooLarge, ErrorKind::Limit));
}

#[test]
fn stamping_leaves_the_checksum_alone() {
    let mut batch = sound();
    let crc = batch.header().crc;
    batch.stamp(Offset(77), LeaderEpoch(5));
    let batch = batch.freeze();
    assert_eq!(batch.header().crc, crc);
    batch.verify_crc().unwrap();
    let parsed = BatchHeader::parse(batch.bytes()).unwrap();
    assert_eq!((parsed.base_offset, parsed.leader_epoch), (Offset(77), LeaderEpoch(5)));
    assert_eq!((parsed.last_offset(), parsed.next_offset()), (Offset(79), Offset(80)));
    assert_eq!(&parsed, batch.header());
}

#[test]
fn log_append_time_is_the_timestamp_of_every_record() {
    let mut batch = sound();
    batch.set_log_append_time(Timestamp(9));
    let batch = batch.freeze();
    batch.verify_crc().unwrap();
    let timestamps = batch.records(LIMIT).unwrap().map(|record| record.unwrap().timestamp);
    assert_eq!(timestamps.collect::<Vec<_>>(), [Timestamp(9); 3]);
    assert_eq!(batch.find_timestamp(Timestamp(9), LIMIT).unwrap(), Some((Offset(0), Timestamp(9))));
}

#[test]
fn sound_records_pass_in_every_codec() {
    for compression in Compression::ALL {
        let mut batch = builder().codec(compression).build().unwrap();
        let before = BytesMut::from(batch.as_bytes());
        assert_eq!(batch.check_records(&policy()).unwrap(), InnerOffsets::Dense);
        assert_eq!(batch.as_bytes(), before, "nothing to correct, nothing changed");
    }
}

#[test]
fn a_wrong_max_timestamp_is_corrected() {
    let mut batch = sound();
    batch.header.max_timestamp = Timestamp(1_000_000);
    batch.seal();
    assert_eq!(batch.check_records(&policy()).unwrap(), InnerOffsets::Dense);
    assert_eq!(batch.header().max_timestamp, Timestamp(1_010));
    batch.freeze().verify_crc().unwrap();
}

#[test]
fn rejected_records_are_listed() {
    let rejected = |policy: RecordPolicy| match sound().check_records(&policy) {
        Err(error @ RecordsError::Rejected(_)) => {
            let fault = error.fault();
            let RecordsError::Rejected(rejected) = error else { unreachable!() };
            (fault, rejected.records().to_vec())
        }
        other => panic!("{other:?}"),
    };
    let (fault, records) = rejected(RecordPolicy { keys_required: true, ..policy() });
    assert_eq!(fault, Fault::InvalidRecord);
    assert_eq!(records, [RejectedRecord { index: 1, reason: RejectReason::KeyMissing }]);

    let bounds = TimestampBounds::around(Timestamp(1_003), 1, 2);
    let (fault, records) = rejected(RecordPolicy { create_time: Some(bounds), ..policy() });
    assert_eq!(fault, Fault::InvalidTimestamp);
    let reason = RejectReason::TimestampOutOfRange;
    assert_eq!(records, [0, 1].map(|index| RejectedRecord { index, reason }));
}

#[test]
fn no_timestamp_is_within_all_bounds() {
    let mut builder = BatchBuilder::new();
    builder.push(Timestamp::NONE, None, None, &[]);
    let mut batch = builder.build().unwrap();
    assert_eq!(batch.check_records(&policy()).unwrap(), InnerOffsets::Dense);
}

#[test]
fn the_list_of_rejected_records_is_bounded() {
    let mut builder = BatchBuilder::new();
    for _ in 0..1_500 {
        builder.push(Timestamp(0), None, None, &[]);
    }
    let policy = RecordPolicy { keys_required: true, ..policy() };
    match builder.build().unwrap().check_records(&policy) {
        Err(RecordsError::Rejected(rejected)) => {
            assert_eq!((rejected.records().len(), rejected.count()), (1_000, 1_500));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_count_that_is_not_that_of_the_records_is_refused() {
    let check = |count: i32| {
        let mut batch = sound();
        batch.header.count = count;
        batch.seal();
        batch.check_records(&policy()).unwrap_err()
    };
    assert!(matches!(check(4), RecordsError::RecordCount { declared: 4, found: 3 }));
    assert!(matches!(check(2), RecordsError::Malformed { index: 2, .. }));
}

#[test]
fn records_that_decompress_beyond_the_limit_are_refused() {
    for compression in Compression::ALL {
        let mut builder = BatchBuilder::new().codec(compression);
        builder.push(Timestamp(1_000), Some(b"k"), Some(&vec![0; 50_000]), &[]);
        let mut batch = builder.build().unwrap();
        let policy = RecordPolicy { decompressed_max: 50_000, ..policy() };
        let error = batch.check_records(&policy).unwrap_err();
        assert!(matches!(error, RecordsError::DecompressedTooLarge { limit: 50_000 }));
    }
}

proptest! {
    /// Whatever the bytes of a record say, the walk ends in a verdict that rebuilding agrees with.
    #[test]
    fn damaged_records_are_refused_or_sound(at in 0usize..40, to: u8) {
        let headers = [Header { key: "h".into(), value: Some("v".into()) }];
        let mut builder = BatchBuilder::new();
        builder.push(Timestamp(1_000), Some(b"key"), Some(b"value"), &headers);
        builder.push(Timestamp(1_001), Some(b"key"), Some(b"value"), &headers);
        let mut batch = builder.build().unwrap();
        let at = HEADER_LEN + at % (batch.as_bytes().len() - HEADER_LEN);
        batch.bytes[at] = to;
        batch.seal();
        let accepted = batch.check_records(&RecordPolicy { create_time: None, ..policy() });
        let rebuilt = batch.rebuild(Compression::None.into(), LIMIT);
        prop_assert_eq!(accepted.is_ok(), rebuilt.is_ok());
    }
}
