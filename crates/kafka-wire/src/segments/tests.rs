use super::*;

struct Letters;

impl FileSource for Letters {
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let letters = &b"abcdefgh"[offset as usize..];
        let len = letters.len().min(buf.len());
        buf[..len].copy_from_slice(&letters[..len]);
        Ok(len)
    }
}

fn range(offset: u64, len: usize) -> Segment {
    Segment::File(FileRange { file: Arc::new(Letters), offset, len })
}

#[test]
fn memory_and_files_are_read_in_order() {
    let parts = [range(2, 3), Segment::Bytes(Bytes::new()), Segment::Bytes("xy".into())];
    let segments: Segments = parts.into_iter().collect();
    assert_eq!((segments.len(), segments.parts().len()), (5, 2));
    assert_eq!(segments.to_bytes().unwrap(), "cdexy");
}

#[test]
fn a_file_that_ends_too_soon_is_an_error() {
    let segments: Segments = [range(6, 3)].into_iter().collect();
    assert_eq!(segments.to_bytes().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
}
