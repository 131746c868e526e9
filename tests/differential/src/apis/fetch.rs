//! Fetch.

use std::ops::RangeInclusive;

use thalweg_kafka_wire::Segments;
use thalweg_kafka_wire::messages::fetch_request::{FetchPartition, FetchTopic};
use thalweg_kafka_wire::messages::fetch_response::PartitionData;
use thalweg_kafka_wire::messages::{FetchRequest, FetchResponse};
use thalweg_records::{Batch, BatchReader, EndTxnMarker, Record, TimestampType};

use super::{Place, by_topic};
use crate::answer::Answer;
use crate::failure::Failure;
use crate::names::Names;
use crate::pair::Ask;

/// From here on topics go by their ids.
const TOPIC_IDS_FROM: i16 = 13;
const DECOMPRESSED_MAX: usize = 16 << 20;
const TEXT_MAX: usize = 12;

/// Reads some partitions, without a session and without waiting.
#[derive(Clone, Debug)]
pub struct Fetch {
    /// True for `read_committed`.
    pub committed: bool,
    /// Most bytes of all partitions, and of each.
    pub bytes_max: (i32, i32),
    /// A fetch session and its epoch; (0, -1) is none.
    pub session: (i32, i32),
    /// What to read.
    pub from: Vec<From>,
}

/// From where a partition is read.
#[derive(Clone, Debug)]
pub struct From {
    /// The partition.
    pub place: Place,
    /// The offset.
    pub offset: i64,
    /// The leader epoch that the reader knows, -1 for none.
    pub leader_epoch: i32,
    /// The leader epoch of the last record that it read, -1 for none.
    pub last_epoch: i32,
}

impl Ask for Fetch {
    type Request = FetchRequest;

    fn versions(&self) -> RangeInclusive<i16> {
        let first = if self.session == (0, -1) { 4 } else { 7 };
        let epochs = self.from.iter().map(|from| match (from.leader_epoch, from.last_epoch) {
            (-1, -1) => 4,
            (_, -1) => 9,
            _ => 12,
        });
        epochs.max().unwrap_or(first).max(first)..=18
    }

    fn request(&self, version: i16, names: &Names) -> Result<FetchRequest, Failure> {
        let topics = by_topic(&self.from, |from| &from.place).into_iter().map(|(topic, of)| {
            let partitions = of.into_iter().map(|from| FetchPartition {
                partition: from.place.partition,
                current_leader_epoch: names.leader_epoch(from.leader_epoch),
                fetch_offset: from.offset,
                last_fetched_epoch: names.leader_epoch(from.last_epoch),
                partition_max_bytes: self.bytes_max.1,
                ..Default::default()
            });
            let partitions = partitions.collect();
            if version >= TOPIC_IDS_FROM {
                FetchTopic { topic_id: names.topic_id(&topic), partitions, ..Default::default() }
            } else {
                FetchTopic { topic, partitions, ..Default::default() }
            }
        });
        Ok(FetchRequest {
            replica_id: -1,
            max_wait_ms: 0,
            min_bytes: 1,
            max_bytes: self.bytes_max.0,
            isolation_level: i8::from(self.committed),
            session_id: self.session.0,
            session_epoch: self.session.1,
            topics: topics.collect(),
            ..Default::default()
        })
    }

    fn answer(&self, version: i16, names: &mut Names, response: FetchResponse) -> Answer {
        let mut answer = Answer::default();
        answer.code("error", response.error_code);
        answer.set("session", response.session_id);
        for topic in response.responses {
            let name = names.topic(&topic.topic, topic.topic_id);
            for partition in topic.partitions {
                let at = format!("{name}-{}", partition.partition_index);
                of_partition(&mut answer, &at, version, names, &partition);
            }
        }
        answer
    }
}

