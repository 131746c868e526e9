//! Batches that decompress to a thousand times their size, or claim to.

use std::net::SocketAddr;

use bytes::BytesMut;
use thalweg_kafka_wire::messages::ProduceRequest;
use thalweg_kafka_wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use thalweg_records::{BatchBuilder, Compression, HEADER_LEN};
use thalweg_types::Timestamp;

use crate::admin;
use crate::connection::Connection;
use crate::failure::Failure;

/// What each bomb decompresses to: more than the broker allows a batch.
const BOMB_LEN: usize = 120 << 20;
const CODECS: [Compression; 4] =
    [Compression::Gzip, Compression::Zstd, Compression::Lz4, Compression::Snappy];
/// Where they are thrown to: a topic with batches as large as snappy needs for that, which makes no
/// more than 21 bytes of one. (LZ4 makes 255.)
const TOPIC: &str = "bombs";
const BATCH_MAX: usize = 8 << 20;
const LENGTH_AT: usize = 8;
const CRC_AT: usize = 17;
const CRC_FROM: usize = 21;

/// A batch that is more than it seems.
#[derive(Clone)]
pub struct Bomb {
    /// What it is, in words.
    pub name: String,
    bytes: BytesMut,
}

/// One bomb of each kind.
pub fn all() -> Result<Vec<Bomb>, Failure> {
    let mut bombs = Vec::new();
    let value = vec![0; BOMB_LEN];
    for codec in CODECS {
        let bytes = batch(codec, &value)?;
        let ratio = BOMB_LEN / bytes.len();
        bombs.push(Bomb { name: format!("{} {ratio}:1", codec.name()), bytes });
    }
    // A raw block that claims 4 GiB, a frame that claims 2^62 bytes.
    let snappy = [&[0xff, 0xff, 0xff, 0xff, 0x0f, 0x00, 0x00][..]].concat();
    let zstd =
        [&[0x28, 0xb5, 0x2f, 0xfd, 0xe0][..], &(1u64 << 62).to_le_bytes(), &[1, 0, 0]].concat();
    for (codec, claim) in [(Compression::Snappy, snappy), (Compression::Zstd, zstd)] {
        let bytes = with_payload(&batch(codec, b"")?, &claim);
        bombs.push(Bomb { name: format!("{} that lies", codec.name()), bytes });
    }
    Ok(bombs)
}

/// Creates the topic that bombs are thrown to.
pub async fn create_topic(connection: &mut Connection) -> Result<(), Failure> {
    let batch_max = BATCH_MAX.to_string();
    admin::create_topic(connection, TOPIC, 1, &[("max.message.bytes", &batch_max)]).await
}

/// Sends a bomb `times` times from each of several throwers; returns how many were refused.
pub async fn throw(
    address: SocketAddr,
    bomb: Bomb,
    throwers: u32,
    times: u32,
) -> Result<u64, Failure> {
    let throwers = (0..throwers).map(|_| tokio::spawn(throw_alone(address, bomb.clone(), times)));
    let throwers: Vec<_> = throwers.collect();
    let mut refused = 0;
    for thrower in throwers {
        refused += thrower.await.map_err(|error| Failure::Other(error.to_string()))??;
    }
    Ok(refused)
}

async fn throw_alone(address: SocketAddr, bomb: Bomb, times: u32) -> Result<u64, Failure> {
    let mut connection = Connection::open(address).await?;
    let mut refused = 0;
    for _ in 0..times {
        let partition = PartitionProduceData { index: 0, records: Some(bomb.bytes.clone()) };
        let data = TopicProduceData {
            name: TOPIC.to_owned(),
            partition_data: vec![partition],
            ..Default::default()
        };
        let request = ProduceRequest {
            acks: -1,
            timeout_ms: 30_000,
            topic_data: vec![data],
            ..Default::default()
        };
        let response = connection.call(&request).await?;
        let answers = response.responses.iter().flat_map(|topic| &topic.partition_responses);
        refused += answers.filter(|answer| answer.error_code != 0).count() as u64;
    }
    Ok(refused)
}

fn batch(codec: Compression, value: &[u8]) -> Result<BytesMut, Failure> {
    let mut builder = BatchBuilder::new().codec(codec);
    builder.push(Timestamp(0), None, Some(value), &[]);
    Ok(builder.build()?.as_bytes().into())
}

/// The batch with other compressed records, and a checksum that fits.
fn with_payload(batch: &[u8], payload: &[u8]) -> BytesMut {
    let mut bytes = BytesMut::from(&batch[..HEADER_LEN]);
    bytes.extend_from_slice(payload);
    let length = (bytes.len() - LENGTH_AT - 4) as i32;
    bytes[LENGTH_AT..LENGTH_AT + 4].copy_from_slice(&length.to_be_bytes());
    let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, &bytes[CRC_FROM..]) as u32;
    bytes[CRC_AT..CRC_AT + 4].copy_from_slice(&crc.to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use thalweg_records::BatchMut;

    #[test]
    fn bombs_pass_for_batches() {
        for bomb in all().unwrap() {
            let batch = BatchMut::from_client(bomb.bytes, BATCH_MAX);
            assert!(batch.is_ok(), "{}: {batch:?}", bomb.name);
        }
    }
}
