use bytes::{Bytes, BytesMut};

use super::*;
use crate::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use crate::messages::{
    ApiVersionsRequest, ApiVersionsResponse, ConsumerProtocolSubscription, FetchRequest,
    FetchResponse, MetadataRequest,
};
use crate::{
    ApiKey, Segment, WireError, decode_request_header, decode_versioned, encode_versioned,
};

fn body_of(frame: &Segments) -> BytesMut {
    let bytes = frame.to_bytes().unwrap();
    assert_eq!(bytes[..4], (bytes.len() as u32 - 4).to_be_bytes());
    BytesMut::from(&bytes[4..])
}

#[test]
fn a_request_arrives_with_its_header() {
    let request = ApiVersionsRequest {
        client_software_name: "probe".to_owned(),
        client_software_version: "1".to_owned(),
        ..Default::default()
    };
    for version in 3..=5 {
        let frame = encode_request(version, 7, "me", &request).unwrap();
        let mut input = Decoder::new(body_of(&frame));
        let (key, header) = decode_request_header(&mut input).unwrap();
        assert_eq!(key, ApiKey::ApiVersions);
        assert_eq!(header.request_api_version, version);
        assert_eq!((header.correlation_id, header.client_id.as_deref()), (7, Some("me")));
        assert_eq!(ApiVersionsRequest::decode(&mut input, version).unwrap(), request);
        input.finish().unwrap();
    }
}

#[test]
fn the_header_of_an_unknown_version_can_be_read() {
    let frame = BytesMut::from(&b"\0\x12\0\x63\0\0\0\x2a\0\x02me\0"[..]);
    let mut input = Decoder::new(frame);
    let (key, header) = decode_request_header(&mut input).unwrap();
    assert_eq!(
        (key, header.request_api_version, header.correlation_id),
        (ApiKey::ApiVersions, 99, 42)
    );
    let error = WireError::UnsupportedVersion { message: "ApiVersionsRequest", version: 99 };
    assert_eq!(ApiVersionsRequest::decode(&mut input, 99), Err(error));
    let unknown = BytesMut::from(&b"\x03\xe7\0\0\0\0\0\x2a\xff\xff"[..]);
    let outcome = decode_request_header(&mut Decoder::new(unknown));
    assert_eq!(outcome.unwrap_err(), WireError::UnknownApi(999));
}

#[test]
fn the_response_to_api_versions_keeps_the_oldest_header() {
    let frame = encode_response::<ApiVersionsRequest>(3, 7, &ApiVersionsResponse::default());
    let frame = body_of(&frame.unwrap());
    assert_eq!(frame[..6], [0, 0, 0, 7, 0, 0]);
    let (correlation_id, _) = decode_response::<ApiVersionsRequest>(3, frame).unwrap();
    assert_eq!(correlation_id, 7);
    assert_eq!(ApiKey::Metadata.response_header_version(9), 1);
    assert_eq!(ApiKey::Metadata.response_header_version(8), 0);
}

#[test]
fn fetched_records_are_not_copied() {
    let records = Bytes::from(vec![5; 4096]);
    let partition = PartitionData { records: Some(records.clone().into()), ..Default::default() };
    let topic = FetchableTopicResponse { partitions: vec![partition], ..Default::default() };
    let response = FetchResponse { responses: vec![topic], ..Default::default() };
    let frame = encode_response::<FetchRequest>(18, 1, &response).unwrap();
    let shared = frame.parts().iter().any(|part| match part {
        Segment::Bytes(bytes) => bytes.as_ptr() == records.as_ptr(),
        Segment::File(_) => false,
    });
    assert!(shared);
    let (_, decoded) = decode_response::<FetchRequest>(18, body_of(&frame)).unwrap();
    assert_eq!(decoded, response);
}

#[test]
fn what_a_version_cannot_carry_is_refused_unless_it_may_be_dropped() {
    let request = MetadataRequest { allow_auto_topic_creation: false, ..Default::default() };
    let error =
        WireError::NotInVersion { field: "MetadataRequest.allow_auto_topic_creation", version: 3 };
    assert_eq!(encode_request(3, 0, "", &request).unwrap_err(), error);
    let request = FetchRequest { rack_id: "r1".to_owned(), ..Default::default() };
    assert!(encode_request(4, 0, "", &request).is_ok());
    let request = MetadataRequest { topics: None, ..Default::default() };
    assert_eq!(encode_request(0, 0, "", &request).unwrap_err(), WireError::UnexpectedNull);
}

#[test]
fn unstable_versions_are_decoded_but_not_stable() {
    assert_eq!(ApiKey::InitProducerId.versions(), 0..=6);
    assert_eq!(ApiKey::InitProducerId.stable_versions(), 0..=5);
    assert_eq!(ApiKey::Produce.stable_versions(), 3..=13);
    assert_eq!(ApiKey::ALL.len(), 79);
}

#[test]
fn messages_inside_messages_are_read_as_the_newest_known() {
    let subscription = ConsumerProtocolSubscription {
        topics: vec!["t".to_owned()],
        user_data: Some(vec![1; 1000].into()),
        generation_id: 5,
        ..Default::default()
    };
    let mut bytes = encode_versioned(&subscription, 3).unwrap().to_vec();
    assert_eq!(decode_versioned(&bytes), Ok(subscription.clone()));
    bytes[1] = 9;
    bytes.push(0);
    assert_eq!(decode_versioned(&bytes), Ok(subscription));
}
