//! Our messages by name.

use bytes::{Bytes, BytesMut};
use thalweg_kafka_wire::messages::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription, RequestHeader, ResponseHeader,
};
use thalweg_kafka_wire::{ApiKey, ApiVisitor, Decoder, Encoder, Message, Request, WireError};

/// Decodes all of `bytes`, and encodes what came out.
pub fn recode(name: &str, version: i16, bytes: &[u8]) -> Result<Bytes, WireError> {
    match name {
        "RequestHeader" => recode_as::<RequestHeader>(version, bytes),
        "ResponseHeader" => recode_as::<ResponseHeader>(version, bytes),
        "ConsumerProtocolAssignment" => recode_as::<ConsumerProtocolAssignment>(version, bytes),
        "ConsumerProtocolSubscription" => recode_as::<ConsumerProtocolSubscription>(version, bytes),
        _ => {
            let (key, is_request) = api(name);
            key.visit(Recode { is_request, version, bytes })
        }
    }
}

/// The api of a message, and whether the message is its request.
pub fn api(name: &str) -> (ApiKey, bool) {
    let request = name.strip_suffix("Request");
    let api = request.or_else(|| name.strip_suffix("Response")).expect("a request or a response");
    let key = ApiKey::ALL.iter().find(|key| key.name() == api).expect("a known api");
    (*key, request.is_some())
}

fn recode_as<M: Message>(version: i16, bytes: &[u8]) -> Result<Bytes, WireError> {
    let mut input = Decoder::new(BytesMut::from(bytes));
    let message = M::decode(&mut input, version)?;
    input.finish()?;
    let mut out = Encoder::new();
    message.encode(&mut out, version)?;
    Ok(out.finish().to_bytes().expect("no file is involved"))
}

struct Recode<'a> {
    is_request: bool,
    version: i16,
    bytes: &'a [u8],
}

impl ApiVisitor for Recode<'_> {
    type Output = Result<Bytes, WireError>;

    fn visit<R: Request>(self) -> Self::Output {
        if self.is_request {
            recode_as::<R>(self.version, self.bytes)
        } else {
            recode_as::<R::Response>(self.version, self.bytes)
        }
    }
}
