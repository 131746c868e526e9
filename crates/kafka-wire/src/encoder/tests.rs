use super::*;

fn lengths(segments: &Segments) -> Vec<usize> {
    segments.parts().iter().map(Segment::len).collect()
}

#[test]
fn small_fields_make_one_segment() {
    let mut out = Encoder::new();
    out.i32(1);
    out.string("topic").unwrap();
    out.nullable_string(None).unwrap();
    out.bytes(&Bytes::from_static(b"few")).unwrap();
    let segments = out.finish();
    assert_eq!(lengths(&segments), [4 + 7 + 2 + 7]);
    let bytes = segments.to_bytes().unwrap();
    assert_eq!(&bytes[..], b"\0\0\0\x01\0\x05topic\xff\xff\0\0\0\x03few");
}

#[test]
fn long_blocks_are_shared_and_stay_in_their_place() {
    let first = Bytes::from(vec![1; 1000]);
    let records: Segments =
        [vec![2; 600], vec![3; 700]].map(|part| Segment::Bytes(part.into())).into_iter().collect();
    let mut out = Encoder::new();
    out.bytes(&first).unwrap();
    out.nullable_segments(Some(&records)).unwrap();
    out.i8(9);
    assert_eq!(out.len(), 4 + 1000 + 4 + 1300 + 1);
    let segments = out.finish();
    assert_eq!(lengths(&segments), [4, 1000, 4, 600, 700, 1]);
    let Segment::Bytes(shared) = &segments.parts()[1] else { panic!("in memory") };
    assert_eq!(shared.as_ptr(), first.as_ptr());
}

#[test]
fn a_string_has_a_longest_length() {
    let too_long = "x".repeat(MAX_STRING_LEN + 1);
    let error = Err(WireError::TooLong { len: MAX_STRING_LEN + 1, limit: MAX_STRING_LEN });
    for flexible in [false, true] {
        let mut out = Encoder::new();
        out.set_flexible(flexible);
        assert_eq!(out.string(&too_long), error);
        assert_eq!(out.string(&too_long[1..]), Ok(()));
    }
}

#[test]
fn a_frame_begins_with_its_length() {
    let mut out = Encoder::frame();
    out.bytes(&Bytes::from(vec![7; 1000])).unwrap();
    let segments = out.finish_frame().unwrap();
    assert_eq!(segments.len(), 4 + 4 + 1000);
    assert_eq!(segments.to_bytes().unwrap()[..8], [0, 0, 3, 0xec, 0, 0, 3, 0xe8]);
}
