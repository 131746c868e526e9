use super::*;

fn decoder(bytes: &[u8], flexible: bool) -> Decoder {
    let mut decoder = Decoder::new(BytesMut::from(bytes));
    decoder.set_flexible(flexible);
    decoder
}

#[test]
fn numbers_are_big_endian() {
    let mut input = decoder(&[0xff, 0xfe, 1, 0xff, 0, 0, 1, 0], false);
    assert_eq!(input.i16(), Ok(-2));
    assert_eq!(input.bool(), Ok(true));
    assert_eq!(input.i8(), Ok(-1));
    assert_eq!(input.i32(), Ok(256));
    assert_eq!(input.i8(), Err(WireError::Truncated { needed: 1, left: 0 }));
    assert_eq!(input.finish(), Ok(()));
}

#[test]
fn strings_have_two_kinds_of_length() {
    assert_eq!(decoder(b"\0\x02ab", false).string(), Ok("ab".to_owned()));
    assert_eq!(decoder(b"\x03ab", true).string(), Ok("ab".to_owned()));
    assert_eq!(decoder(b"\0\x02ab", true).nullable_string(), Ok(None));
    assert_eq!(decoder(b"\xff\xff", false).nullable_string(), Ok(None));
    assert_eq!(decoder(b"\xff\xff", false).string(), Err(WireError::UnexpectedNull));
    assert_eq!(decoder(b"\0\x02ab", false).classic_nullable_string(), Ok(Some("ab".to_owned())));
    assert_eq!(decoder(b"\x03\xff\xff", true).string(), Err(WireError::NotUtf8));
}

#[test]
fn lengths_are_checked_against_what_remains() {
    let truncated = Err(WireError::Truncated { needed: 5, left: 2 });
    assert_eq!(decoder(b"\0\x05ab", false).string(), truncated);
    let truncated = Err(WireError::Truncated { needed: 0x7fff_ffff, left: 1 });
    assert_eq!(decoder(b"\x7f\xff\xff\xffa", false).bytes(), truncated);
    let too_long = Err(WireError::TooLong { len: 0x8000, limit: 0x7fff });
    assert_eq!(decoder(b"\x81\x80\x02", true).string(), too_long);
    let too_many = Err(WireError::ArrayTooLong { count: 2, left: 7 });
    assert_eq!(decoder(b"\0\0\0\x02\0\0\0\x01\0\0\0", false).array::<i32>(0), too_many);
}

#[test]
fn memory_of_arrays_is_limited() {
    let strings = [3, 1, 1];
    let enough = 2 * size_of::<String>();
    let mut input = Decoder::with_limit(BytesMut::from(&strings[..]), enough);
    input.set_flexible(true);
    assert_eq!(input.array::<String>(0), Ok(vec![String::new(); 2]));
    let mut input = Decoder::with_limit(BytesMut::from(&strings[..]), enough - 1);
    input.set_flexible(true);
    assert_eq!(input.array::<String>(0), Err(WireError::OverLimit { limit: enough - 1 }));
}

#[test]
fn records_are_parts_of_the_frame() {
    let frame = BytesMut::from(&b"\0\0\0\x03abc\0\0\0\x02de\x07"[..]);
    let place = frame.as_ptr() as usize;
    let mut input = Decoder::new(frame);
    let mut first = input.nullable_records().unwrap().unwrap();
    let second = input.bytes().unwrap();
    assert_eq!(first.as_ptr() as usize, place + 4);
    assert_eq!(second.as_ptr() as usize, place + 11);
    first[0] = b'x';
    assert_eq!((&first[..], &second[..]), (&b"xbc"[..], &b"de"[..]));
    assert_eq!(input.i8(), Ok(7));
}

#[test]
fn what_follows_is_an_error_to_those_who_ask() {
    let mut input = decoder(&[0, 1, 2], false);
    assert_eq!(input.i8(), Ok(0));
    assert_eq!(input.remaining(), 2);
    assert_eq!(input.finish(), Err(WireError::TrailingBytes { left: 2 }));
}
