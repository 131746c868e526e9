//! Effects as text.

use std::fmt::Write;

use thalweg_types::Timestamp;

use super::super::driver::EPOCH_MS;
use crate::record::Entry;
use crate::{
    Description, DurableState, EndReason, Event, Marker, Partitions, Record, Reply,
    TransactionError, TransactionMetadata, TxnOutcome,
};

pub fn write_event(event: &Event, f: &mut String) {
    match event {
        Event::ProducerInitialized { transactional_id, producer } => {
            writeln!(f, "event {transactional_id}: producer {producer}")
        }
        Event::TransactionEnding { transactional_id, outcome, reason } => {
            let reason = match reason {
                EndReason::Producer => "its producer said so",
                EndReason::Timeout => "it was open for too long",
                EndReason::TakenOver => "another producer took over",
                EndReason::Recovery => "its producer begins anew",
                EndReason::Administrator => "an administrator said so",
            };
            writeln!(f, "event {transactional_id}: {}, {reason}", name(*outcome))
        }
        Event::TransactionCompleted { transactional_id, outcome } => {
            writeln!(f, "event {transactional_id}: {} is complete", name(*outcome))
        }
        Event::MarkersFailed { transactional_id, failures, partitions } => {
            let partitions = list(partitions);
            writeln!(f, "event {transactional_id}: markers failed {failures} times:{partitions}")
        }
        Event::IdsExpired { count } => writeln!(f, "event: {count} ids expired"),
    }
    .unwrap();
}

pub fn write_record(record: &Record, f: &mut String) {
    let Entry { transactional_id, metadata } = Entry::decode(record).unwrap();
    write!(f, "record {transactional_id} = ").unwrap();
    match metadata {
        Some(metadata) => write_metadata(&metadata, f),
        None => f.push_str("gone\n"),
    }
}

pub fn write_durable(durable: &DurableState, f: &mut String) {
    for (id, metadata) in durable.transactions() {
        write!(f, "{id} = ").unwrap();
        write_metadata(metadata, f);
    }
}

fn write_metadata(metadata: &TransactionMetadata, f: &mut String) {
    let TransactionMetadata { producer, state, timeout_ms, version, .. } = metadata;
    write!(f, "{} {producer}", state.as_str()).unwrap();
    if let Some(epoch) = metadata.last_epoch {
        write!(f, " (last {epoch})").unwrap();
    }
    if metadata.previous_producer_id != producer.id {
        write!(f, " after {}", metadata.previous_producer_id).unwrap();
    }
    if let Some(next) = metadata.next_producer_id {
        write!(f, " before {next}").unwrap();
    }
    write!(f, ", v{}, {timeout_ms} ms", version.level()).unwrap();
    if metadata.started_at != Timestamp::NONE {
        write!(f, " from {}", time(metadata.started_at)).unwrap();
    }
    writeln!(f, ", at {}:{}", time(metadata.updated_at), list(&metadata.partitions)).unwrap();
}

pub fn write_marker(marker: &Marker, f: &mut String) {
    let Marker { transactional_id, round, producer, coordinator_epoch, outcome, .. } = marker;
    let (level, partitions) = (marker.version.level(), list(&marker.partitions));
    write!(f, "marker {transactional_id} round {}: {} {producer}", round.0, name(*outcome))
        .unwrap();
    writeln!(f, ", v{level}, by coordinator {coordinator_epoch}:{partitions}").unwrap();
}

pub fn write_reply(reply: &Reply, f: &mut String) {
    match reply {
        Reply::InitProducerId(Ok(producer)) => writeln!(f, "init: {producer}").unwrap(),
        Reply::AddPartitions(Ok(added)) => {
            f.push_str("add:");
            for added in added {
                for (topic, number, result) in &added.partitions {
                    let id = &added.transactional_id;
                    write!(f, " {id} {topic}:{number} {};", outcome(*result)).unwrap();
                }
            }
            f.push('\n');
        }
        Reply::AddOffsets(result) => writeln!(f, "offsets: {}", outcome(*result)).unwrap(),
        Reply::EndTransaction(Ok(Some(producer))) => writeln!(f, "end: {producer}").unwrap(),
        Reply::EndTransaction(Ok(None)) => f.push_str("end: ok\n"),
        Reply::DescribeTransactions(Ok(described)) => {
            f.push_str("describe:\n");
            for described in described {
                write!(f, "    {}: ", described.transactional_id).unwrap();
                match &described.result {
                    Ok(description) => write_description(description, f),
                    Err(error) => writeln!(f, "{error:?}").unwrap(),
                }
            }
        }
        Reply::ListTransactions(Ok(listed)) => {
            f.push_str("list:");
            for transaction in &listed.transactions {
                let (id, state) = (&transaction.transactional_id, transaction.state.as_str());
                write!(f, " {id} ({}, {state});", transaction.producer_id).unwrap();
            }
            for state in &listed.unknown_states {
                write!(f, " unknown state {state};").unwrap();
            }
            f.push('\n');
        }
        Reply::AbortTransaction(result) => writeln!(f, "stop: {}", outcome(*result)).unwrap(),
        Reply::InitProducerId(Err(error))
        | Reply::AddPartitions(Err(error))
        | Reply::EndTransaction(Err(error))
        | Reply::DescribeTransactions(Err(error))
        | Reply::ListTransactions(Err(error)) => writeln!(f, "{error:?}").unwrap(),
    }
}

fn write_description(description: &Description, f: &mut String) {
    let Description { state, producer, timeout_ms, started_at, partitions } = description;
    write!(f, "{} {producer}, {timeout_ms} ms", state.as_str()).unwrap();
    if *started_at != Timestamp::NONE {
        write!(f, " from {}", time(*started_at)).unwrap();
    }
    writeln!(f, ":{}", list(partitions)).unwrap();
}

fn outcome(result: Result<(), TransactionError>) -> String {
    result.map_or_else(|error| format!("{error:?}"), |()| "ok".to_owned())
}

fn name(outcome: TxnOutcome) -> &'static str {
    match outcome {
        TxnOutcome::Commit => "commit",
        TxnOutcome::Abort => "abort",
    }
}

fn list(partitions: &Partitions) -> String {
    let mut text = String::new();
    for (topic, numbers) in partitions {
        for number in numbers {
            write!(text, " {topic}:{number}").unwrap();
        }
    }
    if text.is_empty() { " nothing".to_owned() } else { text }
}

fn time(time: Timestamp) -> String {
    format!("{} ms", time.0 - EPOCH_MS)
}
