//! What the benchmarks share: batches as producers make them.

use bytes::BytesMut;
use thalweg_records::BatchBuilder;
use thalweg_types::Timestamp;

/// Sizes of a record's value and of a batch that are measured.
pub const SHAPES: [(usize, usize); 4] =
    [(100, 16 << 10), (100, 256_000), (1024, 16 << 10), (1024, 256_000)];

/// A batch of about `batch_bytes`, uncompressed, with values of `value_bytes`.
pub fn batch(value_bytes: usize, batch_bytes: usize) -> BytesMut {
    let mut builder = BatchBuilder::new();
    let value = vec![b'x'; value_bytes];
    while builder.is_empty() || builder.len() + value_bytes < batch_bytes {
        builder.push(Timestamp(1), None, Some(&value), &[]);
    }
    let built = builder.build().expect("the batch is small");
    BytesMut::from(built.as_bytes())
}
