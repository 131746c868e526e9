use bytes::{Bytes, BytesMut};

use super::*;
use crate::Wire;

fn flexible_encoder() -> Encoder {
    let mut out = Encoder::new();
    out.set_flexible(true);
    out
}

fn flexible_decoder(bytes: &[u8]) -> Decoder {
    let mut input = Decoder::new(BytesMut::from(bytes));
    input.set_flexible(true);
    input
}

fn written(out: Encoder) -> Bytes {
    out.finish().to_bytes().unwrap()
}

#[test]
fn fields_carry_number_and_length() {
    let mut out = flexible_encoder();
    let mut tags = TagWriter::new(&mut out);
    tags.put(&mut out, 1, |out| out.string("ab")).unwrap();
    tags.put(&mut out, 5, |out| 3i16.write(out, 0)).unwrap();
    assert_eq!(written(out)[..], *b"\x02\x01\x03\x03ab\x05\x02\0\x03");
}

#[test]
fn nothing_is_written_where_tags_are_unknown() {
    let mut out = Encoder::new();
    TagWriter::new(&mut out);
    no_tags(&mut out);
    assert!(out.is_empty());
}

#[test]
fn a_long_value_makes_room_for_its_length() {
    let inline = Bytes::from(vec![1; 200]);
    let shared = Bytes::from(vec![2; 20_000]);
    let mut out = flexible_encoder();
    let mut tags = TagWriter::new(&mut out);
    tags.put(&mut out, 0, |out| out.bytes(&inline)).unwrap();
    tags.put(&mut out, 1, |out| {
        out.bytes(&shared)?;
        out.i8(9);
        Ok(())
    })
    .unwrap();
    let bytes = written(out);

    let mut input = flexible_decoder(&bytes);
    let mut tags = TagReader::new(&mut input).unwrap();
    assert_eq!(tags.next(&mut input), Ok(Some(0)));
    assert_eq!(input.bytes().unwrap(), inline);
    assert_eq!(tags.next(&mut input), Ok(Some(1)));
    assert_eq!(input.bytes().unwrap(), shared);
    assert_eq!(input.i8(), Ok(9));
    assert_eq!(tags.next(&mut input), Ok(None));
    assert_eq!(input.finish(), Ok(()));
}

#[test]
fn unknown_fields_are_skipped() {
    let mut input = flexible_decoder(b"\x02\x07\x03abc\x09\x00\x2a");
    skip_tags(&mut input).unwrap();
    assert_eq!(input.i8(), Ok(42));
}

#[test]
fn a_value_longer_than_it_says_is_refused() {
    let mut input = flexible_decoder(b"\x01\x04\x01\0\0\0\x01");
    let mut tags = TagReader::new(&mut input).unwrap();
    assert_eq!(tags.next(&mut input), Ok(Some(4)));
    assert_eq!(input.i32(), Ok(1));
    assert_eq!(tags.next(&mut input), Err(WireError::TagOverrun { tag: 4 }));
}

#[test]
fn a_length_beyond_the_frame_is_refused() {
    let mut input = flexible_decoder(b"\x01\x04\x09abc");
    assert_eq!(skip_tags(&mut input), Err(WireError::Truncated { needed: 9, left: 3 }));
}
