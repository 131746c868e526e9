//! Records of internal topics, and who waits for them.

use bytes::Bytes;

use crate::DecodeError;

/// A record of an internal topic, in Kafka's format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What the record is about; the topic is compacted by it.
    pub key: Bytes,
    /// What is so from now on, or `None`: nothing any more.
    pub value: Option<Bytes>,
}

/// The caller's name for a request in flight. Opaque here; each is answered exactly once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReplyTo(pub u64);

/// Records that could not be replayed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Of a type or version that is not known here; newer brokers write such.
    pub unknown: u64,
    /// Not what they claim to be.
    pub malformed: u64,
}

impl Skipped {
    /// Counts a record that was skipped for this reason.
    pub fn count(&mut self, reason: DecodeError) {
        match reason {
            DecodeError::Unknown(_) => self.unknown += 1,
            _ => self.malformed += 1,
        }
    }
}
