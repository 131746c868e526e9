use proptest::prelude::*;

use crate::{Decoded, FrameError, OVERHEAD, decode, encode, fuzz};

const KIND: [u8; 4] = *b"TEST";

fn read(frame: &[u8]) -> Result<Decoded, FrameError> {
    decode(KIND, 1, frame)
}

#[test]
fn a_frame_of_version_1_keeps_its_bytes() {
    let fixture = include_bytes!("../testdata/frame-v1.bin");
    assert_eq!(encode(KIND, 1, b"river"), fixture);
    assert_eq!(
        read(fixture),
        Ok(Decoded { version: 1, payload: b"river".to_vec(), damaged_twin: false })
    );
}

#[test]
fn one_flipped_bit_anywhere_costs_nothing_and_is_reported() {
    let frame = encode(KIND, 1, b"the line of deepest flow");
    for bit in 0..frame.len() * 8 {
        let mut flipped = frame.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let decoded = read(&flipped).unwrap();
        assert_eq!(decoded.payload, b"the line of deepest flow", "bit {bit}");
        assert!(decoded.damaged_twin, "bit {bit}");
    }
}

#[test]
fn damage_in_both_copies_is_an_error() {
    let frame = encode(KIND, 1, b"payload");
    let half = frame.len() / 2;
    for (first, second) in (0..half).zip((0..half).rev()) {
        let mut damaged = frame.clone();
        damaged[first] ^= 0x10;
        damaged[half + second] ^= 0x01;
        assert_eq!(read(&damaged), Err(FrameError::Damaged), "bytes {first} and {second}");
    }
}

#[test]
fn a_torn_frame_reads_while_its_first_copy_is_whole() {
    let frame = encode(KIND, 1, b"payload");
    for length in 0..frame.len() {
        let torn = read(&frame[..length]);
        if length < frame.len() / 2 {
            assert_eq!(torn, Err(FrameError::Damaged), "{length} bytes");
        } else {
            assert!(torn.unwrap().damaged_twin, "{length} bytes");
        }
    }
}

#[test]
fn a_newer_format_and_another_kind_are_told_apart_from_damage() {
    let newer = encode(KIND, 2, b"");
    let error = read(&newer).unwrap_err();
    assert_eq!(error, FrameError::Newer { found: 2, known: 1 });
    assert!(error.to_string().contains("newer version"));
    let other = encode(*b"ELSE", 1, b"");
    assert_eq!(read(&other).unwrap_err().to_string(), "holds 'ELSE' where 'TEST' belongs");
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(version: u16, payload: Vec<u8>) {
        let frame = encode(KIND, version, &payload);
        prop_assert_eq!(frame.len(), OVERHEAD + 2 * payload.len());
        let decoded = decode(KIND, version, &frame).unwrap();
        prop_assert_eq!(decoded, Decoded { version, payload, damaged_twin: false });
    }

    #[test]
    fn any_input_is_survived(input: Vec<u8>, payload: Vec<u8>, at: prop::sample::Index, bits: u8) {
        fuzz::decode_any(&input);
        let mut near = encode(*b"FUZZ", 1, &payload);
        let at = at.index(near.len());
        near[at] ^= bits;
        fuzz::decode_any(&near);
    }
}
