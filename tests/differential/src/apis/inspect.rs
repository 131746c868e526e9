//! What administrators ask about transactions, and how they end those that hang.

use std::ops::RangeInclusive;

use thalweg_kafka_wire::messages::describe_producers_request::TopicRequest;
use thalweg_kafka_wire::messages::write_txn_markers_request::{
    WritableTxnMarker, WritableTxnMarkerTopic,
};
use thalweg_kafka_wire::messages::{
    DescribeProducersRequest, DescribeProducersResponse, DescribeTransactionsRequest,
    DescribeTransactionsResponse, ListTransactionsRequest, ListTransactionsResponse,
    WriteTxnMarkersRequest, WriteTxnMarkersResponse,
};

use super::{Place, by_topic};
use crate::answer::Answer;
use crate::failure::Failure;
use crate::names::{Names, Pid};
use crate::pair::Ask;

/// The producers that partitions know.
#[derive(Clone, Debug)]
pub struct DescribeProducers {
    /// The partitions.
    pub of: Vec<Place>,
}

impl Ask for DescribeProducers {
    type Request = DescribeProducersRequest;

    fn request(&self, _: i16, _: &Names) -> Result<DescribeProducersRequest, Failure> {
        let topics = by_topic(&self.of, |place| place).into_iter().map(|(name, of)| {
            let partition_indexes = of.into_iter().map(|place| place.partition).collect();
            TopicRequest { name, partition_indexes }
        });
        Ok(DescribeProducersRequest { topics: topics.collect() })
    }

    fn answer(&self, _: i16, names: &mut Names, response: DescribeProducersResponse) -> Answer {
        let mut answer = Answer::default();
        for topic in response.topics {
            for partition in topic.partitions {
                let at = format!("{}-{}", topic.name, partition.partition_index);
                answer.code(format!("{at}.error"), partition.error_code);
                for producer in partition.active_producers {
                    let at = format!("{at}.{}", names.pid(producer.producer_id));
                    answer.set(format!("{at}.epoch"), producer.producer_epoch);
                    answer.set(format!("{at}.last_sequence"), producer.last_sequence);
                    let last = names.moment(producer.last_timestamp);
                    answer.set(format!("{at}.last_timestamp"), last);
                    let coordinator = names.epochs_before(producer.coordinator_epoch);
                    answer.set(format!("{at}.coordinator_epoch"), coordinator);
                    answer.set(format!("{at}.start_offset"), producer.current_txn_start_offset);
                }
            }
        }
        answer
    }
}

/// The transactions that coordinators know.
#[derive(Clone, Debug, Default)]
pub struct ListTransactions {
    /// Only in these states.
    pub states: Vec<String>,
    /// Only of these producers.
    pub producers: Vec<Pid>,
    /// Only those that are open for longer, in milliseconds.
    pub longer_ms: Option<i64>,
    /// Only ids that match.
    pub pattern: Option<String>,
}

impl Ask for ListTransactions {
    type Request = ListTransactionsRequest;

    fn versions(&self) -> RangeInclusive<i16> {
        let pattern = if self.pattern.is_some() { 2 } else { 0 };
        pattern.max(i16::from(self.longer_ms.is_some()))..=2
    }

    fn request(&self, _: i16, names: &Names) -> Result<ListTransactionsRequest, Failure> {
        let producers = self.producers.iter().map(|pid| names.producer_id(*pid));
        Ok(ListTransactionsRequest {
            state_filters: self.states.clone(),
            producer_id_filters: producers.collect(),
            duration_filter: self.longer_ms.unwrap_or(-1),
            transactional_id_pattern: self.pattern.clone(),
        })
    }

    fn answer(&self, _: i16, names: &mut Names, response: ListTransactionsResponse) -> Answer {
        let mut answer = Answer::default();
        answer.code("error", response.error_code);
        let mut unknown = response.unknown_state_filters;
        unknown.sort();
        answer.set("unknown_states", format!("{unknown:?}"));
        for transaction in response.transaction_states {
            let at = transaction.transactional_id;
            answer.set(format!("{at}.state"), transaction.transaction_state);
            answer.set(format!("{at}.producer"), names.pid(transaction.producer_id));
        }
        answer
    }
}

