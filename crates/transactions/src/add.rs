//! `AddPartitionsToTxn` and `AddOffsetsToTxn`: where a transaction writes to.

use std::collections::BTreeSet;

use thalweg_types::TopicName;

use crate::names::{contains, contains_all};
use crate::record::Entry;
use crate::state::CoordinatorState;
use crate::{
    AddOffsets, AddPartitions, AddedPartitions, Now, Outbox, Partitions, Producer, Purpose,
    TransactionError, TransactionMetadata, TransactionState, TransactionVersion, TransactionalId,
};

/// Kafka's topic of committed offsets.
const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// What a record grows by, at most, from the last partition to the end of its transaction.
const ENDING_BYTES: usize = 64;

impl CoordinatorState {
    pub(crate) fn add_or_verify(
        &mut self,
        now: Now,
        request: &AddPartitions,
        out: &mut Outbox,
    ) -> AddedPartitions {
        let AddPartitions { transactional_id: id, producer, partitions, purpose } = request;
        let partitions = match purpose {
            Purpose::Add(version) => {
                let result = self.add(now, id, *producer, (partitions, *version), out);
                each(partitions, |_, _| result)
            }
            Purpose::Verify => match self.verify(id, *producer) {
                Ok(known) => each(partitions, |topic, number| {
                    let is_there = contains(&known.partitions, topic, number);
                    if is_there { Ok(()) } else { Err(TransactionError::TransactionAbortable) }
                }),
                Err(error) => each(partitions, |_, _| Err(error)),
            },
        };
        AddedPartitions { transactional_id: id.clone(), partitions }
    }

    pub(crate) fn add_offsets(
        &mut self,
        now: Now,
        request: &AddOffsets,
        out: &mut Outbox,
    ) -> Result<(), TransactionError> {
        let topic = TopicName::new(OFFSETS_TOPIC).map_err(|_| TransactionError::InvalidRequest)?;
        let partitions = Partitions::from([(topic, BTreeSet::from([request.offsets_partition]))]);
        let added = (&partitions, TransactionVersion::V0);
        self.add(now, &request.transactional_id, request.producer, added, out)
    }

    fn add(
        &mut self,
        now: Now,
        id: &TransactionalId,
        producer: Producer,
        (partitions, version): (&Partitions, TransactionVersion),
        out: &mut Outbox,
    ) -> Result<(), TransactionError> {
        let known = self.durable.get(id).ok_or(TransactionError::InvalidProducerIdMapping)?;
        // Before the producer is compared: it may have heard of its next id already.
        if known.state.ending().is_some() {
            return Err(TransactionError::ConcurrentTransactions);
        }
        known.check_producer(producer)?;
        let is_open = known.state == TransactionState::Ongoing;
        if is_open && contains_all(&known.partitions, partitions) {
            return Ok(());
        }
        let open = known.with_partitions(partitions, version, now.wall);
        self.check_room(id, &open)?;
        self.write(now, id, open, out);
        Ok(())
    }

    /// Only partitions make a record grow, so no other change needs to ask for room.
    fn check_room(
        &self,
        id: &TransactionalId,
        metadata: &TransactionMetadata,
    ) -> Result<(), TransactionError> {
        let entry = Entry { transactional_id: id.clone(), metadata: Some(metadata.clone()) };
        let length = entry.encode().value.map_or(0, |value| value.len());
        let has_room = length + ENDING_BYTES <= self.settings.record_bytes_max;
        if has_room { Ok(()) } else { Err(TransactionError::UnknownServerError) }
    }

    /// The transaction that `producer` has open, or the one before.
    fn verify(
        &self,
        id: &TransactionalId,
        producer: Producer,
    ) -> Result<&TransactionMetadata, TransactionError> {
        let known = self.durable.get(id).ok_or(TransactionError::InvalidProducerIdMapping)?;
        known.check_producer(producer)?;
        if known.state.ending().is_some() {
            return Err(TransactionError::ConcurrentTransactions);
        }
        Ok(known)
    }
}

/// The result for each of `partitions`.
fn each(
    partitions: &Partitions,
    result: impl Fn(&TopicName, i32) -> Result<(), TransactionError>,
) -> Vec<(TopicName, i32, Result<(), TransactionError>)> {
    let numbers = partitions
        .iter()
        .flat_map(|(topic, numbers)| numbers.iter().map(move |number| (topic, *number)));
    numbers.map(|(topic, number)| (topic.clone(), number, result(topic, number))).collect()
}

impl TransactionMetadata {
    /// Whether `producer` is the latest incarnation.
    pub(crate) fn check_producer(&self, producer: Producer) -> Result<(), TransactionError> {
        if producer.id != self.producer.id {
            return Err(TransactionError::InvalidProducerIdMapping);
        }
        if producer.epoch != self.producer.epoch {
            return Err(TransactionError::ProducerFenced);
        }
        Ok(())
    }
}
