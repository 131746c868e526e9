//! Topics and partitions.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::TOPIC_NAME_LENGTH_MAX;

/// Names one incarnation of a topic: a topic that is deleted and created again gets a new id (KIP-516).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct TopicId(pub Uuid);

impl TopicId {
    /// Kafka's "no id": all zero.
    pub const ZERO: Self = Self(Uuid::nil());

    /// A version 4 id from random bytes, which the caller takes from its `Env`.
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }

    /// The id with these bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// The id's sixteen bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// True for the id that stands for "none".
    pub const fn is_zero(self) -> bool {
        self.0.is_nil()
    }
}

impl fmt::Display for TopicId {
    /// URL-safe base64 without padding, as Kafka's tools print ids.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const ALPHABET: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        for group in self.0.as_bytes().chunks(3) {
            let bits = group.iter().fold(0u32, |acc, b| acc << 8 | u32::from(*b))
                << (8 * (3 - group.len()));
            for digit in 0..=group.len() {
                let index = (bits >> (18 - 6 * digit)) & 63;
                write!(f, "{}", char::from(ALPHABET[index as usize]))?;
            }
        }
        Ok(())
    }
}

/// A partition of one incarnation of a topic.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct TopicPartition {
    /// The topic's id.
    pub topic: TopicId,
    /// The partition's number, from 0.
    pub partition: i32,
}

impl TopicPartition {
    /// The partition `partition` of `topic`.
    pub const fn new(topic: TopicId, partition: i32) -> Self {
        Self { topic, partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// A legal topic name: 1 to 249 characters of `a-z A-Z 0-9 . _ -`, neither `.` nor `..`.
/// Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TopicName(Arc<str>);

/// Why a string is no topic name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTopicName {
    /// The empty string.
    #[error("the empty string is not allowed")]
    Empty,
    /// `.` or `..`.
    #[error("'.' and '..' are not allowed")]
    Dots,
    /// More than [`TOPIC_NAME_LENGTH_MAX`] characters.
    #[error("the length of '{0}' is longer than the max allowed length {TOPIC_NAME_LENGTH_MAX}")]
    TooLong(String),
    /// A character outside the alphabet.
    #[error(
        "'{0}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
    )]
    Character(String),
}

impl TopicName {
    /// Checks `name` by Kafka's rules (`org.apache.kafka.common.internals.Topic.validate`).
    pub fn new(name: &str) -> Result<Self, InvalidTopicName> {
        let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        match name {
            "" => Err(InvalidTopicName::Empty),
            "." | ".." => Err(InvalidTopicName::Dots),
            _ if name.len() > TOPIC_NAME_LENGTH_MAX => {
                Err(InvalidTopicName::TooLong(name.chars().take(300).collect()))
            }
            _ if !name.bytes().all(legal) => Err(InvalidTopicName::Character(name.to_owned())),
            _ => Ok(Self(name.into())),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for TopicName {
    type Error = InvalidTopicName;

    fn try_from(name: String) -> Result<Self, InvalidTopicName> {
        Self::new(&name)
    }
}

impl From<TopicName> for String {
    fn from(name: TopicName) -> Self {
        name.0.as_ref().to_owned()
    }
}

impl std::borrow::Borrow<str> for TopicName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topic_ids_print_as_kafka_prints_them() {
        let id = TopicId(Uuid::from_u128(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10));
        assert_eq!(id.to_string(), "AQIDBAUGBwgJCgsMDQ4PEA");
    }

    #[test]
    fn topic_names_follow_kafkas_rules() {
        assert!(TopicName::new("a.b_c-1").is_ok());
        assert_eq!(TopicName::new(""), Err(InvalidTopicName::Empty));
        assert_eq!(TopicName::new(".."), Err(InvalidTopicName::Dots));
        assert!(matches!(TopicName::new(&"x".repeat(250)), Err(InvalidTopicName::TooLong(_))));
        assert!(matches!(TopicName::new("a b"), Err(InvalidTopicName::Character(_))));
    }
}
