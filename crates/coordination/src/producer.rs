//! Who writes in transactions.

use std::fmt;

use thalweg_types::{ProducerEpoch, ProducerId};

/// One incarnation of a producer. A greater epoch fences the smaller ones of its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Producer {
    /// The producer.
    pub id: ProducerId,
    /// Its incarnation.
    pub epoch: ProducerEpoch,
}

impl Producer {
    /// The incarnation `epoch` of `id`.
    pub const fn new(id: ProducerId, epoch: ProducerEpoch) -> Self {
        Self { id, epoch }
    }

    /// True for the id and the epoch of a producer that exists, or existed.
    pub const fn is_valid(self) -> bool {
        self.id.0 >= 0 && self.epoch.0 >= 0
    }
}

impl fmt::Display for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.id, self.epoch)
    }
}
