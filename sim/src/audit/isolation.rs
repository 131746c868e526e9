//! What is to be said of transactions at the end: every one has ended, readers of committed records come as
//! far as the others, and a chain has made one copy of each record.

use thalweg_broker::OffsetSpec;

use super::{Audit, PATIENCE, PAUSE};
use crate::chain::GROUP;
use crate::commits::Offsets;
use crate::connection::Connection;
use crate::payload::Source;
use crate::reader::{Reader, Taken};
use crate::stage::Target;

/// Waits until every transaction has ended; false if one does not.
pub(super) async fn settle(audit: &Audit, connection: &Connection) -> bool {
    for plan in &audit.stage.scenario.transactors {
        if !is_stable(audit, connection, &audit.targets[plan.output]).await {
            return false;
        }
    }
    true
}

/// Audits every topic that transactions write to.
pub(super) async fn audit(audit: &mut Audit, connection: &Connection) {
    for plan in audit.stage.scenario.transactors.clone() {
        let output = audit.targets[plan.output].clone();
        let Some(copies) = read(audit, connection, &output).await else { return };
        if let Some(input) = plan.input {
            let input = audit.targets[input].clone();
            check_copies(audit, connection, &input, &copies).await;
        }
    }
}

/// Waits until no transaction holds back readers; false if one does for ever.
async fn is_stable(audit: &Audit, connection: &Connection, target: &Target) -> bool {
    let everything = Reader::new(&audit.stage, target);
    let committed = Reader::new(&audit.stage, target).committed();
    let deadline = audit.stage.env.now() + PATIENCE;
    for partition in 0..target.partitions {
        loop {
            let end = everything.list(connection, partition, OffsetSpec::Latest).await;
            let stable = committed.list(connection, partition, OffsetSpec::Latest).await;
            if matches!((&end, &stable), (Some(Ok(end)), Some(Ok(stable))) if end == stable) {
                break;
            }
            if audit.stage.env.now() >= deadline {
                let topic = &target.name;
                audit.complain(&format!("{topic}-{partition} is {stable:?} stable of {end:?}"));
                return false;
            }
            audit.stage.env.sleep(PAUSE).await;
        }
    }
    true
}

/// The committed records of a topic.
async fn read(audit: &mut Audit, connection: &Connection, target: &Target) -> Option<Vec<Taken>> {
    let reader = Reader::new(&audit.stage, target).committed().taking();
    audit.read(connection, reader).await.map(|mut reader| reader.take_taken())
}

/// Up to the committed offsets there is one copy of each record, and none of any other.
async fn check_copies(
    audit: &mut Audit,
    connection: &Connection,
    input: &Target,
    copies: &[Taken],
) {
    let Some(originals) = read(audit, connection, input).await else { return };
    let partitions: Vec<i32> = (0..input.partitions).collect();
    let offsets = Offsets::new(&audit.stage, input, GROUP.into());
    let deadline = audit.stage.env.now() + PATIENCE;
    let committed = loop {
        if let Some(committed) = offsets.fetch(connection, &partitions).await {
            break committed;
        }
        if audit.stage.env.now() >= deadline {
            return audit.complain("nobody knows how far the chain has come");
        }
        audit.stage.env.sleep(PAUSE).await;
    };
    for (partition, end) in committed {
        let is_meant = |place: &Source| place.partition == partition;
        let originals = originals.iter().map(|taken| taken.place).filter(is_meant);
        let expected: Vec<Source> =
            originals.filter(|place| place.offset < end.unwrap_or(0)).collect();
        let mut found: Vec<Source> =
            copies.iter().filter_map(|taken| taken.source).filter(is_meant).collect();
        found.sort_unstable();
        if found != expected {
            let odd = found.iter().zip(&expected).position(|(found, expected)| found != expected);
            let at = odd.unwrap_or(found.len().min(expected.len()));
            audit.complain(&format!(
                "the chain made {} copies of {} records of {}-{partition}: {:?} where {:?} is to be",
                found.len(),
                expected.len(),
                input.name,
                found.get(at),
                expected.get(at)
            ));
        }
    }
}
