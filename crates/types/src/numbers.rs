//! Numbers with a meaning.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<$inner> for $name {
            fn from(value: $inner) -> Self {
                Self(value)
            }
        }
    };
}

number! {
    /// The position of a record in its partition, counted from 0. Dense where written, never reused.
    Offset(i64)
}
number! {
    /// Counts the owners of a partition; stamped on each batch (KIP-101, KIP-320).
    LeaderEpoch(i32)
}
number! {
    /// Identifies an idempotent or transactional producer (KIP-98).
    ProducerId(i64)
}
number! {
    /// Counts the incarnations of a producer id; a smaller one is fenced (KIP-98).
    ProducerEpoch(i16)
}
number! {
    /// The number of a record within (producer id, epoch, partition); wraps from 2^31-1 to 0.
    Sequence(i32)
}
number! {
    /// A broker's number in the cluster: `node.id`.
    BrokerId(i32)
}

impl Offset {
    /// The first offset of a partition.
    pub const ZERO: Self = Self(0);
    /// Kafka's "no offset".
    pub const NONE: Self = Self(-1);

    /// The offset `count` records further on.
    #[must_use]
    pub const fn plus(self, count: i64) -> Self {
        Self(self.0 + count)
    }

    /// Records between `earlier` and this offset; negative if `earlier` is the later one.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }
}

impl LeaderEpoch {
    /// Kafka's "no epoch known".
    pub const NONE: Self = Self(-1);
}

impl ProducerId {
    /// A batch that is neither idempotent nor transactional.
    pub const NONE: Self = Self(-1);
}

impl ProducerEpoch {
    /// The epoch of a batch without a producer id.
    pub const NONE: Self = Self(-1);
}

impl Sequence {
    /// The sequence of a batch without a producer id.
    pub const NONE: Self = Self(-1);

    /// The sequence `count` records later, with Kafka's wrap from 2^31-1 to 0.
    #[must_use]
    pub const fn plus(self, count: i32) -> Self {
        Self(((self.0 as i64 + count as i64) & 0x7fff_ffff) as i32)
    }
}
