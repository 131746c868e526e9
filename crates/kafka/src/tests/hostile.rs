//! Frames that were damaged on purpose, for every api and version.

use std::sync::atomic::Ordering;
use std::time::Duration;

use thalweg_kafka_wire::messages::ApiVersionsRequest;
use thalweg_kafka_wire::{ApiKey, ApiVisitor, Decoder, Request};

use super::*;
use crate::api;

/// Damaged frames for each version of each api.
const FRAMES: usize = 40;
/// Longer than any request may wait, in simulated time.
const PATIENCE: Duration = Duration::from_hours(24);

/// Bodies that are tried to find one that can be read.
const TRIES: usize = 200;

/// Says whether bytes can be read as the body of a request.
struct Readable<'a>(&'a [u8], i16);

impl ApiVisitor for Readable<'_> {
    type Output = bool;

    fn visit<R: Request>(self) -> bool {
        R::decode(&mut Decoder::new(BytesMut::from(self.0)), self.1).is_ok()
    }
}

/// A request that can be read, if chance finds one.
fn request(api: ApiKey, version: i16, mut random: impl FnMut(usize) -> usize) -> Vec<u8> {
    let mut body = Vec::new();
    for _ in 0..TRIES {
        body = (0..random(80)).map(|_| [0, 0, 0, 1, 1, 2, 3, b't', 0xff][random(9)]).collect();
        if api.visit(Readable(&body, version)) {
            break;
        }
    }
    let mut frame = vec![0; 4];
    frame.extend((api as i16).to_be_bytes());
    frame.extend(version.to_be_bytes());
    frame.extend([0, 0, 0, 1, 0, 1, b'c']);
    if api.request_header_version(version) >= 2 {
        frame.push(0);
    }
    frame.extend(body);
    frame
}

/// Replaces, inserts and removes bytes behind the api's key and version, and corrects the length.
fn damage(mut frame: Vec<u8>, mut random: impl FnMut(usize) -> usize) -> Vec<u8> {
    const BODY_AT: usize = 8;
    for _ in 0..random(4) {
        let at = BODY_AT + random(frame.len() - BODY_AT);
        let byte = [0, 1, 2, 0x7f, 0x80, 0xff, random(256) as u8][random(7)];
        match random(3) {
            0 => frame[at] = byte,
            1 => frame.insert(at, byte),
            _ if frame.len() > BODY_AT + 1 => drop(frame.remove(at)),
            _ => {}
        }
    }
    let length = (frame.len() - 4) as u32;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    frame
}

#[test]
fn damaged_frames_are_answered_or_close_their_connection() {
    simulate(|world| async move {
        let broker = world.door.broker.clone();
        let random = |below: usize| (broker.env().random_u64() % below as u64) as usize;
        let closed = || world.door.metrics.connections_closed_for_cause.load(Ordering::Relaxed);
        let (mut answers, mut closings) = (0, 0);
        for &api in ApiKey::ALL {
            for version in api::versions(api).into_iter().flatten() {
                for _ in 0..FRAMES {
                    let before = closed();
                    let mut client = world.connect();
                    client.send_bytes(&damage(request(api, version, random), random)).await;
                    let answer = world.env.timeout(PATIENCE, client.frame()).await;
                    match answer.unwrap_or_else(|_| panic!("{api} {version} hangs")) {
                        Some(_) => answers += 1,
                        // A task that panics closes its connection as well, but is not counted.
                        None if closed() > before => closings += 1,
                        // Without acknowledgement an error has no other answer.
                        None => assert_eq!(api, ApiKey::Produce, "version {version}"),
                    }
                }
            }
        }
        assert!(answers > 500 && closings > 500, "{answers} answers, {closings} closings");
        let sound = ApiVersionsRequest::default();
        assert_eq!(world.connect().call(2, &sound).await.error_code, 0, "the broker goes on");
    });
}

#[test]
fn any_bytes_may_be_fuzzed() {
    let env = Env::real();
    for _ in 0..20_000 {
        let mut bytes: Vec<u8> =
            (0..env.random_u64() % 60).map(|_| env.random_u64() as u8).collect();
        if let [first, second, third, fourth, ..] = bytes.as_mut_slice() {
            (*first, *third) = (0, 0);
            (*second, *fourth) = (*second % 100, *fourth % 20);
        }
        crate::fuzz(&bytes);
    }
}
