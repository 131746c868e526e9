//! What stands on the metadata chain: entries of typed records, as JSON.
//!
//! Unknown fields are ignored, so that a field can be added without a new format. An unknown type
//! of record means that a newer version wrote it, and is refused: skipping a change of state would
//! make a state of its own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::error::Category;
use thalweg_types::{BrokerId, ProducerId, TopicId, TopicName};

use crate::acl::Acl;
use crate::config::{Overrides, Scope};
use crate::{ClusterError, ClusterId};

/// The newest format of the records that this version reads; it writes the same.
pub const FORMAT: u16 = 1;

/// Records that take effect together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// In the order of their effect.
    pub records: Vec<Record>,
}

/// One change of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// The cluster exists from here on. The first record of every chain.
    ClusterCreated {
        /// Its name for itself.
        id: ClusterId,
    },
    /// From here on records may be of this format.
    FormatRaised {
        /// The format.
        format: u16,
    },
    /// A broker came up.
    BrokerStarted {
        /// Its number.
        broker: BrokerId,
        /// Counts its starts, from 1; a smaller one is gone for good.
        incarnation: u64,
    },
    /// A topic exists from here on.
    TopicCreated {
        /// Names this incarnation of the topic.
        id: TopicId,
        /// Its name.
        name: TopicName,
        /// How many partitions it has.
        partitions: i32,
        /// How many copies its creator asked for.
        replication_factor: i16,
        /// Its own settings.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        configs: Overrides,
    },
    /// A topic and its settings are gone.
    TopicDeleted {
        /// Which one.
        id: TopicId,
    },
    /// A topic has more partitions.
    PartitionsAdded {
        /// Which one.
        id: TopicId,
        /// How many it has now.
        partitions: i32,
    },
    /// A setting has another value.
    ConfigChanged {
        /// What is configured.
        resource: Resource,
        /// The setting's name.
        name: String,
        /// Its value; none if the default counts again.
        value: Option<String>,
    },
    /// Producer ids below this one are given away.
    ProducerIdsReserved {
        /// The first free one.
        next: ProducerId,
    },
    /// An ACL counts from here on.
    AclCreated(Acl),
    /// An ACL counts no more.
    AclDeleted(Acl),
}

/// Something that has settings.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// A topic, by name.
    Topic(TopicName),
    /// One broker.
    Broker(BrokerId),
    /// All brokers: the defaults of each.
    AllBrokers,
    /// A group, by name. It need not exist.
    Group(String),
}

impl Resource {
    /// Which settings it has.
    pub const fn scope(&self) -> Scope {
        match self {
            Self::Topic(_) => Scope::Topic,
            Self::Broker(_) | Self::AllBrokers => Scope::Broker,
            Self::Group(_) => Scope::Group,
        }
    }
}

impl Entry {
    /// The entry as it stands on the chain.
    pub fn encode(&self) -> Result<Vec<u8>, ClusterError> {
        serde_json::to_vec(self).map_err(ClusterError::Encode)
    }

    /// Reads an entry. Its bytes have passed their checksum, so what is well-formed and yet does
    /// not fit comes from a newer version.
    pub fn decode(bytes: &[u8]) -> Result<Self, ClusterError> {
        serde_json::from_slice(bytes).map_err(|error| match error.classify() {
            Category::Data => ClusterError::Newer(error),
            Category::Syntax | Category::Eof | Category::Io => ClusterError::Malformed(error),
        })
    }
}
