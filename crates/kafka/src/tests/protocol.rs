//! What holds for every api: versions, order, frames that are not acceptable.

use std::time::Duration;

use bytes::{BufMut, BytesMut};
use thalweg_kafka_wire::messages::{
    ApiVersionsRequest, FetchRequest, MetadataRequest, ProduceRequest, ShareFetchRequest,
};
use thalweg_kafka_wire::{ApiKey, decode_response};

use super::produce::produce_request;
use super::*;

fn api_versions() -> ApiVersionsRequest {
    ApiVersionsRequest {
        client_software_name: "test".to_owned(),
        client_software_version: "1.0".to_owned(),
        ..Default::default()
    }
}

/// A frame by hand: length, header of version 1, body.
fn frame(api: i16, version: i16, body: &[u8]) -> BytesMut {
    let mut frame = BytesMut::new();
    frame.put_i32(10 + body.len() as i32);
    frame.put_i16(api);
    frame.put_i16(version);
    frame.put_i32(77);
    frame.put_i16(-1);
    frame.put_slice(body);
    frame
}

#[test]
fn rule_58_every_version_of_api_versions_is_answered() {
    simulate(|world| async move {
        let mut client = world.connect();
        for version in 0..=5 {
            let response = client.call(version, &api_versions()).await;
            assert_eq!(response.error_code, 0);
            let fetch = response.api_keys.iter().find(|api| api.api_key == 1).unwrap();
            assert_eq!((fetch.min_version, fetch.max_version), (4, 18));
            let served = |key| response.api_keys.iter().any(|api| api.api_key == key as i16);
            assert!(served(ApiKey::EndTxn) && !served(ApiKey::ShareFetch));
            let finalized = response.finalized_features.iter();
            let levels: Vec<_> =
                finalized.map(|f| (f.name.as_str(), f.max_version_level)).collect();
            let known = [("transaction.version", 2)];
            assert_eq!(levels, if version >= 3 { &known[..] } else { &[] }, "{version}");
            assert_eq!(response.supported_features.len(), usize::from(version >= 4));
        }
    });
}

#[test]
fn rule_58_an_unknown_version_of_api_versions_is_answered_with_the_known_ones() {
    simulate(|world| async move {
        let mut client = world.connect();
        client.send_bytes(&frame(18, 99, b"\0\x05whatever this is")).await;
        let answer = client.frame().await.unwrap();
        let (id, response) = decode_response::<ApiVersionsRequest>(0, answer).unwrap();
        assert_eq!(id, 77);
        assert_error(response.error_code, ErrorCode::UnsupportedVersion);
        let [only] = response.api_keys.as_slice() else { panic!("{response:?}") };
        assert_eq!((only.api_key, only.min_version, only.max_version), (18, 0, 5));
        assert_eq!(client.call(5, &api_versions()).await.error_code, 0, "it goes on");
    });
}

#[test]
fn rule_58_a_nonsensical_software_name_is_refused() {
    simulate(|world| async move {
        let mut client = world.connect();
        let request =
            ApiVersionsRequest { client_software_name: "two words".to_owned(), ..api_versions() };
        let response = client.call(3, &request).await;
        assert_error(response.error_code, ErrorCode::InvalidRequest);
        assert!(response.api_keys.is_empty());
    });
}

#[test]
fn rule_60_requests_are_answered_in_their_order() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[]).await;
        let poll = FetchRequest { max_wait_ms: 500, min_bytes: 1, ..Default::default() };
        let mut ids = Vec::new();
        for round in 0..20 {
            let value = format!("value {round}");
            ids.push(client.send(9, &produce_request("t", -1, batch(&[&value]))).await);
            ids.push(client.send(12, &poll).await);
            ids.push(client.send(12, &MetadataRequest::default()).await);
        }
        for (nth, id) in ids.iter().enumerate() {
            let answered = match nth % 3 {
                0 => {
                    let (answered, response) = client.receive::<ProduceRequest>(9).await;
                    let partition = &response.responses[0].partition_responses[0];
                    assert_eq!(partition.base_offset, nth as i64 / 3, "in the order of sending");
                    answered
                }
                1 => client.receive::<FetchRequest>(12).await.0,
                _ => client.receive::<MetadataRequest>(12).await.0,
            };
            assert_eq!(answered, *id);
        }
    });
}

