//! Which topics a group of consumers reads: the one thing that the coordinator reads in their metadata.

use std::collections::BTreeSet;

use bytes::Bytes;
use thalweg_coordination::{DecodeError, Reader};
use thalweg_types::Timestamp;

use super::{ClassicGroup, Phase};
use crate::CommittedOffset;
use crate::durable::DurableState;

/// The shortest name of a topic in an array: its length, 16 bits.
const NAME_LENGTH_MIN: usize = 2;

impl ClassicGroup {
    /// The topics of all members, or `None` if the members are no consumers or cannot be understood.
    pub(super) fn read_subscriptions(&self) -> Option<BTreeSet<String>> {
        if !self.is_consumer_group() {
            return None;
        }
        let mut topics = BTreeSet::new();
        if self.members.is_empty() {
            return Some(topics);
        }
        let protocol = self.protocol.as_ref()?;
        for member in self.members.values() {
            topics.extend(read_topics(member.metadata(protocol)).ok()?);
        }
        Some(topics)
    }

    /// True if the offsets of `topic` are in use. What cannot be understood counts as all topics.
    pub fn is_subscribed_to(&self, topic: &str) -> bool {
        let all = self.is_consumer_group();
        self.subscribed.as_ref().map_or(all, |topics| topics.contains(topic))
    }

    /// Since when an offset of this group has been out of use, or `None` if it is not.
    pub fn idle_since(
        &self,
        offset: &CommittedOffset,
        durable: &DurableState,
    ) -> Option<Timestamp> {
        match self.phase {
            _ if self.protocol_type.is_none() => Some(offset.committed_at),
            Phase::Empty => {
                let since = durable.groups().get(&self.id).map(|group| group.since);
                Some(since.filter(|since| *since != Timestamp::NONE).unwrap_or(offset.committed_at))
            }
            Phase::Stable if self.subscribed.is_some() => Some(offset.committed_at),
            Phase::Stable | Phase::Preparing { .. } | Phase::Completing => None,
        }
    }
}

/// The topics of a consumer's subscription. All versions begin with those of version 0: the version, then
/// the names.
fn read_topics(metadata: Bytes) -> Result<Vec<String>, DecodeError> {
    let mut reader = Reader::new(metadata);
    let version = reader.i16()?;
    if version < 0 {
        return Err(DecodeError::Unknown(version));
    }
    let count = reader.array(NAME_LENGTH_MIN)?;
    (0..count).map(|_| reader.string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscriptions_of_any_version_are_read_by_their_common_beginning() {
        let subscription = b"\0\x03\0\0\0\x02\0\x01a\0\x02bc\xff\xff\xff\xffmore".as_slice();
        assert_eq!(read_topics(Bytes::from_static(subscription)).unwrap(), ["a", "bc"]);
    }

    #[test]
    fn a_claimed_number_of_topics_is_not_believed() {
        let subscription = b"\0\0\x7f\xff\xff\xff".as_slice();
        assert_eq!(read_topics(Bytes::from_static(subscription)), Err(DecodeError::Truncated));
        assert_eq!(read_topics(Bytes::new()), Err(DecodeError::Truncated));
    }
}