/// Transactions in detail.
#[derive(Clone, Debug)]
pub struct DescribeTransactions {
    /// The transactional ids.
    pub ids: Vec<String>,
}

impl DescribeTransactions {
    /// True where no transaction waits for its markers.
    pub fn is_settled(answer: &Answer) -> bool {
        !answer.values("state").any(|state| state.starts_with("Prepare"))
    }

    /// True where besides no transaction is open.
    pub fn is_over(answer: &Answer) -> bool {
        Self::is_settled(answer) && !answer.values("state").any(|state| state == "Ongoing")
    }
}

impl Ask for DescribeTransactions {
    type Request = DescribeTransactionsRequest;

    fn request(&self, _: i16, _: &Names) -> Result<DescribeTransactionsRequest, Failure> {
        Ok(DescribeTransactionsRequest { transactional_ids: self.ids.clone() })
    }

    fn answer(&self, _: i16, names: &mut Names, response: DescribeTransactionsResponse) -> Answer {
        let mut answer = Answer::default();
        for transaction in response.transaction_states {
            let at = transaction.transactional_id;
            answer.code(format!("{at}.error"), transaction.error_code);
            answer.set(format!("{at}.state"), transaction.transaction_state);
            answer.set(format!("{at}.timeout_ms"), transaction.transaction_timeout_ms);
            let started = names.moment(transaction.transaction_start_time_ms);
            answer.set(format!("{at}.started"), started);
            answer.set(format!("{at}.producer"), names.pid(transaction.producer_id));
            answer.set(format!("{at}.epoch"), transaction.producer_epoch);
            let topics = transaction.topics.into_iter().flat_map(|topic| {
                let name = topic.topic;
                topic.partitions.into_iter().map(move |partition| Place::new(&name, partition))
            });
            let mut places: Vec<_> = topics.collect();
            places.sort();
            answer.set(format!("{at}.partitions"), format!("{places:?}"));
        }
        answer
    }
}

/// Writes the end of a transaction into partitions, past its coordinator.
#[derive(Clone, Debug)]
pub struct WriteMarkers {
    /// Whose transaction.
    pub producer: Pid,
    /// Its epoch.
    pub epoch: i16,
    /// True to commit.
    pub commit: bool,
    /// The epoch of the coordinator that one claims to be.
    pub coordinator_epoch: i32,
    /// Where.
    pub places: Vec<Place>,
    /// The transaction version, which decides how strictly epochs are compared.
    pub transaction_version: i8,
}

impl Ask for WriteMarkers {
    type Request = WriteTxnMarkersRequest;

    fn versions(&self) -> RangeInclusive<i16> {
        if self.transaction_version == 0 { 1..=2 } else { 2..=2 }
    }

    fn request(&self, _: i16, names: &Names) -> Result<WriteTxnMarkersRequest, Failure> {
        let topics = by_topic(&self.places, |place| place).into_iter().map(|(name, of)| {
            let partition_indexes = of.into_iter().map(|place| place.partition).collect();
            WritableTxnMarkerTopic { name, partition_indexes }
        });
        let marker = WritableTxnMarker {
            producer_id: names.producer_id(self.producer),
            producer_epoch: self.epoch,
            transaction_result: self.commit,
            topics: topics.collect(),
            coordinator_epoch: names.leader_epoch(self.coordinator_epoch),
            transaction_version: self.transaction_version,
        };
        Ok(WriteTxnMarkersRequest { markers: vec![marker] })
    }

    fn answer(&self, _: i16, names: &mut Names, response: WriteTxnMarkersResponse) -> Answer {
        let mut answer = Answer::default();
        for marker in response.markers {
            let producer = names.pid(marker.producer_id);
            for topic in marker.topics {
                for partition in topic.partitions {
                    let at = format!("{producer}.{}-{}", topic.name, partition.partition_index);
                    answer.code(format!("{at}.error"), partition.error_code);
                }
            }
        }
        answer
    }
}