#[test]
fn rule_60_unknown_tagged_fields_are_skipped() {
    simulate(|world| async move {
        let mut client = world.connect();
        let mut request = BytesMut::new();
        request.put_i16(18);
        request.put_i16(3);
        request.put_i32(77);
        request.put_i16(-1);
        request.put_slice(b"\x01\x63\x03abc"); // one tagged field of the header: number 99
        request.put_slice(b"\x05test\x021"); // the names
        request.put_slice(b"\x02\x00\x00\x63\x01z"); // two tagged fields of the body: 0 and 99
        let mut bytes = BytesMut::new();
        bytes.put_i32(request.len() as i32);
        bytes.put_slice(&request);
        client.send_bytes(&bytes).await;
        let (id, response) = client.receive::<ApiVersionsRequest>(3).await;
        assert_eq!((id, response.error_code), (77, 0));
    });
}

#[test]
fn rule_60_what_is_not_acceptable_closes_the_connection() {
    let too_large = (100 << 20) + 1_i32;
    let cases: [(&str, Vec<u8>); 8] = [
        ("too large", too_large.to_be_bytes().to_vec()),
        ("negative length", (-1_i32).to_be_bytes().to_vec()),
        ("empty", 0_i32.to_be_bytes().to_vec()),
        ("unknown api", frame(999, 0, b"").to_vec()),
        ("api that is not served", frame(ApiKey::EndTxn as i16, 0, b"").to_vec()),
        ("unknown version", frame(ApiKey::Metadata as i16, 99, b"").to_vec()),
        ("advertised, and refused", frame(ApiKey::Produce as i16, 0, b"").to_vec()),
        ("cut short", frame(ApiKey::Metadata as i16, 1, b"\0").to_vec()),
    ];
    for (case, bytes) in cases {
        simulate(|world| async move {
            let mut client = world.connect();
            client.send_bytes(&bytes).await;
            assert_eq!(client.frame().await, None, "{case}");
            let closed = &world.door.metrics.connections_closed_for_cause;
            assert_eq!(closed.load(std::sync::atomic::Ordering::Relaxed), 1, "{case}");
        });
    }
}

#[test]
fn bytes_behind_a_request_are_ignored() {
    simulate(|world| async move {
        let mut client = world.connect();
        client.send_bytes(&frame(18, 0, b"more")).await;
        let (id, response) = client.receive::<ApiVersionsRequest>(0).await;
        assert_eq!((id, response.error_code), (77, 0));
    });
}

#[test]
fn rule_60_what_came_before_a_bad_frame_is_answered() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[]).await;
        client.send(9, &produce_request("t", -1, batch(&["a"]))).await;
        client.send_bytes(&frame(999, 0, b"")).await;
        let (_, response) = client.receive::<ProduceRequest>(9).await;
        assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
        client.expect_closed().await;
    });
}

#[test]
fn an_api_that_is_not_served_cannot_be_asked_for() {
    simulate(|world| async move {
        let mut client = world.connect();
        client.send(1, &ShareFetchRequest::default()).await;
        client.expect_closed().await;
    });
}

#[test]
fn a_silent_connection_is_closed() {
    let options = KafkaOptions { idle_max: Duration::from_mins(1), ..Default::default() };
    simulate_with(&[], options, |world| async move {
        let mut client = world.connect();
        world.env.sleep(Duration::from_secs(50)).await;
        assert_eq!(client.call(3, &api_versions()).await.error_code, 0);
        world.env.sleep(Duration::from_secs(50)).await;
        assert_eq!(client.call(3, &api_versions()).await.error_code, 0, "it was not silent");
        let started = world.env.now();
        client.expect_closed().await;
        assert_eq!((world.env.now() - started).as_secs(), 60);
    });
}

