use std::io::{Read, Write};

use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const CODECS: [Compression; 4] =
    [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];

fn compress(compression: Compression, input: &[u8]) -> BytesMut {
    let mut out = BytesMut::new();
    Codec::from(compression).compress(input, &mut out).unwrap();
    out
}

/// Runs and noise, so that blocks compress, do not compress, and refer far back.
fn content() -> impl Strategy<Value = Vec<u8>> {
    let run = (any::<u8>(), 1usize..90_000).prop_map(|(byte, len)| vec![byte; len]);
    vec(prop_oneof![run, vec(any::<u8>(), 0..70_000)], 0..5).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn what_is_compressed_decompresses(input in content()) {
        for compression in Compression::ALL {
            let compressed = compress(compression, &input);
            prop_assert_eq!(&*compression.decompress(&compressed, input.len()).unwrap(), &input);
            if let Some(limit) = input.len().checked_sub(1) {
                let error = compression.decompress(&compressed, limit).unwrap_err();
                prop_assert!(matches!(error, RecordsError::DecompressedTooLarge { .. }), "{error}");
            }
        }
    }

    #[test]
    fn frames_of_every_kind_are_read(
        input in content(),
        linked: bool,
        block_checksums: bool,
        content_checksum: bool,
        sized: bool,
        size_code in 4u8..=7,
    ) {
        let sizes = [BlockSize::Max64KB, BlockSize::Max256KB, BlockSize::Max1MB, BlockSize::Max4MB];
        let info = FrameInfo::new()
            .block_mode(if linked { BlockMode::Linked } else { BlockMode::Independent })
            .block_checksums(block_checksums)
            .content_checksum(content_checksum)
            .content_size(sized.then_some(input.len() as u64))
            .block_size(sizes[usize::from(size_code - 4)]);
        let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
        encoder.write_all(&input).unwrap();
        let frame = encoder.finish().unwrap();
        let read = Compression::Lz4.decompress(&frame, input.len()).unwrap();
        prop_assert_eq!(&*read, &input);
    }

    #[test]
    fn our_frames_are_read_by_others(input in content()) {
        let frame = compress(Compression::Lz4, &input);
        let mut read = Vec::new();
        FrameDecoder::new(frame.as_ref()).read_to_end(&mut read).unwrap();
        prop_assert_eq!(read, input);
    }

    #[test]
    fn damage_never_panics_nor_exceeds_the_limit(
        at: prop::sample::Index,
        to: u8,
        cut: prop::sample::Index,
    ) {
        let input: Vec<u8> = (0..5_000u32).flat_map(|i| (i / 3).to_le_bytes()).collect();
        for compression in CODECS {
            let mut damaged = compress(compression, &input);
            let at = at.index(damaged.len());
            damaged[at] = to;
            damaged.truncate(cut.index(damaged.len()) + 1);
            if let Ok(output) = compression.decompress(&damaged, input.len()) {
                prop_assert!(output.len() <= input.len());
            }
        }
    }
}

#[test]
fn large_output_takes_its_room_once_and_no_more_than_the_limit() {
    let input = vec![7; SMALL_DECOMPRESSED_MAX + 1];
    for compression in CODECS {
        let compressed = compress(compression, &input);
        for limit in [SMALL_DECOMPRESSED_MAX + 1, 2 * Output::LARGE] {
            let output = compression.decompress(&compressed, limit).unwrap().into_owned();
            assert_eq!(output, input);
            assert_eq!(output.capacity(), limit.min(Output::LARGE), "{compression}");
        }
    }
}

#[test]
fn damaged_checksums_of_lz4_frames_are_noticed() {
    let info = FrameInfo::new().block_checksums(true).content_checksum(true);
    let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(b"some content that is long enough to be worth a checksum").unwrap();
    let frame = encoder.finish().unwrap();
    assert!(Compression::Lz4.decompress(&frame, 1 << 10).is_ok());
    let content_checksum = frame.len() - 1;
    let block_checksum = frame.len() - 12;
    for at in [4, 5, 6, block_checksum, content_checksum] {
        let mut damaged = frame.clone();
        damaged[at] ^= 0x10;
        let read = Compression::Lz4.decompress(&damaged, 1 << 10);
        assert!(matches!(read, Err(RecordsError::Decompress { .. })), "byte {at}");
    }
}

