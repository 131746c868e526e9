use bytes::BytesMut;
use proptest::prelude::*;

use super::*;

fn put(value: u64) -> BytesMut {
    let mut out = BytesMut::new();
    put_unsigned(&mut out, value);
    out
}

#[test]
fn known_values() {
    assert_eq!(put(0)[..], [0]);
    assert_eq!(put(127)[..], [0x7f]);
    assert_eq!(put(300)[..], [0xac, 0x02]);
    assert_eq!(put(u64::from(u32::MAX))[..], [0xff, 0xff, 0xff, 0xff, 0x0f]);
    assert_eq!([0, -1, 1, -2].map(zigzag), [0, 1, 2, 3]);
}

#[test]
fn an_unfinished_number_is_truncated() {
    assert!(matches!(unsigned_32(&[]), Err(WireError::Truncated { .. })));
    assert!(matches!(unsigned_32(&[0x80, 0x80]), Err(WireError::Truncated { .. })));
}

#[test]
fn a_number_beyond_its_width_is_refused() {
    let endless = [0x80; 11];
    assert_eq!(unsigned_32(&endless), Err(WireError::VarintTooLong));
    assert_eq!(unsigned_64(&endless), Err(WireError::VarintTooLong));
    assert_eq!(unsigned_32(&put(1 << 32)), Err(WireError::VarintTooLong));
    let mut eleven_bits_too_many = [0xff; 10];
    eleven_bits_too_many[9] = 0x7f;
    assert_eq!(unsigned_64(&eleven_bits_too_many), Err(WireError::VarintTooLong));
}

proptest! {
    #[test]
    fn unsigned_round_trip(value: u64) {
        let bytes = put(value);
        prop_assert_eq!(bytes.len(), unsigned_len(value));
        prop_assert_eq!(unsigned_64(&bytes), Ok((value, bytes.len())));
        let as_32 = u32::try_from(value).map_err(|_| WireError::VarintTooLong);
        prop_assert_eq!(unsigned_32(&bytes).map(|(value, _)| value), as_32);
    }

    #[test]
    fn zigzag_round_trip(value: i64) {
        prop_assert_eq!(unzigzag(zigzag(value)), value);
    }
}
