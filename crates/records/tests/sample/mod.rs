//! The sample records, defined a second time in `testdata/java/Batches.java`.

use thalweg_records::{BatchBuilder, BatchMut, Compression, Header, RecordsError};
use thalweg_types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};

pub const RECORDS: usize = 300;
pub const EPOCH: i64 = 1_700_000_000_000;
pub const NOISE_LEN: usize = 80_000;

pub fn timestamp(i: usize) -> Timestamp {
    Timestamp(EPOCH + 3 * i as i64 - 10 * (i as i64 % 5))
}

pub fn key(i: usize) -> Option<Vec<u8>> {
    (!i.is_multiple_of(7)).then(|| format!("key-{i}").into_bytes())
}

pub fn value(i: usize) -> Option<Vec<u8>> {
    (!i.is_multiple_of(11)).then(|| format!("value {i} ").repeat(i % 40).into_bytes())
}

pub fn headers(i: usize) -> Vec<Header> {
    let header =
        |value: Option<String>| Header { key: "same".into(), value: value.map(Into::into) };
    let mut headers = vec![header(Some(format!("a{i}"))), header(None)];
    headers.truncate(i % 3);
    headers
}

pub fn noise() -> Vec<u8> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..NOISE_LEN).map(|_| next()).collect()
}

fn builder(compression: Compression) -> BatchBuilder {
    BatchBuilder::new().codec(compression).at(Offset::ZERO, LeaderEpoch(3)).producer(
        ProducerId(1_000),
        ProducerEpoch(2),
        Sequence(10),
    )
}

/// All sample records.
pub fn batch(compression: Compression) -> Result<BatchMut, RecordsError> {
    let mut builder = builder(compression);
    for i in 0..RECORDS {
        builder.push(timestamp(i), key(i).as_deref(), value(i).as_deref(), &headers(i));
    }
    builder.build()
}

/// One record that does not compress.
pub fn noise_batch(compression: Compression) -> Result<BatchMut, RecordsError> {
    let mut builder = builder(compression);
    builder.push(Timestamp(EPOCH), None, Some(&noise()), &[]);
    builder.build()
}
