//! What compaction may leave of a log: behind the first record of an open transaction, everything.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use thalweg_types::ProducerId;

use super::driver::Logged;
use crate::{TxnOutcome, Write};

/// Leaves transactions alone. So it keeps the tombstones of what they have written.
pub fn plain(log: &[Logged]) -> Vec<Logged> {
    let (settled, unsettled) = split(log, &outcomes(log));
    let newest = newest(settled, |_, write| write.transaction.is_none());
    let mut in_transactions = BTreeSet::new();
    let stays = |(place, logged): &(usize, &Logged)| match logged {
        Logged::Record(Write { record, transaction: Some(_) }) => {
            in_transactions.insert(record.key.clone());
            true
        }
        Logged::Record(Write { record, transaction: None }) => {
            let has_effect = record.value.is_some() || in_transactions.contains(&record.key);
            has_effect && newest[&record.key] == *place
        }
        Logged::Marker(..) => true,
    };
    let settled = settled.iter().enumerate().filter(stays).map(|(_, logged)| logged);
    settled.chain(unsettled).cloned().collect()
}

/// Leaves the latest of each key that counts.
pub fn thorough(log: &[Logged]) -> Vec<Logged> {
    let outcomes = outcomes(log);
    let (settled, unsettled) = split(log, &outcomes);
    let newest = newest(settled, |place, write| {
        write.transaction.is_none() || outcomes[&place] == TxnOutcome::Commit
    });
    let stays = |(place, logged): &(usize, &Logged)| match logged {
        Logged::Record(Write { record, .. }) => {
            record.value.is_some() && newest.get(&record.key) == Some(place)
        }
        Logged::Marker(..) => true,
    };
    let settled = settled.iter().enumerate().filter(stays).map(|(_, logged)| logged);
    settled.chain(unsettled).cloned().collect()
}

/// The log before and from the first record of an open transaction.
fn split<'a>(
    log: &'a [Logged],
    outcomes: &BTreeMap<usize, TxnOutcome>,
) -> (&'a [Logged], &'a [Logged]) {
    let is_open = |(place, logged): (usize, &Logged)| match logged {
        Logged::Record(write) => write.transaction.is_some() && !outcomes.contains_key(&place),
        Logged::Marker(..) => false,
    };
    log.split_at(log.iter().enumerate().position(is_open).unwrap_or(log.len()))
}

/// Where the latest record of each key is, among those that are asked for.
fn newest(log: &[Logged], counts: impl Fn(usize, &Write) -> bool) -> BTreeMap<Bytes, usize> {
    let key = |(place, logged): (usize, &Logged)| match logged {
        Logged::Record(write) if counts(place, write) => Some((write.record.key.clone(), place)),
        _ => None,
    };
    log.iter().enumerate().filter_map(key).collect()
}

/// How the transaction of each record ended, if it has.
fn outcomes(log: &[Logged]) -> BTreeMap<usize, TxnOutcome> {
    let mut open: BTreeMap<ProducerId, Vec<usize>> = BTreeMap::new();
    let mut outcomes = BTreeMap::new();
    for (place, logged) in log.iter().enumerate() {
        match logged {
            Logged::Record(Write { transaction: Some(producer), .. }) => {
                open.entry(producer.id).or_default().push(place);
            }
            Logged::Record(_) => {}
            Logged::Marker(producer, outcome) => {
                let ended = open.remove(producer).unwrap_or_default();
                outcomes.extend(ended.into_iter().map(|place| (place, *outcome)));
            }
        }
    }
    outcomes
}
