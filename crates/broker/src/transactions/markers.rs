//! Writing the ends of transactions to the partitions that they have touched.

use std::sync::Arc;

use thalweg_cluster::acl::{AclOperation, AclTarget};
use thalweg_log::planted::{self, Bug};
use thalweg_log::{self as log, LogError};
use thalweg_transactions::{Marker, MarkerReport, Partitions, Producer};
use thalweg_types::{ProducerEpoch, TxnOutcome};
use tokio::sync::oneshot;

use crate::groups::{Command, GroupCoordinators};
use crate::metadata::TableCell;
use crate::topics::OFFSETS_TOPIC;
use crate::{Broker, BrokerError, Session, TopicKey};

/// Writes markers.
pub(crate) struct Markers {
    pub table: Arc<TableCell>,
    pub groups: Arc<GroupCoordinators>,
}

/// A marker that an administrator, or another broker, wants written.
#[derive(Clone, Debug)]
pub struct MarkerRequest {
    /// Whose transaction ends, and the epoch that the marker carries.
    pub producer: Producer,
    /// How it ends.
    pub outcome: TxnOutcome,
    /// The epoch of the coordinator that decided.
    pub coordinator_epoch: i32,
    /// True if the epoch must be greater than that of the transaction's records (KIP-890).
    pub new_epoch: bool,
    /// Where.
    pub partitions: Vec<(String, i32)>,
}

/// What became of a marker in one partition.
#[derive(Debug)]
pub struct EndedPartition {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// Whether the marker is durable there.
    pub result: Result<(), BrokerError>,
}

impl Markers {
    /// Writes a coordinator's marker, and says where it is durable.
    pub async fn write(&self, marker: Marker) -> MarkerReport {
        let Marker {
            transactional_id,
            round,
            producer,
            coordinator_epoch,
            outcome,
            version,
            partitions,
        } = marker;
        let marker = log_marker(producer, outcome, coordinator_epoch.0, version.bumps_epoch());
        let mut ends = Vec::new();
        for (topic, numbers) in partitions {
            for number in numbers {
                ends.push((
                    topic.clone(),
                    number,
                    self.begin(topic.as_str(), number, marker).await,
                ));
            }
        }
        let (mut settled, mut failed) = (Partitions::new(), Partitions::new());
        for (topic, number, end) in ends {
            let place = match settle(end).await {
                // Where a partition is gone there is nothing to end.
                Ok(()) | Err(BrokerError::UnknownTopicOrPartition) => &mut settled,
                Err(error) => {
                    tracing::debug!(%transactional_id, %topic, number, %error, "marker");
                    &mut failed
                }
            };
            place.entry(topic).or_default().insert(number);
        }
        MarkerReport { transactional_id, round, settled, failed }
    }

    /// Hands a marker to a partition, in the order of the calls.
    async fn begin(
        &self,
        topic: &str,
        number: i32,
        marker: log::Marker,
    ) -> Result<Ending, BrokerError> {
        let partition = self.table.get().partition(TopicKey::Name(topic), number)?.clone();
        if topic != OFFSETS_TOPIC {
            return Ok(Ending::InLog(partition.append_marker(marker)?.ticket));
        }
        // The group coordinator has to know which offsets count from now on.
        let senders = self.groups.senders();
        let sender = usize::try_from(number).ok().and_then(|number| senders.get(number));
        let (done, ended) = oneshot::channel();
        let command = Command::End { marker, done };
        sender
            .ok_or(BrokerError::Closing)?
            .send(command)
            .await
            .map_err(|_| BrokerError::Closing)?;
        Ok(Ending::InGroups(ended))
    }
}

/// A marker on its way.
enum Ending {
    InLog(log::Ticket),
    InGroups(oneshot::Receiver<Result<(), log::ProducerError>>),
}

async fn settle(ending: Result<Ending, BrokerError>) -> Result<(), BrokerError> {
    match ending? {
        Ending::InLog(ticket) => Ok(ticket.wait().await?),
        Ending::InGroups(ended) => {
            // A coordinator that loses its machine drops the marker with it.
            let lost = |_| BrokerError::Storage(LogError::WriteFailed);
            Ok(ended.await.map_err(lost)??)
        }
    }
}

fn log_marker(
    producer: Producer,
    outcome: TxnOutcome,
    coordinator_epoch: i32,
    new_epoch: bool,
) -> log::Marker {
    let is_old = new_epoch && planted::is(Bug::MarkerWithOldEpoch);
    log::Marker {
        producer_id: producer.id,
        producer_epoch: ProducerEpoch(producer.epoch.0 - i16::from(is_old)),
        outcome,
        coordinator_epoch,
        new_epoch: new_epoch && !is_old,
    }
}

impl Broker {
    /// Writes a marker to partitions, whatever the transaction's coordinator thinks: for an
    /// administrator who ends a transaction that nobody else ends, and for other brokers.
    pub async fn write_markers(
        &self,
        session: &Session,
        request: MarkerRequest,
    ) -> Result<Vec<EndedPartition>, BrokerError> {
        let table = self.table();
        let alter = table.authorize(session, AclOperation::Alter, AclTarget::CLUSTER);
        alter.or_else(|_| table.authorize_cluster_action(session))?;
        let MarkerRequest { producer, outcome, coordinator_epoch, new_epoch, partitions } = request;
        let marker = log_marker(producer, outcome, coordinator_epoch, new_epoch);
        let markers = &self.shared.markers;
        let mut ends = Vec::with_capacity(partitions.len());
        for (topic, partition) in partitions {
            let ending = markers.begin(&topic, partition, marker).await;
            ends.push((topic, partition, ending));
        }
        let mut ended = Vec::with_capacity(ends.len());
        for (topic, partition, ending) in ends {
            ended.push(EndedPartition { topic, partition, result: settle(ending).await });
        }
        Ok(ended)
    }
}
