//! Requests that look right and are not.

use bytes::{Bytes, BytesMut};
use fastrand::Rng;
use thalweg_kafka_wire::messages::{ApiVersionsRequest, ApiVisitor};
use thalweg_kafka_wire::{ApiKey, Decoder, Request, encode_request};

use crate::failure::Failure;

const LENGTH_LEN: usize = 4;
const SEED_LEN: usize = 600;
const ATTEMPTS_MAX: u32 = 5_000;
/// Correlation id of the harmless request after each hostile one.
pub const PROBE_ID: i32 = 0x5eed;
/// Numbers on which decoders stumble.
const EXTREMES: [i32; 6] = [i32::MAX, i32::MIN, -1, 0, 1 << 24, 101 << 20];

/// A valid request of this api and version with whatever content; nothing if none was found.
pub fn valid(key: ApiKey, version: i16, random: &mut Rng) -> Option<Bytes> {
    key.visit(Invent { version, random })
}

/// Small numbers decode into most messages: lengths are small, arrays have few elements. How small, and
/// how many are zero, differs from try to try: no one mixture suits all messages.
struct Invent<'a> {
    version: i16,
    random: &'a mut Rng,
}

impl ApiVisitor for Invent<'_> {
    type Output = Option<Bytes>;

    fn visit<R: Request>(self) -> Option<Bytes> {
        let Self { version, random } = self;
        for _ in 0..ATTEMPTS_MAX {
            let (zeros, limit) = (random.u8(1..10), random.u8(2..7));
            let seed =
                (0..SEED_LEN).map(|_| if random.u8(..10) < zeros { 0 } else { random.u8(..limit) });
            let seed: Vec<u8> = seed.collect();
            let decoded = R::decode(&mut Decoder::new(BytesMut::from(&seed[..])), version);
            if let Ok(request) = decoded
                && let Ok(frame) = encode_request(version, random.i32(..), "hostile", &request)
            {
                return frame.to_bytes().ok();
            }
        }
        None
    }
}

/// The frame with something wrong in it.
pub fn mutate(frame: &[u8], random: &mut Rng) -> Vec<u8> {
    let mut bytes = frame.to_vec();
    match random.u8(..8) {
        0 | 1 => flip_bits(&mut bytes, random),
        2 | 3 => put_extreme(&mut bytes, random),
        4 => {
            bytes.truncate(random.usize(LENGTH_LEN..bytes.len()));
            fix_length(&mut bytes);
        }
        5 => {
            let length = if random.bool() {
                EXTREMES[random.usize(..EXTREMES.len())]
            } else {
                random.i32(..1 << 20)
            };
            bytes[..LENGTH_LEN].copy_from_slice(&length.to_be_bytes());
        }
        6 => {
            let at = random.usize(LENGTH_LEN..=bytes.len());
            let more: Vec<u8> = (0..random.usize(1..64)).map(|_| random.u8(..)).collect();
            bytes.splice(at..at, more);
            fix_length(&mut bytes);
        }
        _ => {
            let from = random.usize(LENGTH_LEN..bytes.len());
            let to = random.usize(from..=bytes.len());
            let piece = bytes[from..to].to_vec();
            bytes.splice(to..to, piece);
            fix_length(&mut bytes);
        }
    }
    bytes
}

fn flip_bits(bytes: &mut [u8], random: &mut Rng) {
    for _ in 0..random.usize(1..=8) {
        let at = random.usize(LENGTH_LEN..bytes.len());
        bytes[at] ^= 1 << random.u8(..8);
    }
}

fn put_extreme(bytes: &mut [u8], random: &mut Rng) {
    let extreme = EXTREMES[random.usize(..EXTREMES.len())].to_be_bytes();
    let at = random.usize(LENGTH_LEN..bytes.len());
    let room = (bytes.len() - at).min(extreme.len());
    bytes[at..at + room].copy_from_slice(&extreme[..room]);
}

fn fix_length(bytes: &mut [u8]) {
    let length = (bytes.len() - LENGTH_LEN) as i32;
    bytes[..LENGTH_LEN].copy_from_slice(&length.to_be_bytes());
}

/// A harmless request, whose answer shows that the connection still lives.
pub fn probe() -> Result<Bytes, Failure> {
    let frame = encode_request(0, PROBE_ID, "probe", &ApiVersionsRequest::default())?;
    frame.to_bytes().map_err(Failure::Ended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_api_has_valid_requests_in_every_version() {
        for key in ApiKey::ALL {
            for version in key.stable_versions() {
                for seed in 0..5 {
                    let frame = valid(*key, version, &mut Rng::with_seed(seed));
                    assert!(frame.is_some(), "{key} {version} from seed {seed}");
                }
            }
        }
    }

    #[test]
    fn mutations_change_frames_of_any_length() {
        let mut random = Rng::with_seed(2);
        let frame = valid(ApiKey::Metadata, 9, &mut random).unwrap();
        let changed = (0..1000).filter(|_| mutate(&frame, &mut random) != frame).count();
        assert!(changed > 900, "{changed}");
    }
}
