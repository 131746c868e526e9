use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::Record;

const LIMIT: usize = 16 << 20;

fn bytes(max: usize) -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..max).prop_map(Bytes::from)
}

fn header() -> impl Strategy<Value = Header> {
    ("[a-c]{0,3}", option::of(bytes(20))).prop_map(|(key, value)| Header { key: key.into(), value })
}

fn record() -> impl Strategy<Value = Record> {
    (any::<i64>(), option::of(bytes(40)), option::of(bytes(300)), vec(header(), 0..4)).prop_map(
        |(timestamp, key, value, headers)| Record {
            offset: Offset::ZERO,
            timestamp: Timestamp(timestamp),
            key,
            value,
            headers,
        },
    )
}

fn codec() -> impl Strategy<Value = Compression> {
    proptest::sample::select(&Compression::ALL)
}

proptest! {
    #[test]
    fn what_is_built_is_read(
        mut records in vec(record(), 1..50),
        codec in codec(),
        other in codec(),
        base_offset in 0i64..1 << 60,
    ) {
        let mut builder =
            BatchBuilder::new().codec(codec).at(Offset(base_offset), LeaderEpoch(1));
        for (record, offset) in records.iter_mut().zip(base_offset..) {
            record.offset = Offset(offset);
            let (key, value) = (record.key.as_deref(), record.value.as_deref());
            builder.push(record.timestamp, key, value, &record.headers);
        }
        let batch = builder.build().unwrap().freeze();
        batch.verify_crc().unwrap();
        prop_assert_eq!(batch.header(), &BatchHeader::parse(batch.bytes()).unwrap());
        prop_assert_eq!(batch.header().attributes.compression().unwrap(), codec);
        let read: Vec<_> = batch.records(LIMIT).unwrap().map(Result::unwrap).collect();
        prop_assert_eq!(&read, &records);

        let recompressed = batch.recompress(other.into(), LIMIT).unwrap();
        recompressed.verify_crc().unwrap();
        let read: Vec<_> = recompressed.records(LIMIT).unwrap().map(Result::unwrap).collect();
        prop_assert_eq!(&read, &records);
    }

    #[test]
    fn timestamps_are_found_as_a_plain_search_finds_them(
        timestamps in vec(0i64..20, 1..12),
        target in 0i64..25,
    ) {
        let mut builder = BatchBuilder::new();
        for timestamp in &timestamps {
            builder.push(Timestamp(*timestamp), None, None, &[]);
        }
        let batch = builder.build().unwrap().freeze();
        let place = |timestamp: &i64| {
            let at = timestamps.iter().position(|t| t == timestamp).unwrap();
            (Offset(at as i64), Timestamp(*timestamp))
        };
        let first = timestamps.iter().position(|t| *t >= target);
        let first = first.map(|at| (Offset(at as i64), Timestamp(timestamps[at])));
        prop_assert_eq!(batch.find_timestamp(Timestamp(target), LIMIT).unwrap(), first);
        let largest = timestamps.iter().max().map(place);
        prop_assert_eq!(batch.find_max_timestamp(LIMIT).unwrap(), largest);
    }
}

#[test]
fn a_builder_without_records_builds_nothing() {
    assert!(matches!(BatchBuilder::new().build(), Err(RecordsError::NoBatch)));
}

#[test]
fn levels_are_passed_on() {
    let text: Vec<u8> = (0..20_000u32).flat_map(|i| (i * i / 7).to_string().into_bytes()).collect();
    let built = |compression, level| {
        let mut builder = BatchBuilder::new().codec(Codec { compression, level: Some(level) });
        builder.push(Timestamp(0), None, Some(&text), &[]);
        builder.build().map(|batch| batch.as_bytes().len())
    };
    assert!(built(Compression::Gzip, 9).unwrap() < built(Compression::Gzip, 1).unwrap());
    assert!(built(Compression::Zstd, 15).unwrap() < built(Compression::Zstd, 1).unwrap());
    assert!(matches!(built(Compression::Gzip, 10), Err(RecordsError::Compress { .. })));
}
