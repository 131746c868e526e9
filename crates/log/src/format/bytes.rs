//! Little-endian reading with bounds, and writing.

use thalweg_types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};
use thalweg_types::{TopicId, TopicPartition};

/// Reads numbers off the front of a slice. Every read is `None` once the slice is used up.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a>(pub &'a [u8]);

macro_rules! numbers {
    ($($name:ident: $type:ty),*) => {
        impl Reader<'_> {
            $(pub(crate) fn $name(&mut self) -> Option<$type> {
                let (bytes, rest) = self.0.split_first_chunk()?;
                self.0 = rest;
                Some(<$type>::from_le_bytes(*bytes))
            })*
        }
    };
}

numbers!(u8: u8, u16: u16, u32: u32, u64: u64, i16: i16, i32: i32, i64: i64);

impl<'a> Reader<'a> {
    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(crate) fn partition(&mut self) -> Option<TopicPartition> {
        let topic = TopicId::from_bytes(self.take(16)?.try_into().ok()?);
        Some(TopicPartition::new(topic, self.i32()?))
    }

    /// A count of items that each take at least `item_len` bytes of what remains.
    pub(crate) fn count(&mut self, item_len: usize) -> Option<usize> {
        let count = self.u32()? as usize;
        (count <= self.0.len() / item_len).then_some(count)
    }
}

/// Appends numbers to a buffer.
pub(crate) trait Put {
    fn put(&mut self, bytes: &[u8]);

    fn u8(&mut self, n: u8) {
        self.put(&[n]);
    }
    fn u16(&mut self, n: u16) {
        self.put(&n.to_le_bytes());
    }
    fn u32(&mut self, n: u32) {
        self.put(&n.to_le_bytes());
    }
    fn u64(&mut self, n: u64) {
        self.put(&n.to_le_bytes());
    }
    fn offset(&mut self, n: Offset) {
        self.put(&n.0.to_le_bytes());
    }
    fn timestamp(&mut self, n: Timestamp) {
        self.put(&n.0.to_le_bytes());
    }
    fn leader_epoch(&mut self, n: LeaderEpoch) {
        self.put(&n.0.to_le_bytes());
    }
    fn producer(&mut self, id: ProducerId, epoch: ProducerEpoch) {
        self.put(&id.0.to_le_bytes());
        self.put(&epoch.0.to_le_bytes());
    }
    fn sequence(&mut self, n: Sequence) {
        self.put(&n.0.to_le_bytes());
    }
    fn partition(&mut self, id: TopicPartition) {
        self.put(id.topic.as_bytes());
        self.put(&id.partition.to_le_bytes());
    }
}

impl Put for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}
