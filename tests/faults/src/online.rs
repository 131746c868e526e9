//! Reading everything that a running broker serves.

use std::net::SocketAddr;

use thalweg_kafka_wire::ErrorCode;
use thalweg_records::BatchReader;

use crate::admin;
use crate::connection::Connection;
use crate::contents::{Contents, Served};
use crate::failure::Failure;
use crate::fetch::{Isolation, fetch_raw};

/// Reads all partitions from start to end, around what answers an error.
pub async fn read(address: SocketAddr) -> Result<Contents, Failure> {
    let mut connection = Connection::open(address).await?;
    let mut contents = Contents::default();
    for (topic, partitions) in admin::all_partitions(&mut connection).await? {
        for partition in 0..partitions {
            let served = read_partition(&mut connection, &topic, partition).await?;
            contents.0.insert((topic.clone(), partition), served);
        }
    }
    Ok(contents)
}

async fn read_partition(
    connection: &mut Connection,
    topic: &str,
    partition: i32,
) -> Result<Served, Failure> {
    let gone = || Failure::Other(format!("{topic}-{partition} is gone"));
    let (start, end) = admin::bounds(connection, topic, partition).await?.ok_or_else(gone)?;
    let mut served = Served { start, end, ..Served::default() };
    let mut position = start;
    while position < end {
        let from = [(partition, position)];
        let answers = fetch_raw(connection, topic, &from, 0, Isolation::Uncommitted).await?;
        let answer = answers.into_iter().next().ok_or_else(gone)?;
        if answer.error_code != ErrorCode::None.code() {
            served.add_hole(position, position + 1);
            position += 1;
            continue;
        }
        let bytes = answer.records.unwrap_or_default().to_bytes().map_err(Failure::Ended)?;
        let mut next = position;
        for batch in BatchReader::new(bytes) {
            let batch = batch?;
            served.add(&batch)?;
            next = next.max(batch.next_offset().0);
        }
        if next == position {
            return Err(Failure::Other(format!("{topic}-{partition} has nothing at {position}")));
        }
        position = next;
    }
    Ok(served)
}
