//! Messages that clients put into bytes fields: two bytes for the version, then the message.

use bytes::{Bytes, BytesMut};

use crate::{Decoder, Encoder, Message, Segment, WireError};

/// Encodes a message with its version before it.
pub fn encode_versioned<M: Message>(message: &M, version: i16) -> Result<Bytes, WireError> {
    let mut out = Encoder::new();
    out.i16(version);
    message.encode(&mut out, version)?;
    let segments = out.finish();
    let mut all = BytesMut::with_capacity(segments.len());
    for part in segments.parts() {
        // Only record batches lie in files, and such messages have none.
        if let Segment::Bytes(bytes) = part {
            all.extend_from_slice(bytes);
        }
    }
    Ok(all.freeze())
}

/// Decodes a message with its version before it. A version newer than the last one known is read
/// as that one, and what follows the message is ignored: so do Kafka's clients with each other.
pub fn decode_versioned<M: Message>(bytes: &[u8]) -> Result<M, WireError> {
    let mut input = Decoder::new(BytesMut::from(bytes));
    let version = input.i16()?.min(*M::VERSIONS.end());
    M::decode(&mut input, version)
}
