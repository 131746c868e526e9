use proptest::collection::vec;
use proptest::prelude::*;

use super::fuzz;
use crate::{BatchBuilder, Compression, HEADER_LEN, Header};
use thalweg_types::Timestamp;

fn seed(compression: Compression) -> Vec<u8> {
    let headers = [Header { key: "key".into(), value: None }];
    let mut builder = BatchBuilder::new().codec(compression);
    for i in 0..20 {
        builder.push(Timestamp(i), Some(b"key"), Some(&[7; 50]), &headers);
    }
    builder.build().unwrap().as_bytes().to_vec()
}

proptest! {
    #[test]
    fn any_bytes(data in vec(any::<u8>(), 0..200)) {
        fuzz(&data);
    }

    #[test]
    fn damaged_batches(
        codec in proptest::sample::select(&Compression::ALL),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        rest in 0usize..100,
    ) {
        let mut data = seed(codec);
        for (at, to) in damage {
            let at = at.index(data.len());
            data[at] = to;
        }
        data.extend_from_within(..rest);
        fuzz(&data);
        // The same behind a sound header.
        let mut records = vec![codec.id(), 19];
        records.extend_from_slice(&data[HEADER_LEN..]);
        fuzz(&records);
    }
}
