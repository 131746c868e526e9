//! Entry points for fuzzers: plain functions over any bytes.
//!
//! Each decodes, and encodes what it decoded again: whatever comes in, nothing panics, and what can
//! be decoded can be encoded.

use bytes::BytesMut;

use crate::messages::{ApiVisitor, ConsumerProtocolAssignment, ConsumerProtocolSubscription};
use crate::{
    ApiKey, Decoder, Encoder, Message, Request, WireError, decode_request_header, decode_response,
    decode_versioned,
};

/// A request frame: header and body.
pub fn fuzz_request(frame: &[u8]) {
    let mut input = Decoder::new(BytesMut::from(frame));
    let Ok((key, header)) = decode_request_header(&mut input) else { return };
    let version = header.request_api_version;
    let _ = key.visit(Body { input, version });
}

/// A response frame, after two bytes for the api key and two for its version.
pub fn fuzz_response(input: &[u8]) {
    let [a, b, c, d, frame @ ..] = input else { return };
    let Ok(key) = ApiKey::try_from(i16::from_be_bytes([*a, *b])) else { return };
    let version = i16::from_be_bytes([*c, *d]);
    let _ = key.visit(Response { frame: BytesMut::from(frame), version });
}

/// What consumers of the classic protocol tell each other through the broker.
pub fn fuzz_consumer_protocol(bytes: &[u8]) {
    let _ = decode_versioned::<ConsumerProtocolSubscription>(bytes);
    let _ = decode_versioned::<ConsumerProtocolAssignment>(bytes);
}

struct Body {
    input: Decoder,
    version: i16,
}

impl ApiVisitor for Body {
    type Output = Result<(), WireError>;

    fn visit<R: Request>(mut self) -> Self::Output {
        let body = R::decode(&mut self.input, self.version)?;
        encode_again(&body, self.version);
        self.input.finish()
    }
}

struct Response {
    frame: BytesMut,
    version: i16,
}

impl ApiVisitor for Response {
    type Output = Result<(), WireError>;

    fn visit<R: Request>(self) -> Self::Output {
        let (_, body) = decode_response::<R>(self.version, self.frame)?;
        encode_again(&body, self.version);
        Ok(())
    }
}

fn encode_again<M: Message>(message: &M, version: i16) {
    let outcome = message.encode(&mut Encoder::new(), version);
    assert_eq!(outcome, Ok(()), "what was decoded from a version fits into it");
}
