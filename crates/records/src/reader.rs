//! Splitting a buffer into batches.

use bytes::Bytes;

use crate::{Batch, BatchHeader, RecordsError};

/// The batches of a buffer, one after the other.
///
/// Each is bounded by what remains. A batch that the buffer cuts short comes as
/// [`RecordsError::Incomplete`]; after any error the iteration ends, and [`rest`](Self::rest) is
/// what was not understood.
#[derive(Clone, Debug)]
pub struct BatchReader {
    rest: Bytes,
    failed: bool,
}

impl BatchReader {
    /// Reads the batches of `buffer`.
    pub const fn new(buffer: Bytes) -> Self {
        Self { rest: buffer, failed: false }
    }

    /// What follows the batches returned so far.
    pub const fn rest(&self) -> &Bytes {
        &self.rest
    }

    fn split_first(&mut self) -> Result<Batch, RecordsError> {
        let header = BatchHeader::parse(&self.rest)?;
        let (needed, available) = (header.total_len(), self.rest.len());
        if needed > available {
            return Err(RecordsError::Incomplete { needed, available });
        }
        Ok(Batch::new(self.rest.split_to(needed), header))
    }
}

impl Iterator for BatchReader {
    type Item = Result<Batch, RecordsError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || self.rest.is_empty() {
            return None;
        }
        let batch = self.split_first();
        self.failed = batch.is_err();
        Some(batch)
    }
}

#[cfg(test)]
mod tests;
