//! Entry point for fuzzers: a plain function over any bytes.

use bytes::BytesMut;
use thalweg_kafka_wire::{ApiVisitor, Decoder, Request, decode_request_header};

use crate::api;

/// Takes bytes as a request frame, as far as that goes without a broker: the header, whether the api
/// is served in that version, the body.
pub fn fuzz(data: &[u8]) {
    let mut input = Decoder::new(BytesMut::from(data));
    let Ok((api, header)) = decode_request_header(&mut input) else { return };
    let version = header.request_api_version;
    if api::versions(api).is_some_and(|versions| versions.contains(&version)) {
        api.visit(Body { input, version });
    }
}

struct Body {
    input: Decoder,
    version: i16,
}

impl ApiVisitor for Body {
    type Output = ();

    fn visit<R: Request>(mut self) {
        let _ = R::decode(&mut self.input, self.version);
    }
}
