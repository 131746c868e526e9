//! Memory for requests in flight.

use thalweg_broker::{MemoryBudget, MemoryPermit};

/// Requests up to this size never wait for larger ones.
const SMALL_REQUEST_BYTES: usize = 16 << 10;

/// The share of the memory, as a divisor, that is kept for small requests.
const SMALL_SHARE: usize = 4;

/// A budget in two parts, so that clients who announce much and send slowly do not keep heartbeats
/// waiting. A request takes its memory from one part, at once: nobody waits while holding some.
#[derive(Clone, Debug)]
pub(crate) struct RequestMemory {
    small: MemoryBudget,
    large: MemoryBudget,
}

impl RequestMemory {
    pub fn new(bytes: usize) -> Self {
        let small = bytes / SMALL_SHARE;
        Self { small: MemoryBudget::new(small), large: MemoryBudget::new(bytes - small) }
    }

    /// Waits for the memory of one request.
    pub async fn acquire(&self, bytes: usize) -> MemoryPermit {
        let part = if bytes <= SMALL_REQUEST_BYTES { &self.small } else { &self.large };
        part.acquire(bytes).await
    }

    /// Bytes that are free.
    pub fn available(&self) -> usize {
        self.small.available() + self.large.available()
    }
}
