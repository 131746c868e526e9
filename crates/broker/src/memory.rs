//! A budget of memory that many requests share.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The budget counts in pages of this many bytes.
const PAGE: usize = 1 << 10;

/// A number of bytes that may be in use at once. Cheap to clone. Who waits is served in order.
#[derive(Clone, Debug)]
pub struct MemoryBudget {
    pages: Arc<Semaphore>,
    total: u32,
}

/// A part of a [`MemoryBudget`], given back when dropped.
#[derive(Debug, Default)]
pub struct MemoryPermit(Option<OwnedSemaphorePermit>);

impl MemoryBudget {
    /// A budget of `bytes`, rounded up to whole kibibytes.
    pub fn new(bytes: usize) -> Self {
        let total = pages(bytes).max(1);
        Self { pages: Arc::new(Semaphore::new(total as usize)), total }
    }

    /// Waits until `bytes` are free, and takes them. More than the whole budget counts as all of
    /// it, so that one too large request passes alone instead of never.
    pub async fn acquire(&self, bytes: usize) -> MemoryPermit {
        let wanted = pages(bytes).min(self.total);
        // The semaphore is never closed.
        MemoryPermit(Arc::clone(&self.pages).acquire_many_owned(wanted).await.ok())
    }

    /// Takes `bytes` if they are free now.
    pub fn try_acquire(&self, bytes: usize) -> Option<MemoryPermit> {
        let permit = Arc::clone(&self.pages).try_acquire_many_owned(pages(bytes)).ok()?;
        Some(MemoryPermit(Some(permit)))
    }

    /// Bytes that are free now.
    pub fn available(&self) -> usize {
        self.pages.available_permits() * PAGE
    }
}

impl MemoryPermit {
    /// Gives back all but `bytes`.
    pub fn shrink_to(&mut self, bytes: usize) {
        let Some(permit) = &mut self.0 else { return };
        let surplus = permit.num_permits().saturating_sub(pages(bytes) as usize);
        drop(permit.split(surplus));
    }

    /// Joins two parts of the same budget.
    pub fn merge(&mut self, other: Self) {
        match (&mut self.0, other.0) {
            (Some(permit), Some(other)) => permit.merge(other),
            (empty @ None, other) => *empty = other,
            (Some(_), None) => {}
        }
    }
}

fn pages(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(PAGE)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_shrink_merge_and_return() {
        let budget = MemoryBudget::new(10 * PAGE);
        let mut first = budget.try_acquire(8 * PAGE).unwrap();
        assert!(budget.try_acquire(3 * PAGE).is_none());
        first.shrink_to(2 * PAGE);
        assert_eq!(budget.available(), 8 * PAGE);
        first.merge(budget.try_acquire(8 * PAGE).unwrap());
        assert_eq!(budget.available(), 0);
        drop(first);
        assert_eq!(budget.available(), 10 * PAGE);
    }
}
