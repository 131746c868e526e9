//! The cluster's name for itself.

use std::fmt;

use serde::{Deserialize, Serialize};
use thalweg_types::TopicId;

/// 22 characters, as Kafka writes a cluster's id. Clients use it to notice that they talk to
/// another cluster than before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClusterId(String);

impl ClusterId {
    /// An id from random bytes.
    pub fn from_random(mut bytes: [u8; 16]) -> Self {
        // Without its first bit an id starts with a letter, and no tool takes it for an option.
        bytes[0] &= 0x7f;
        // Topics' and clusters' ids are written alike.
        Self(TopicId::from_random(bytes).to_string())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
