//! What transactional producers ask of their coordinator.

use std::ops::RangeInclusive;

use thalweg_kafka_wire::messages::add_partitions_to_txn_request::{
    AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction,
};
use thalweg_kafka_wire::messages::add_partitions_to_txn_response::AddPartitionsToTxnTopicResult;
use thalweg_kafka_wire::messages::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnRequest,
    AddPartitionsToTxnResponse, EndTxnRequest, EndTxnResponse, InitProducerIdRequest,
    InitProducerIdResponse,
};

use super::{Claim, Place, by_topic};
use crate::answer::Answer;
use crate::failure::Failure;
use crate::names::{Names, Pid};
use crate::pair::Ask;

/// A producer id for a new or resumed producer.
#[derive(Clone, Debug)]
pub struct InitProducer {
    /// The transactional id, if it has one.
    pub id: Option<String>,
    /// The transaction timeout.
    pub timeout_ms: i32,
    /// The producer id that it goes on with.
    pub producer: Pid,
    /// Its epoch.
    pub epoch: i16,
}

impl Ask for InitProducer {
    type Request = InitProducerIdRequest;

    fn versions(&self) -> RangeInclusive<i16> {
        if (self.producer, self.epoch) == (Pid::None, -1) { 0..=5 } else { 3..=5 }
    }

    fn request(&self, _: i16, names: &Names) -> Result<InitProducerIdRequest, Failure> {
        Ok(InitProducerIdRequest {
            transactional_id: self.id.clone(),
            transaction_timeout_ms: self.timeout_ms,
            producer_id: names.producer_id(self.producer),
            producer_epoch: self.epoch,
            ..Default::default()
        })
    }

    fn answer(&self, _: i16, names: &mut Names, response: InitProducerIdResponse) -> Answer {
        let mut answer = Answer::default();
        answer.code("error", response.error_code);
        answer.set("producer", names.pid(response.producer_id));
        answer.set("epoch", response.producer_epoch);
        answer
    }
}

/// Partitions that join a transaction; several transactions at once, as brokers ask each other.
#[derive(Clone, Debug)]
pub struct AddPartitions {
    /// Who adds what. Only the first counts for the versions of clients.
    pub transactions: Vec<(Claim, Vec<Place>)>,
    /// True to ask only whether they were added.
    pub verify_only: bool,
}

impl Ask for AddPartitions {
    type Request = AddPartitionsToTxnRequest;

    fn versions(&self) -> RangeInclusive<i16> {
        if self.transactions.len() > 1 || self.verify_only { 4..=5 } else { 0..=5 }
    }

    fn request(&self, version: i16, names: &Names) -> Result<AddPartitionsToTxnRequest, Failure> {
        let topics = |places: &[Place]| {
            let topics = by_topic(places, |place| place).into_iter().map(|(name, of)| {
                let partitions = of.into_iter().map(|place| place.partition).collect();
                AddPartitionsToTxnTopic { name, partitions }
            });
            topics.collect()
        };
        if version < 4 {
            let [(claim, places), ..] = self.transactions.as_slice() else {
                return Ok(Default::default());
            };
            return Ok(AddPartitionsToTxnRequest {
                v3_and_below_transactional_id: claim.id.clone(),
                v3_and_below_producer_id: names.producer_id(claim.producer),
                v3_and_below_producer_epoch: claim.epoch,
                v3_and_below_topics: topics(places),
                ..Default::default()
            });
        }
        let transactions =
            self.transactions.iter().map(|(claim, places)| AddPartitionsToTxnTransaction {
                transactional_id: claim.id.clone(),
                producer_id: names.producer_id(claim.producer),
                producer_epoch: claim.epoch,
                verify_only: self.verify_only,
                topics: topics(places),
            });
        let transactions = transactions.collect();
        Ok(AddPartitionsToTxnRequest { transactions, ..Default::default() })
    }

    fn answer(&self, _: i16, _: &mut Names, response: AddPartitionsToTxnResponse) -> Answer {
        let mut answer = Answer::default();
        answer.code("error", response.error_code);
        for topic in &response.results_by_topic_v3_and_below {
            of_topic(&mut answer, "", topic);
        }
        for transaction in &response.results_by_transaction {
            let at = format!("{}.", transaction.transactional_id);
            for topic in &transaction.topic_results {
                of_topic(&mut answer, &at, topic);
            }
        }
        answer
    }
}

fn of_topic(answer: &mut Answer, at: &str, topic: &AddPartitionsToTxnTopicResult) {
    for partition in &topic.results_by_partition {
        let path = format!("{at}{}-{}.error", topic.name, partition.partition_index);
        answer.code(path, partition.partition_error_code);
    }
}

/// A group whose offsets join a transaction.
#[derive(Clone, Debug)]
pub struct AddOffsets {
    /// Who adds it.
    pub claim: Claim,
    /// The group.
    pub group: String,
}

impl Ask for AddOffsets {
    type Request = AddOffsetsToTxnRequest;

    fn request(&self, _: i16, names: &Names) -> Result<AddOffsetsToTxnRequest, Failure> {
        Ok(AddOffsetsToTxnRequest {
            transactional_id: self.claim.id.clone(),
            producer_id: names.producer_id(self.claim.producer),
            producer_epoch: self.claim.epoch,
            group_id: self.group.clone(),
        })
    }

    fn answer(&self, _: i16, _: &mut Names, response: AddOffsetsToTxnResponse) -> Answer {
        Answer::of_code(response.error_code)
    }
}

/// The end of a transaction.
#[derive(Clone, Debug)]
pub struct EndTxn {
    /// Who ends it.
    pub claim: Claim,
    /// True to commit.
    pub commit: bool,
}

impl Ask for EndTxn {
    type Request = EndTxnRequest;

    fn request(&self, _: i16, names: &Names) -> Result<EndTxnRequest, Failure> {
        Ok(EndTxnRequest {
            transactional_id: self.claim.id.clone(),
            producer_id: names.producer_id(self.claim.producer),
            producer_epoch: self.claim.epoch,
            committed: self.commit,
        })
    }

    fn answer(&self, _: i16, names: &mut Names, response: EndTxnResponse) -> Answer {
        let mut answer = Answer::default();
        answer.code("error", response.error_code);
        answer.set("producer", names.pid(response.producer_id));
        answer.set("epoch", response.producer_epoch);
        answer
    }
}
