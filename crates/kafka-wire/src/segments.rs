//! A message ready to be sent: pieces of memory and ranges of files, in order.

use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use bytes::Bytes;

/// A file from which ranges are sent.
pub trait FileSource: Send + Sync + 'static {
    /// The descriptor, where there is one, for `sendfile`.
    fn descriptor(&self) -> Option<BorrowedFd<'_>>;

    /// Reads up to `buf.len()` bytes at `offset`; fewer only at the end of the file.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;
}

/// A range of a file, kept open by its handle.
#[derive(Clone)]
pub struct FileRange {
    /// The file.
    pub file: Arc<dyn FileSource>,
    /// Where the range starts, in bytes.
    pub offset: u64,
    /// Its length in bytes.
    pub len: usize,
}

impl PartialEq for FileRange {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.file, &other.file) && self.offset == other.offset && self.len == other.len
    }
}

impl fmt::Debug for FileRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileRange")
            .field("offset", &self.offset)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

/// One piece of a [`Segments`] list.
#[derive(Clone, Debug, PartialEq)]
pub enum Segment {
    /// Bytes in memory, shared rather than copied.
    Bytes(Bytes),
    /// Bytes in a file.
    File(FileRange),
}

impl Segment {
    /// The length in bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::File(range) => range.len,
        }
    }

    /// True if the length is 0.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A list of pieces whose total length is known. Empty pieces are left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Segments {
    parts: Vec<Segment>,
    len: usize,
}

impl Segments {
    /// Appends a piece.
    pub fn push(&mut self, part: Segment) {
        if !part.is_empty() {
            self.len += part.len();
            self.parts.push(part);
        }
    }

    /// The total length in bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if there is not one byte.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The pieces in order.
    pub fn parts(&self) -> &[Segment] {
        &self.parts
    }

    /// The pieces in order, for a sender that uses them up.
    pub fn into_parts(self) -> Vec<Segment> {
        self.parts
    }

    /// All bytes in one piece: without a copy if there is only one in memory, else read and copied.
    /// Fails only where a file cannot be read, or ends inside a range.
    pub fn to_bytes(&self) -> io::Result<Bytes> {
        if let [Segment::Bytes(only)] = self.parts.as_slice() {
            return Ok(only.clone());
        }
        let mut all = Vec::with_capacity(self.len);
        for part in &self.parts {
            match part {
                Segment::Bytes(bytes) => all.extend_from_slice(bytes),
                Segment::File(range) => read_range(range, &mut all)?,
            }
        }
        Ok(all.into())
    }
}

fn read_range(range: &FileRange, all: &mut Vec<u8>) -> io::Result<()> {
    let start = all.len();
    all.resize(start + range.len, 0);
    if range.file.read_at(&mut all[start..], range.offset)? == range.len {
        return Ok(());
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}

impl From<Bytes> for Segments {
    fn from(bytes: Bytes) -> Self {
        let mut segments = Self::default();
        segments.push(Segment::Bytes(bytes));
        segments
    }
}

impl From<FileRange> for Segments {
    fn from(range: FileRange) -> Self {
        let mut segments = Self::default();
        segments.push(Segment::File(range));
        segments
    }
}

impl FromIterator<Segment> for Segments {
    fn from_iter<I: IntoIterator<Item = Segment>>(parts: I) -> Self {
        let mut segments = Self::default();
        parts.into_iter().for_each(|part| segments.push(part));
        segments
    }
}

#[cfg(test)]
mod tests;