#[test]
fn a_request_that_does_not_come_closes_the_connection_and_frees_its_memory() {
    simulate(|world| async move {
        let free = world.door.memory.available();
        let mut client = world.connect();
        client.send_bytes(&50_000_000_i32.to_be_bytes()).await;
        world.env.sleep(Duration::from_secs(1)).await;
        assert_eq!(world.door.memory.available(), free, "a claim alone takes nothing");
        client.send_bytes(&[0; 5000]).await;
        world.env.sleep(Duration::from_secs(1)).await;
        assert!(world.door.memory.available() < free - 49_000_000);
        client.expect_closed().await;
        world.env.sleep(Duration::from_secs(1)).await;
        assert_eq!(world.door.memory.available(), free);
    });
}

#[test]
fn small_requests_do_not_wait_for_large_ones() {
    let options = KafkaOptions { request_memory_bytes: 4 << 20, ..Default::default() };
    simulate_with(&[], options, |world| async move {
        let mut hog = world.connect();
        hog.send_bytes(&3_000_000_i32.to_be_bytes()).await;
        hog.send_bytes(&[0; 5000]).await;
        let mut client = world.connect();
        let started = world.env.now();
        assert_eq!(client.call(3, &api_versions()).await.error_code, 0);
        assert!(world.env.now() - started < Duration::from_secs(1));
    });
}

#[test]
fn who_takes_no_answers_is_not_heard() {
    simulate(|world| async move {
        let mut client = world.connect();
        create_topic(&mut client, "large", 5000, &[]).await;
        let all = MetadataRequest { topics: None, ..Default::default() };
        let asked = 100;
        for _ in 0..asked {
            client.send(1, &all).await;
        }
        world.env.sleep(Duration::from_mins(1)).await;
        let answered = || {
            let metrics = world.door.metrics.api(ApiKey::Metadata);
            metrics.requests.load(std::sync::atomic::Ordering::Relaxed)
        };
        assert_eq!(answered(), 0);
        let bytes_in = &world.door.metrics.bytes_in;
        let taken = bytes_in.load(std::sync::atomic::Ordering::Relaxed);
        for _ in 0..asked {
            let (_, response) = client.receive::<MetadataRequest>(1).await;
            assert_eq!(response.topics[0].partitions.len(), 5000);
        }
        let all_taken = bytes_in.load(std::sync::atomic::Ordering::Relaxed);
        assert!(taken < all_taken / 2, "{taken} of {all_taken} bytes were taken before");
    });
}

#[test]
fn a_client_that_hangs_up_ends_its_long_poll() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[]).await;
        let mut poll = fetch::fetch_request("t", &[(0, 0)]);
        poll.max_wait_ms = 1_000_000;
        client.send(12, &poll).await;
        world.env.sleep(Duration::from_secs(1)).await;
        let door = Arc::downgrade(&world.door);
        let held = door.strong_count();
        drop(client);
        world.env.sleep(Duration::from_secs(1)).await;
        assert!(door.strong_count() < held, "the connection is gone");
    });
}

#[test]
fn a_stop_answers_what_is_in_flight() {
    simulate(|world| async move {
        let mut client = world.with_topic(1, &[]).await;
        client.send(9, &produce_request("t", -1, batch(&["a"]))).await;
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        world.stop.start();
        let (_, response) = client.receive::<ProduceRequest>(9).await;
        assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
        client.expect_closed().await;
    });
}

#[test]
fn software_is_remembered() {
    simulate(|world| async move {
        let mut client = world.connect();
        client.call(3, &api_versions()).await;
        // The next request finds what the first one said.
        assert_eq!(client.call(4, &api_versions()).await.error_code, 0);
    });
}
