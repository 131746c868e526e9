//! Damaged frames: nothing panics, and nothing is allocated because a length says so.

use bytes::{BufMut, BytesMut};
use proptest::prelude::*;
use thalweg_kafka_wire::{ApiKey, WireError, fuzz_consumer_protocol, fuzz_request, fuzz_response};

use crate::{golden, ours};

/// Far more than any golden message takes, far less than any of the lengths that damage makes up.
const MEMORY_KIB: u64 = 64 << 10;

#[derive(Clone, Debug)]
enum Damage {
    Set(usize, u8),
    Cut(usize),
    Insert(usize, Vec<u8>),
}

fn damage() -> impl Strategy<Value = Damage> {
    let length =
        prop_oneof![Just(vec![0x7f; 4]), Just(vec![0xff; 4]), Just(vec![0xff, 0xff, 0x7f])];
    prop_oneof![
        4 => (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        1 => any::<usize>().prop_map(Damage::Cut),
        1 => (any::<usize>(), length).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
    ]
}

fn apply(bytes: &mut Vec<u8>, damage: Damage) {
    match damage {
        Damage::Set(at, byte) => {
            let len = bytes.len().max(1);
            bytes.resize(len, 0);
            bytes[at % len] = byte;
        }
        Damage::Cut(at) => bytes.truncate(at % (bytes.len() + 1)),
        Damage::Insert(at, more) => {
            let at = at % (bytes.len() + 1);
            bytes.splice(at..at, more);
        }
    }
}

/// Feeds a body to the decoder that it is meant for, as part of a frame.
fn feed(name: &str, version: i16, body: &[u8]) {
    if !name.ends_with("Request") && !name.ends_with("Response") {
        let mut versioned = BytesMut::new();
        versioned.put_i16(version);
        versioned.put_slice(body);
        return fuzz_consumer_protocol(&versioned);
    }
    let (key, is_request) = ours::api(name);
    let mut frame = BytesMut::new();
    frame.put_i16(key as i16);
    frame.put_i16(version);
    frame.put_i32(1);
    if is_request {
        frame.put_i16(-1);
        frame.put_bytes(0, usize::from(key.request_header_version(version) == 2));
        frame.put_slice(body);
        fuzz_request(&frame);
    } else {
        frame.put_bytes(0, usize::from(key.response_header_version(version) == 1));
        frame.put_slice(body);
        fuzz_response(&frame);
    }
}

/// The most memory the process has used, as the kernel counts it.
fn peak_memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("a peak");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn damaged_messages_do_no_harm(damages in prop::collection::vec(damage(), 1..4)) {
        let before = peak_memory_kib();
        for golden in golden::all() {
            let mut body = golden.bytes;
            damages.iter().cloned().for_each(|damage| apply(&mut body, damage));
            feed(golden.name, golden.version, &body);
        }
        // The kernel counts in batches, so that the peak may seem to sink.
        prop_assert!(peak_memory_kib().saturating_sub(before) < MEMORY_KIB);
    }

    #[test]
    fn noise_does_no_harm(noise in prop::collection::vec(any::<u8>(), 0..200)) {
        for key in ApiKey::ALL {
            for version in key.versions() {
                feed(&format!("{key}Request"), version, &noise);
                feed(&format!("{key}Response"), version, &noise);
            }
        }
    }
}

/// The frame that makes other decoders reserve 150 GB: a Metadata request for 2^31-1 topics.
#[test]
fn a_claimed_length_is_checked_first() {
    let outcome = ours::recode("MetadataRequest", 0, &i32::MAX.to_be_bytes());
    assert_eq!(outcome, Err(WireError::ArrayTooLong { count: 0x7fff_ffff, left: 0 }));
}

/// Every beginning of every golden message is refused, and so is every continuation.
#[test]
fn messages_end_where_they_end() {
    for golden in golden::all() {
        for len in 0..golden.bytes.len() {
            let outcome = ours::recode(golden.name, golden.version, &golden.bytes[..len]);
            assert!(outcome.is_err(), "{} {} cut to {len}", golden.name, golden.version);
        }
        let mut longer = golden.bytes;
        longer.push(0);
        let outcome = ours::recode(golden.name, golden.version, &longer);
        assert_eq!(outcome, Err(WireError::TrailingBytes { left: 1 }));
    }
}
