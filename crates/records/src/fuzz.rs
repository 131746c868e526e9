//! Every decoder of the crate behind one plain function, for a fuzzer and for the tests.

use bytes::{Bytes, BytesMut};
use thalweg_types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};

use crate::header::LENGTH_OVERHEAD;
use crate::{
    Attributes, Batch, BatchHeader, BatchMut, BatchReader, Compression, EndTxnMarker, HEADER_LEN,
    RecordPolicy, TimestampBounds,
};

/// Most bytes that anything here decompresses to.
const LIMIT: usize = 1 << 20;

/// Feeds `data` to every decoder. They may refuse it; they may not panic or exceed their limit.
pub fn fuzz(data: &[u8]) {
    for compression in Compression::ALL {
        if let Ok(output) = compression.decompress(data, LIMIT) {
            assert!(output.len() <= LIMIT, "{compression} decompressed beyond its limit");
        }
    }
    for batch in BatchReader::new(Bytes::copy_from_slice(data)).flatten() {
        read(&batch);
    }
    let _ = BatchMut::from_client(data.into(), usize::MAX);
    // A checksum and a header would stop nearly everything, so that they are made right first.
    if let Some((&[choice, count], records)) = data.split_first_chunk() {
        accept(&sound_header(choice, count), records);
    }
}

fn sound_header(choice: u8, count: u8) -> BatchHeader {
    let compression = Compression::ALL[usize::from(choice) % Compression::ALL.len()];
    BatchHeader {
        base_offset: Offset::ZERO,
        length: 0,
        leader_epoch: LeaderEpoch::NONE,
        crc: 0,
        attributes: Attributes::default().with_compression(compression),
        last_offset_delta: i32::from(count),
        base_timestamp: Timestamp(0),
        max_timestamp: Timestamp(0),
        producer_id: ProducerId::NONE,
        producer_epoch: ProducerEpoch::NONE,
        base_sequence: Sequence::NONE,
        count: i32::from(count) + 1,
    }
}

fn read(batch: &Batch) {
    let _ = batch.verify_crc();
    let _ = batch.find_timestamp(Timestamp(0), LIMIT);
    let _ = batch.find_max_timestamp(LIMIT);
    let _ = batch.retain(LIMIT, Some(Timestamp(1)), |record| record.key.is_some());
    let _ = batch.emptied();
    for record in batch.records(LIMIT).into_iter().flatten().flatten() {
        let _ = EndTxnMarker::parse(&record);
    }
}

/// What the broker does with a batch that it takes from a client.
fn accept(header: &BatchHeader, records: &[u8]) {
    let mut bytes = BytesMut::zeroed(HEADER_LEN);
    bytes.extend_from_slice(records);
    let length = (bytes.len() - LENGTH_OVERHEAD) as i32;
    let batch = BatchMut::sealed(bytes, BatchHeader { length, ..*header });
    let Ok(mut batch) = BatchMut::from_client(batch.as_bytes().into(), usize::MAX) else {
        return;
    };
    let policy = RecordPolicy {
        keys_required: false,
        create_time: Some(TimestampBounds { min: Timestamp(i64::MIN), max: Timestamp(i64::MAX) }),
        decompressed_max: LIMIT,
    };
    if batch.check_records(&policy).is_ok() {
        let rebuilt = batch.rebuild(Compression::None.into(), LIMIT);
        assert!(rebuilt.is_ok(), "what was checked can be rebuilt");
    }
    let _ = batch.recompress(Compression::Lz4.into(), LIMIT);
    batch.set_log_append_time(Timestamp(1));
    batch.stamp(Offset(1), LeaderEpoch(1));
    let batch = batch.freeze();
    assert!(batch.verify_crc().is_ok(), "stamping keeps the checksum right");
    read(&batch);
}

#[cfg(test)]
mod tests;