fn of_partition(
    answer: &mut Answer,
    at: &str,
    version: i16,
    names: &mut Names,
    partition: &PartitionData,
) {
    answer.code(format!("{at}.error"), partition.error_code);
    answer.set(format!("{at}.high_watermark"), partition.high_watermark);
    // Until the next append Kafka names one that DeleteRecords has deleted.
    let stable = partition.last_stable_offset.max(partition.log_start_offset);
    answer.set(format!("{at}.last_stable_offset"), stable);
    if version >= 5 {
        answer.set(format!("{at}.log_start_offset"), partition.log_start_offset);
    }
    let diverging = &partition.diverging_epoch;
    let diverging = format!("{}@{}", diverging.end_offset, names.epochs_before(diverging.epoch));
    answer.set(format!("{at}.diverging"), diverging);
    let leader = &partition.current_leader;
    let leader = format!("{}@{}", leader.leader_id, names.epochs_before(leader.leader_epoch));
    answer.set(format!("{at}.leader"), leader);
    answer.set(format!("{at}.preferred_replica"), partition.preferred_read_replica);
    let end = partition.records.as_ref().map_or(0, end_of);
    let aborted = partition.aborted_transactions.as_ref().map(|aborted| {
        let within = aborted.iter().filter(|one| one.first_offset < end);
        let numbered = within.map(|one| (names.pid(one.producer_id), one.first_offset));
        numbered.collect::<Vec<_>>()
    });
    answer.set(format!("{at}.aborted"), format!("{aborted:?}"));
    match &partition.records {
        None => answer.set(format!("{at}.records"), "null"),
        Some(records) => of_records(answer, at, names, records),
    }
}

fn batches(records: &Segments) -> impl Iterator<Item = Batch> {
    let bytes = records.to_bytes().unwrap_or_default();
    BatchReader::new(bytes).map_while(Result::ok)
}

/// The offset behind the records. Kafka names aborted transactions that begin there as well, now and then:
/// it goes by its sparse index.
fn end_of(records: &Segments) -> i64 {
    batches(records).last().map_or(0, |batch| batch.next_offset().0)
}

/// A field per batch, at its base offset. One that the limit cut short, which clients have to expect,
/// does not count.
fn of_records(answer: &mut Answer, at: &str, names: &mut Names, records: &Segments) {
    for batch in batches(records) {
        let path = format!("{at}.records.{:06}.batch", batch.base_offset().0);
        answer.set(path, describe(names, &batch));
    }
}

fn describe(names: &mut Names, batch: &Batch) -> String {
    let header = batch.header();
    // Nobody reads the timestamp of a marker, so that it does not matter who is said to have set it.
    let attributes = if header.attributes.is_control() {
        header.attributes.with_timestamp_type(TimestampType::CreateTime)
    } else {
        header.attributes
    };
    let crc = if batch.verify_crc().is_ok() { "" } else { " WRONG CRC" };
    let records: Vec<_> = batch.records(DECOMPRESSED_MAX).into_iter().flatten().collect();
    let records: Vec<_> = records
        .iter()
        .map(|record| match record {
            Ok(record) if header.attributes.is_control() => marker(names, record),
            Ok(record) => {
                format!("{}={}", text(record.key.as_deref()), text(record.value.as_deref()))
            }
            Err(error) => error.to_string(),
        })
        .collect();
    format!(
        "to {} {}/{} sequence {} attributes {:#b} epoch {} at {}..{} {records:?}{crc}",
        header.last_offset().0,
        names.pid(header.producer_id.0),
        header.producer_epoch,
        header.base_sequence,
        attributes.0,
        names.epochs_before(header.leader_epoch.0),
        names.moment(header.base_timestamp.0),
        names.moment(header.max_timestamp.0),
    )
}

fn marker(names: &Names, record: &Record) -> String {
    match EndTxnMarker::parse(record) {
        Ok(Some(marker)) => {
            let epoch = names.epochs_before(marker.coordinator_epoch);
            format!("{:?} by coordinator {epoch}", marker.outcome)
        }
        other => format!("{other:?}"),
    }
}

/// The beginning is what tells records apart: the rest is padding.
fn text(bytes: Option<&[u8]>) -> String {
    let Some(bytes) = bytes else { return "null".into() };
    let beginning = &bytes[..bytes.len().min(TEXT_MAX)];
    format!("{}({})", String::from_utf8_lossy(beginning), bytes.len())
}
