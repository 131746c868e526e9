//! XXH32 with seed 0, the checksum of LZ4 frames.

const PRIMES: [u32; 5] = [0x9E37_79B1, 0x85EB_CA77, 0xC2B2_AE3D, 0x27D4_EB2F, 0x1656_67B1];
const STRIPE: usize = 16;

/// The XXH32 of `input`.
pub(super) fn xxh32(input: &[u8]) -> u32 {
    let (stripes, tail) = input.as_chunks::<STRIPE>();
    let start = if stripes.is_empty() { PRIMES[4] } else { mix_stripes(stripes) };
    let mut hash = start.wrapping_add(input.len() as u32);

    let (words, bytes) = tail.as_chunks::<4>();
    for word in words {
        hash = hash.wrapping_add(u32::from_le_bytes(*word).wrapping_mul(PRIMES[2]));
        hash = hash.rotate_left(17).wrapping_mul(PRIMES[3]);
    }
    for byte in bytes {
        hash = hash.wrapping_add(u32::from(*byte).wrapping_mul(PRIMES[4]));
        hash = hash.rotate_left(11).wrapping_mul(PRIMES[0]);
    }
    avalanche(hash)
}

/// Four lanes, each fed with every fourth word.
fn mix_stripes(stripes: &[[u8; STRIPE]]) -> u32 {
    let mut lanes = [PRIMES[0].wrapping_add(PRIMES[1]), PRIMES[1], 0, PRIMES[0].wrapping_neg()];
    for stripe in stripes {
        let (words, _) = stripe.as_chunks::<4>();
        for (lane, word) in lanes.iter_mut().zip(words) {
            let fed = lane.wrapping_add(u32::from_le_bytes(*word).wrapping_mul(PRIMES[1]));
            *lane = fed.rotate_left(13).wrapping_mul(PRIMES[0]);
        }
    }
    let rotations = [1, 7, 12, 18];
    lanes.iter().zip(rotations).fold(0, |sum, (lane, by)| sum.wrapping_add(lane.rotate_left(by)))
}

const fn avalanche(mut hash: u32) -> u32 {
    hash = (hash ^ hash >> 15).wrapping_mul(PRIMES[1]);
    hash = (hash ^ hash >> 13).wrapping_mul(PRIMES[2]);
    hash ^ hash >> 16
}

#[cfg(test)]
mod tests {
    use super::xxh32;

    #[test]
    fn published_values_come_out() {
        assert_eq!(xxh32(b""), 0x02CC_5D05);
        assert_eq!(xxh32(b"a"), 0x550D_7456);
        assert_eq!(xxh32(b"abc"), 0x32D1_53FF);
        assert_eq!(xxh32(b"Nobody inspects the spammish repetition"), 0xE229_3B2F);
    }
}
