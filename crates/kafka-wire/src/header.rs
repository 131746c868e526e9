//! The header before each request.

use crate::messages::RequestHeader;
use crate::{ApiKey, Decoder, Message, WireError};

/// Reads the header of a request, in the version that its api key and version ask for.
///
/// The api version may lie outside the range of the api: decoding the body will say so, and a
/// request for `ApiVersions` of an unknown version is to be answered in version 0 (KIP-511).
pub fn decode_request_header(input: &mut Decoder) -> Result<(ApiKey, RequestHeader), WireError> {
    let [a, b, c, d, ..] = *input.peek() else {
        return Err(WireError::Truncated { needed: 4, left: input.remaining() });
    };
    let key = ApiKey::try_from(i16::from_be_bytes([a, b]))?;
    let version = i16::from_be_bytes([c, d]);
    let header = RequestHeader::decode(input, key.request_header_version(version))?;
    Ok((key, header))
}
