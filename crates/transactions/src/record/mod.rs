//! The records of `__transaction_state`, in Kafka's formats.
//!
//! | key | value | written as |
//! |---|---|---|
//! | 0 `TransactionLogKey`: transactional id | `TransactionLogValue` 0–1 | 1 (KIP-890: with tagged fields) |
//!
//! One tagged field is not Kafka's: the epoch that may ask again (see
//! [`TransactionMetadata::last_epoch`]). Kafka skips it, as it skips every tag that it does not know.

use std::collections::BTreeSet;

use bytes::Bytes;
use thalweg_coordination::{DecodeError, Reader, Record, Writer};
use thalweg_types::{ProducerEpoch, ProducerId, Timestamp, TopicName};

use crate::{
    Partitions, Producer, TransactionMetadata, TransactionState, TransactionVersion,
    TransactionalId,
};

const KEY: i16 = 0;
const PLAIN_VALUE: i16 = 0;
const COMPACT_VALUE: i16 = 1;
/// A topic's name and the number of its partitions, each at its shortest.
const TOPIC_LENGTH_MIN: usize = 2;
const PARTITION_LENGTH: usize = 4;

const PREVIOUS_PRODUCER_ID: u32 = 0;
const NEXT_PRODUCER_ID: u32 = 1;
const CLIENT_VERSION: u32 = 2;
/// Not Kafka's, and far from the numbers that Kafka gives out one after the other.
const LAST_EPOCH: u32 = 1_000;

/// A record, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub transactional_id: TransactionalId,
    /// `None`: it is gone.
    pub metadata: Option<TransactionMetadata>,
}

impl Entry {
    /// The entry in `record`.
    pub fn decode(record: &Record) -> Result<Self, DecodeError> {
        let mut key = Reader::new(record.key.clone());
        let version = key.i16()?;
        if version != KEY {
            return Err(DecodeError::Unknown(version));
        }
        let transactional_id =
            TransactionalId::new(&key.string()?).map_err(|_| DecodeError::Name)?;
        let metadata = record.value.clone().map(decode_value).transpose()?;
        Ok(Self { transactional_id, metadata })
    }

    /// The record for this entry.
    pub fn encode(&self) -> Record {
        let mut key = Writer::new(KEY);
        key.string(self.transactional_id.as_str());
        Record { key: key.finish_bounded(), value: self.metadata.as_ref().map(encode_value) }
    }
}

fn decode_value(value: Bytes) -> Result<TransactionMetadata, DecodeError> {
    let mut value = Reader::new(value);
    let version = value.i16()?;
    if !(PLAIN_VALUE..=COMPACT_VALUE).contains(&version) {
        return Err(DecodeError::Unknown(version));
    }
    value.set_compact(version >= COMPACT_VALUE);
    let id = ProducerId(value.i64()?);
    let epoch = ProducerEpoch(value.i16()?);
    let timeout_ms = value.i32()?;
    let state = state_of(value.i8()?)?;
    let partitions = decode_partitions(&mut value)?;
    let mut metadata = TransactionMetadata {
        producer: Producer::new(id, epoch),
        previous_producer_id: ProducerId::NONE,
        next_producer_id: None,
        last_epoch: None,
        timeout_ms,
        state,
        partitions: if state == TransactionState::Empty { Partitions::new() } else { partitions },
        updated_at: Timestamp(value.i64()?),
        started_at: Timestamp(value.i64()?),
        version: TransactionVersion::V0,
    };
    value.tagged(|tag, field| {
        match tag {
            PREVIOUS_PRODUCER_ID => metadata.previous_producer_id = ProducerId(field.i64()?),
            NEXT_PRODUCER_ID => metadata.next_producer_id = some_id(field.i64()?),
            CLIENT_VERSION => metadata.version = version_of(field.i16()?)?,
            LAST_EPOCH => metadata.last_epoch = Some(ProducerEpoch(field.i16()?)),
            _ => {}
        }
        Ok(())
    })?;
    Ok(metadata)
}

