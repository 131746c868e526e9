//! A marker of the transaction before that comes late, as one of a coordinator that has waited for long:
//! it has the epoch that the producer has now, and must not end what that has begun (KIP-890).

use std::collections::BTreeSet;

use thalweg_broker::{Broker, BrokerError, MarkerRequest, Producer};
use thalweg_types::TxnOutcome;

use crate::connection::session;
use crate::stage::Target;

/// Sends one to each of `partitions` that has an open transaction of the producer; returns how many
/// were refused.
pub(crate) async fn send(
    broker: &Broker,
    target: &Target,
    producer: Producer,
    partitions: BTreeSet<i32>,
) -> u32 {
    let mut refused = 0;
    for partition in partitions {
        let known = broker.producers(&session(), target.key(), partition).unwrap_or_default();
        let is_meant = known.iter().find(|(id, state)| {
            *id == producer.id && state.epoch == producer.epoch && state.open.is_some()
        });
        let Some((_, state)) = is_meant else { continue };
        let request = MarkerRequest {
            producer,
            outcome: TxnOutcome::Commit,
            coordinator_epoch: state.coordinator_epoch,
            new_epoch: true,
            partitions: vec![(target.name.to_string(), partition)],
        };
        let ended = broker.write_markers(&session(), request).await.unwrap_or_default();
        let is_refused =
            |result: &Result<(), BrokerError>| matches!(result, Err(BrokerError::Producer(_)));
        refused += ended.iter().filter(|ended| is_refused(&ended.result)).count() as u32;
    }
    refused
}
