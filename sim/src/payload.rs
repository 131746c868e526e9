//! What a record of the simulation carries: its value in a header, and bytes that follow from it.

use bytes::Bytes;
use thalweg_checker::Value;
use thalweg_records::{Header, Record};

/// The header that names the record. Tombstones have nothing else.
const VALUE_HEADER: &[u8] = b"v";

/// The header that names what a copy was made of.
const SOURCE_HEADER: &[u8] = b"s";

/// A record by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Source {
    pub partition: i32,
    pub offset: i64,
}

impl Source {
    /// The header that says that a record is a copy of this one.
    pub fn header(self) -> Header {
        let bytes = [&self.partition.to_be_bytes()[..], &self.offset.to_be_bytes()].concat();
        Header { key: Bytes::from_static(SOURCE_HEADER), value: Some(bytes.into()) }
    }

    /// What `record` is a copy of, if it is one.
    pub fn of(record: &Record) -> Option<Self> {
        let header = record.headers.iter().find(|header| header.key == SOURCE_HEADER)?;
        let (partition, offset) = header.value.as_ref()?.split_first_chunk::<4>()?;
        let offset = offset.try_into().ok()?;
        Some(Self { partition: i32::from_be_bytes(*partition), offset: i64::from_be_bytes(offset) })
    }
}

/// The header that says which record this is.
pub(crate) fn header(value: Value) -> Header {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&value.producer.to_be_bytes());
    bytes[4..].copy_from_slice(&value.number.to_be_bytes());
    Header { key: Bytes::from_static(VALUE_HEADER), value: Some(Bytes::copy_from_slice(&bytes)) }
}

/// The payload of a record: up to `len_max` bytes, half of them easy to compress.
pub(crate) fn body(value: Value, len_max: usize) -> Vec<u8> {
    let mut random =
        fastrand::Rng::with_seed(u64::from(value.producer) << 32 | u64::from(value.number));
    let len = random.usize(..=len_max);
    let mut bytes = vec![value.number as u8; len];
    random.fill(&mut bytes[..len / 2]);
    bytes
}

/// Which record this is, if all of it is as it was sent.
pub(crate) fn identify(record: &Record, len_max: usize) -> Result<Value, String> {
    let value =
        named(record).ok_or_else(|| format!("offset {} is no record of ours", record.offset))?;
    match &record.value {
        Some(bytes) if **bytes != *body(value, len_max) => {
            Err(format!("offset {}: record {value} has other bytes than were sent", record.offset))
        }
        _ => Ok(value),
    }
}

fn named(record: &Record) -> Option<Value> {
    let header = record.headers.first().filter(|header| header.key == VALUE_HEADER)?;
    let (producer, number) = header.value.as_ref()?.split_first_chunk::<4>()?;
    let number = number.try_into().ok()?;
    Some(Value { producer: u32::from_be_bytes(*producer), number: u32::from_be_bytes(number) })
}