fn decode_partitions(value: &mut Reader) -> Result<Partitions, DecodeError> {
    let mut partitions = Partitions::new();
    for _ in 0..value.nullable_array(TOPIC_LENGTH_MIN)?.unwrap_or(0) {
        let topic = TopicName::new(&value.string()?).map_err(|_| DecodeError::Name)?;
        let count = value.nullable_array(PARTITION_LENGTH)?.ok_or(DecodeError::Length)?;
        let numbers = (0..count).map(|_| value.i32()).collect::<Result<BTreeSet<_>, _>>()?;
        value.tagged(|_, _| Ok(()))?;
        if !numbers.is_empty() {
            partitions.entry(topic).or_default().extend(numbers);
        }
    }
    Ok(partitions)
}

fn encode_value(metadata: &TransactionMetadata) -> Bytes {
    let mut value = Writer::new_compact(COMPACT_VALUE);
    value.i64(metadata.producer.id.0);
    value.i16(metadata.producer.epoch.0);
    value.i32(metadata.timeout_ms);
    value.i8(number_of(metadata.state));
    encode_partitions(metadata, &mut value);
    value.i64(metadata.updated_at.0);
    value.i64(metadata.started_at.0);
    encode_tagged(metadata, &mut value);
    value.finish_bounded()
}

fn encode_partitions(metadata: &TransactionMetadata, value: &mut Writer) {
    let is_empty = metadata.state == TransactionState::Empty;
    value.array((!is_empty).then_some(metadata.partitions.len()));
    for (topic, numbers) in &metadata.partitions {
        value.string(topic.as_str());
        value.array(Some(numbers.len()));
        for number in numbers {
            value.i32(*number);
        }
        value.tagged(&[]);
    }
}

/// What has its default value is left out, as Kafka does.
fn encode_tagged(metadata: &TransactionMetadata, value: &mut Writer) {
    let previous = metadata.previous_producer_id.0.to_be_bytes();
    let next = metadata.next_producer_id.unwrap_or(ProducerId::NONE).0.to_be_bytes();
    let version = metadata.version.level().to_be_bytes();
    let last_epoch = metadata.last_epoch.unwrap_or(ProducerEpoch::NONE).0.to_be_bytes();
    let fields: [(bool, u32, &[u8]); 4] = [
        (metadata.previous_producer_id != ProducerId::NONE, PREVIOUS_PRODUCER_ID, &previous),
        (metadata.next_producer_id.is_some(), NEXT_PRODUCER_ID, &next),
        (metadata.version != TransactionVersion::V0, CLIENT_VERSION, &version),
        (metadata.last_epoch.is_some(), LAST_EPOCH, &last_epoch),
    ];
    let present: Vec<_> = fields
        .into_iter()
        .filter_map(|(is_present, tag, bytes)| is_present.then_some((tag, bytes)))
        .collect();
    value.tagged(&present);
}

fn some_id(id: i64) -> Option<ProducerId> {
    (ProducerId(id) != ProducerId::NONE).then_some(ProducerId(id))
}

fn version_of(level: i16) -> Result<TransactionVersion, DecodeError> {
    TransactionVersion::from_level(level).ok_or(DecodeError::Number)
}

fn number_of(state: TransactionState) -> i8 {
    match state {
        TransactionState::Empty => 0,
        TransactionState::Ongoing => 1,
        TransactionState::PrepareCommit => 2,
        TransactionState::PrepareAbort => 3,
        TransactionState::CompleteCommit => 4,
        TransactionState::CompleteAbort => 5,
    }
}

/// Kafka has two more states, 6 and 7, that it never writes.
fn state_of(number: i8) -> Result<TransactionState, DecodeError> {
    let mut states = TransactionState::ALL.into_iter();
    states.find(|state| number_of(*state) == number).ok_or(DecodeError::Number)
}

#[cfg(test)]
mod tests;
