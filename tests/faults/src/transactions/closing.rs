//! What is to be said at the end of a pass, when nobody writes any more: every transaction has ended,
//! readers of committed records come as far as the others, groups have what they have committed, and of
//! each record there is one copy.

use thalweg_kafka_wire::ErrorCode;

use super::chain::{self, Input};
use super::line::{Line, Over, Patience};
use super::plan::{Copy, Plan};
use super::shared::Shared;
use super::writer::Output;
use crate::admin;
use crate::audit::{self, Audit, Place};
use crate::connection::Connection;
use crate::failure::Failure;
use crate::fetch::{Isolation, Read, fetch};
use crate::payload::Source;

/// Audits everything; returns how many records were read.
pub async fn audit(shared: &Shared, plan: &Plan) -> Result<u64, Failure> {
    let mut line = Line::new(shared, false);
    let connection = line.connection().await?;
    wait_until_stable(connection, plan).await?;
    let mut of_all = Audit::new(shared.new_consumer());
    let mut of_committed = Audit::of_committed(shared.new_consumer(), &shared.history)?;
    for place in plan.topics.iter().flat_map(places) {
        for audit in [&mut of_all, &mut of_committed] {
            audit.read(connection, &place, true, &shared.history).await?;
        }
    }
    if let Some(group) = &plan.group {
        let partitions: Vec<i32> = (0..group.partitions).collect();
        let history = &shared.history;
        audit::committed(connection, &group.name, &group.topic, &partitions, history).await?;
    }
    for copy in &plan.copies {
        check_copy(shared, &mut line, copy).await?;
    }
    Ok(of_all.records + of_committed.records)
}

fn places(output: &Output) -> impl Iterator<Item = Place> + use<> {
    let topic = output.topic.clone();
    (0..output.partitions).map(move |partition| Place {
        topic: topic.clone(),
        partition,
        // Markers have offsets too.
        dense: false,
        starts_by: Some(0),
        starts_from: 0,
    })
}

/// Waits until no transaction holds back readers. One that does for ever is a failure.
async fn wait_until_stable(connection: &mut Connection, plan: &Plan) -> Result<(), Failure> {
    let patience = Patience::new();
    for place in plan.topics.iter().flat_map(places) {
        let Place { topic, partition, .. } = place;
        loop {
            let stable = admin::stable_end(connection, &topic, partition).await?;
            let bounds = admin::bounds(connection, &topic, partition).await?;
            let end = bounds.map(|(_, end)| end);
            if stable == end {
                break;
            }
            let what = format!("{topic}-{partition}: it is stable to {stable:?} of {end:?}");
            patience.pause(what).await?;
        }
    }
    Ok(())
}

/// Up to the committed offsets there is one copy of each record, and none of any other.
async fn check_copy(shared: &Shared, line: &mut Line, copy: &Copy) -> Result<(), Failure> {
    let Copy { input, output, .. } = copy;
    let committed = match chain::committed(line, input).await {
        Ok(committed) => committed,
        Err(Over::Failed(failure)) => return Err(failure),
        Err(_) => return Err(Failure::Other(format!("{} has no offsets", input.group))),
    };
    let connection = line.connection().await?;
    let mut found: Vec<Source> = Vec::new();
    for partition in 0..output.partitions {
        let copies = read_committed(connection, &output.topic, partition).await?;
        found.extend(copies.iter().filter_map(|copy| copy.source));
    }
    found.sort_unstable();
    let mut expected = Vec::new();
    for (partition, end) in committed {
        let originals = read_committed(connection, &input.topic, partition).await?;
        let originals = originals.iter().map(|read| Source { partition, offset: read.offset });
        expected.extend(originals.filter(|source| source.offset < end));
    }
    expected.sort_unstable();
    compare(shared, input, &found, &expected);
    Ok(())
}

fn compare(shared: &Shared, input: &Input, found: &[Source], expected: &[Source]) {
    if found == expected {
        return;
    }
    let odd = found.iter().zip(expected).position(|(found, expected)| found != expected);
    let at = odd.unwrap_or(found.len().min(expected.len()));
    shared.history.accuse(format!(
        "{} made {} copies of {} records: {:?} where {:?} is to be",
        input.group,
        found.len(),
        expected.len(),
        found.get(at),
        expected.get(at)
    ));
}

/// The committed records of a partition.
async fn read_committed(
    connection: &mut Connection,
    topic: &str,
    partition: i32,
) -> Result<Vec<Read>, Failure> {
    let end = admin::stable_end(connection, topic, partition).await?.unwrap_or_default();
    let (mut position, mut records) = (0, Vec::new());
    while position < end {
        let from = [(partition, position)];
        for fetched in fetch(connection, topic, &from, 0, Isolation::Committed).await? {
            if fetched.code != ErrorCode::None || fetched.next <= position {
                let what = format!("{topic}-{partition} at {position}: {}", fetched.code);
                return Err(Failure::Other(what));
            }
            records.extend(fetched.records);
            position = fetched.next;
        }
    }
    Ok(records)
}
