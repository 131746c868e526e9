//! Whole frames: a length of four bytes, a header, a message.

use bytes::BytesMut;

use crate::messages::{RequestHeader, ResponseHeader};
use crate::{Decoder, Encoder, Message, Request, Segments, WireError};

/// A response with its length prefix and header.
pub fn encode_response<R: Request>(
    version: i16,
    correlation_id: i32,
    body: &R::Response,
) -> Result<Segments, WireError> {
    let mut out = Encoder::frame();
    let header = ResponseHeader { correlation_id };
    header.encode(&mut out, R::KEY.response_header_version(version))?;
    body.encode(&mut out, version)?;
    out.finish_frame()
}

/// A request with its length prefix and header.
pub fn encode_request<R: Request>(
    version: i16,
    correlation_id: i32,
    client_id: &str,
    body: &R,
) -> Result<Segments, WireError> {
    let mut out = Encoder::frame();
    let header = RequestHeader {
        request_api_key: R::KEY as i16,
        request_api_version: version,
        correlation_id,
        client_id: Some(client_id.to_owned()),
    };
    header.encode(&mut out, R::KEY.request_header_version(version))?;
    body.encode(&mut out, version)?;
    out.finish_frame()
}

/// The correlation id and the message of a response frame (without its length prefix).
pub fn decode_response<R: Request>(
    version: i16,
    frame: BytesMut,
) -> Result<(i32, R::Response), WireError> {
    let mut input = Decoder::new(frame);
    let header_version = R::KEY.response_header_version(version);
    let header = ResponseHeader::decode(&mut input, header_version)?;
    let body = R::Response::decode(&mut input, version)?;
    input.finish()?;
    Ok((header.correlation_id, body))
}

#[cfg(test)]
mod tests;