#[test]
fn bombs_stop_at_the_limit() {
    const LIMIT: usize = 16 << 10;
    let zeros = vec![0; 1_000 * LIMIT];
    for compression in CODECS {
        let bomb = compress(compression, &zeros);
        let error = compression.decompress(&bomb, LIMIT).unwrap_err();
        assert!(matches!(error, RecordsError::DecompressedTooLarge { limit: LIMIT }), "{error}");
        let Cow::Owned(output) = compression.decompress(&bomb, zeros.len()).unwrap() else {
            panic!("{compression} did not decompress");
        };
        assert!(output.capacity() <= zeros.len(), "{compression} allocated beyond the limit");
    }
}

#[test]
fn memory_serves_again_and_again_even_after_an_error() {
    let (large, small) = (vec![7; SMALL_DECOMPRESSED_MAX + 1], b"abc".repeat(100));
    let mut memory = Vec::new();
    for compression in CODECS {
        let (large, small) = (compress(compression, &large), compress(compression, &small));
        let error = compression.decompress_in(&mut memory, &large, SMALL_DECOMPRESSED_MAX);
        assert!(matches!(error, Err(RecordsError::DecompressedTooLarge { .. })), "{compression}");
        compression.decompress_in(&mut memory, &large, Output::LARGE).unwrap();
        assert_eq!(memory, vec![7; SMALL_DECOMPRESSED_MAX + 1], "{compression}");
        let place = memory.as_ptr();
        compression.decompress_in(&mut memory, &small, Output::LARGE).unwrap();
        assert_eq!(memory, b"abc".repeat(100), "{compression}");
        assert_eq!(memory.as_ptr(), place, "{compression}");
    }
}

#[test]
fn output_grows_geometrically_up_to_the_limit() {
    const LIMIT: usize = 100_000;
    let mut memory = Vec::new();
    let mut out = Output::new(&mut memory, 1, LIMIT);
    let mut capacities = Vec::new();
    for _ in 0..LIMIT {
        out.grow(1).unwrap();
        capacities.push(out.bytes.capacity());
    }
    capacities.dedup();
    assert!(capacities.len() <= 6, "{capacities:?}");
    assert_eq!(capacities.last(), Some(&LIMIT));
    assert!(matches!(out.grow(1), Err(RecordsError::DecompressedTooLarge { limit: LIMIT })));
}

#[test]
fn raw_and_repeated_snappy_is_read() {
    let input = b"snappy snappy snappy snappy";
    let raw = snap::raw::Encoder::new().compress_vec(input).unwrap();
    assert_eq!(&*Compression::Snappy.decompress(&raw, 100).unwrap(), input);
    let framed = compress(Compression::Snappy, input);
    let twice = [framed.clone(), framed].concat();
    let read = Compression::Snappy.decompress(&twice, 100).unwrap();
    assert_eq!(read.into_owned(), [input.as_slice(), input].concat());
}

#[test]
fn a_claimed_length_allocates_nothing() {
    // Raw snappy that claims 4 GiB less one byte.
    let claim = [0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0];
    let error = Compression::Snappy.decompress(&claim, usize::MAX).unwrap_err();
    assert!(matches!(error, RecordsError::Decompress { .. }), "{error}");
}

#[test]
fn empty_input_is_no_stream() {
    for compression in CODECS {
        let read = compression.decompress(&[], 10);
        assert!(read.is_err() || compression == Compression::Zstd, "{compression}");
        let nothing = compress(compression, &[]);
        assert!(compression.decompress(&nothing, 0).unwrap().is_empty());
    }
}
