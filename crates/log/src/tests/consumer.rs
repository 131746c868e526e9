//! Consumers of both isolation levels, as Kafka's clients are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use thalweg_records::{Batch, BatchReader, EndTxnMarker};
use thalweg_types::{Offset, ProducerId, TxnOutcome};

use crate::{Partition, ReadLimits};

/// A record of a table: a key and its new value; no value is a tombstone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub offset: i64,
    pub key: Option<String>,
    pub value: Option<u64>,
}

/// One fetch: whole batches from `from` on, and nothing at or after `end`.
fn fetch(partition: &Partition, from: Offset, bytes_max: usize, end: Offset) -> Vec<Batch> {
    let limits = ReadLimits { bytes_max, at_least_one: true, end };
    let slice = partition.plan_read(from, limits).expect("plan").load().expect("load");
    let batches = slice.parts.into_iter().flat_map(BatchReader::new);
    let batches: Vec<Batch> = batches.map(|batch| batch.expect("a batch")).collect();
    for batch in &batches {
        batch.verify_crc().expect("intact");
    }
    batches
}

/// Every batch from the log start on, up to the high watermark.
pub(super) fn batches(partition: &Partition) -> Vec<Batch> {
    let mut all: Vec<Batch> = Vec::new();
    let mut next = partition.watermarks().log_start;
    loop {
        let fetched = fetch(partition, next, 3000, Offset(i64::MAX));
        let Some(last) = fetched.last() else {
            assert_eq!(next, partition.watermarks().high_watermark, "reads reach the end");
            return all;
        };
        next = last.next_offset();
        all.extend(fetched);
    }
}

/// The records of a batch from `from` on; none of a marker.
pub(super) fn records(batch: &Batch, from: Offset) -> Vec<Seen> {
    if batch.header().attributes.is_control() {
        return Vec::new();
    }
    let records = batch.records(1 << 20).expect("records").map(|record| record.expect("a record"));
    let seen = records.filter(|record| record.offset >= from).map(|record| Seen {
        offset: record.offset.0,
        key: record.key.map(|key| String::from_utf8(key.to_vec()).expect("utf-8")),
        value: record.value.map(|v| u64::from_be_bytes(v[..8].try_into().expect("eight bytes"))),
    });
    seen.collect()
}

/// What a consumer of committed records sees from `from` on, in fetches of `bytes_max`.
pub(super) fn committed(partition: &Arc<Partition>, from: Offset, bytes_max: usize) -> Vec<Seen> {
    let mut seen = Vec::new();
    let mut next = from;
    let end = partition.watermarks().last_stable;
    loop {
        let fetched = fetch(partition, next, bytes_max, end);
        let Some(last) = fetched.last() else {
            assert_eq!(next, end, "reads reach the last stable offset");
            return seen;
        };
        let told = partition.aborted_transactions(next, last.next_offset());
        let mut told: BTreeSet<(Offset, ProducerId)> =
            told.iter().map(|aborted| (aborted.first_offset, aborted.producer_id)).collect();
        let mut skipped: BTreeSet<ProducerId> = BTreeSet::new();
        let from = next;
        next = last.next_offset();
        for batch in fetched {
            let header = batch.header();
            while let Some((first, producer)) = told.first().copied()
                && first <= header.last_offset()
            {
                told.pop_first();
                skipped.insert(producer);
            }
            if marker(&batch) == Some(TxnOutcome::Abort) {
                skipped.remove(&header.producer_id);
            }
            let skip =
                header.attributes.is_transactional() && skipped.contains(&header.producer_id);
            if !skip {
                seen.extend(records(&batch, from));
            }
        }
    }
}

/// How a marker ends its transaction; `None` of other batches, and of a marker without its record.
pub(super) fn marker(batch: &Batch) -> Option<TxnOutcome> {
    if !batch.header().attributes.is_control() {
        return None;
    }
    let record = batch.records(1 << 20).expect("records").next()?.expect("a record");
    EndTxnMarker::parse(&record).expect("a control record").map(|marker| marker.outcome)
}

/// The table that these records make.
pub(super) fn table(seen: &[Seen]) -> BTreeMap<String, u64> {
    let mut table = BTreeMap::new();
    for record in seen {
        let key = record.key.clone().expect("a key");
        match record.value {
            Some(value) => table.insert(key, value),
            None => table.remove(&key),
        };
    }
    table
}
