//! What to append for a request, decided on the state as it is. Nothing changes here: the records
//! count once they stand on the chain, and then for every broker alike.

mod acls;
mod configs;
mod topics;

use std::ops::Range;

use thalweg_types::{BrokerId, ProducerId};

use crate::{ClusterError, ClusterId, ClusterState, FORMAT, Record};

pub use acls::{ACL_TEXT_BYTES_MAX, ACLS_MAX};
pub use topics::{Assignment, NewTopic, TopicDefaults};

/// How many producer ids a broker reserves at a time, as in Kafka.
pub const PRODUCER_IDS_PER_BLOCK: i64 = 1000;

impl ClusterState {
    /// Creates the cluster, if it does not exist.
    pub fn create_cluster(&self, id: ClusterId) -> Vec<Record> {
        match self.id() {
            Some(_) => Vec::new(),
            None => vec![Record::ClusterCreated { id }, Record::FormatRaised { format: FORMAT }],
        }
    }

    /// Tells that a broker came up, under an incarnation that it never had.
    pub fn start_broker(&self, broker: BrokerId) -> Vec<Record> {
        let incarnation =
            self.broker(broker).map_or(0, |known| known.incarnation).saturating_add(1);
        vec![Record::BrokerStarted { broker, incarnation }]
    }

    /// Reserves producer ids for one broker: the ids, and the record that makes them its own.
    pub fn reserve_producer_ids(&self) -> Result<(Range<i64>, Vec<Record>), ClusterError> {
        let first = self.next_producer_id().0;
        let next =
            first.checked_add(PRODUCER_IDS_PER_BLOCK).ok_or(ClusterError::ProducerIdsExhausted)?;
        Ok((first..next, vec![Record::ProducerIdsReserved { next: ProducerId(next) }]))
    }
}
