//! What the records carry: their number, and bytes that follow from it, so that any wrong byte shows.

use fastrand::Rng;
use thalweg_checker::Value;
use thalweg_records::{BatchBuilder, Header, Record};
use thalweg_types::Timestamp;

/// Where a record without a value, a tombstone, has its number.
const NUMBER_HEADER: &[u8] = b"number";
/// Where a copy names what it is a copy of.
const SOURCE_HEADER: &[u8] = b"source";
const NUMBER_LEN: usize = 8;
const PADDING_MAX: usize = 300;

/// A record's key and whether it deletes it. Compacted topics only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The key.
    pub key: u64,
    /// The record has no value.
    pub tombstone: bool,
}

/// The key of a record in a compacted topic of `keys` keys: it follows from its number.
pub fn key_of(value: Value, keys: u64) -> Key {
    let mut random = random_of(value, 1);
    Key { key: random.u64(..keys), tombstone: random.u8(..20) == 0 }
}

/// Where a record stands of which another is a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}

impl Source {
    /// What a record is a copy of, if it is one.
    pub fn of(record: &Record) -> Option<Self> {
        let header = record.headers.iter().find(|header| header.key == SOURCE_HEADER)?;
        let (partition, offset) = header.value.as_ref()?.split_first_chunk()?;
        let offset = i64::from_be_bytes(offset.try_into().ok()?);
        Some(Self { partition: i32::from_be_bytes(*partition), offset })
    }
}

/// Adds the record `value` to a batch, which is a copy of another.
pub fn push_copy(batch: &mut BatchBuilder, timestamp: Timestamp, value: Value, source: Source) {
    let mut place = source.partition.to_be_bytes().to_vec();
    place.extend(source.offset.to_be_bytes());
    let header = Header { key: SOURCE_HEADER.into(), value: Some(place.into()) };
    batch.push(timestamp, None, Some(&content_of(value)), &[header]);
}

/// Adds the record `value` to a batch.
pub fn push(batch: &mut BatchBuilder, timestamp: Timestamp, value: Value, key: Option<Key>) {
    let number = number_of(value);
    let key_bytes = key.map(|key| key.key.to_be_bytes());
    let key_slice = key_bytes.as_ref().map(|bytes| &bytes[..]);
    if key.is_some_and(|key| key.tombstone) {
        let header = Header { key: NUMBER_HEADER.into(), value: Some(number.to_vec().into()) };
        batch.push(timestamp, key_slice, None, &[header]);
    } else {
        batch.push(timestamp, key_slice, Some(&content_of(value)), &[]);
    }
}

/// The number of a record as it was read; nothing if one of its bytes is wrong.
pub fn parse(record: &Record) -> Option<Value> {
    let Some(content) = &record.value else {
        let header = record.headers.first().filter(|header| header.key == NUMBER_HEADER)?;
        return number_from(header.value.as_ref()?);
    };
    let value = number_from(content.get(..NUMBER_LEN)?)?;
    (content_of(value) == *content).then_some(value)
}

fn number_of(value: Value) -> [u8; NUMBER_LEN] {
    (u64::from(value.producer) << 32 | u64::from(value.number)).to_be_bytes()
}

fn number_from(bytes: &[u8]) -> Option<Value> {
    let number = u64::from_be_bytes(bytes.try_into().ok()?);
    Some(Value { producer: (number >> 32) as u32, number: number as u32 })
}

fn content_of(value: Value) -> Vec<u8> {
    let mut random = random_of(value, 0);
    let mut content = vec![0; NUMBER_LEN + random.usize(..PADDING_MAX)];
    random.fill(&mut content[NUMBER_LEN..]);
    content[..NUMBER_LEN].copy_from_slice(&number_of(value));
    content
}

fn random_of(value: Value, purpose: u64) -> Rng {
    Rng::with_seed(u64::from_be_bytes(number_of(value)) ^ purpose << 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(value: Value, key: Option<Key>) -> (Record, Option<Value>) {
        let mut batch = BatchBuilder::new();
        push(&mut batch, Timestamp(1), value, key);
        let batch = batch.build().unwrap().freeze();
        let record = batch.records(1 << 20).unwrap().next().unwrap().unwrap();
        let parsed = parse(&record);
        (record, parsed)
    }

    #[test]
    fn what_was_written_is_read() {
        let value = Value { producer: 7, number: 123_456 };
        assert_eq!(round_trip(value, None).1, Some(value));
        let tombstone = Key { key: 3, tombstone: true };
        assert_eq!(round_trip(value, Some(tombstone)).1, Some(value));
    }

    #[test]
    fn a_copy_names_its_source() {
        let value = Value { producer: 3, number: 9 };
        let source = Source { partition: 5, offset: 1 << 40 };
        let mut batch = BatchBuilder::new();
        push_copy(&mut batch, Timestamp(1), value, source);
        push(&mut batch, Timestamp(1), value, None);
        let batch = batch.build().unwrap().freeze();
        let records: Vec<Record> = batch.records(1 << 20).unwrap().map(Result::unwrap).collect();
        let found: Vec<_> =
            records.iter().map(|record| (parse(record), Source::of(record))).collect();
        assert_eq!(found, [(Some(value), Some(source)), (Some(value), None)]);
    }

    #[test]
    fn one_wrong_byte_shows() {
        let value = (0..).map(|number| Value { producer: 1, number });
        let value = value.into_iter().find(|value| content_of(*value).len() > 100).unwrap();
        let (mut record, _) = round_trip(value, None);
        for at in 0..100 {
            let mut content = record.value.as_ref().unwrap().to_vec();
            content[at] ^= 1;
            let damaged = Record { value: Some(content.into()), ..record.clone() };
            assert_eq!(parse(&damaged), None, "byte {at}");
        }
        record.value = None;
        assert_eq!(parse(&record), None);
    }
}
