//! One thread per connection: read a batch into memory that is used again, walk it, hand it on.

use std::error::Error;
use std::io::{self, Read};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use bytes::BytesMut;
use thalweg_records::{BatchMut, RecordPolicy};
use thalweg_types::{LeaderEpoch, Offset};

use crate::store::{self, Totals};

const BATCH_MAX: usize = 2 << 20;

/// Batches between a connection and the writer.
const QUEUE_MAX: usize = 16;

/// A batch that is to be made durable, and how its connection gets to know of it.
pub struct Pending {
    pub bytes: Vec<u8>,
    pub records: u64,
    pub connection: usize,
}

/// Receives until all connections have ended.
pub fn run(
    listener: &TcpListener,
    connections: u64,
    dir: &Path,
    direct: bool,
) -> Result<Totals, Box<dyn Error>> {
    let (sender, pending) = sync_channel(QUEUE_MAX);
    let mut streams = Vec::new();
    let mut pools = Vec::new();
    let mut threads = Vec::new();
    for connection in 0..connections as usize {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        let (give_back, pool) = sync_channel(QUEUE_MAX);
        streams.push(stream.try_clone()?);
        pools.push(give_back);
        let sender = sender.clone();
        threads.push(std::thread::spawn(move || receive(stream, connection, &sender, &pool)));
    }
    drop(sender);
    let totals = store::run(&pending, &mut streams, &pools, dir, direct)?;
    for thread in threads {
        thread.join().map_err(|_| "a receiver panicked")??;
    }
    Ok(totals)
}

fn receive(
    mut stream: TcpStream,
    connection: usize,
    sender: &SyncSender<Pending>,
    pool: &Receiver<Vec<u8>>,
) -> Result<(), io::Error> {
    let policy =
        RecordPolicy { keys_required: false, create_time: None, decompressed_max: BATCH_MAX };
    let mut length = [0; 4];
    let mut offset = 0;
    while stream.read_exact(&mut length).is_ok() {
        let length = u32::from_be_bytes(length) as usize;
        let mut bytes = pool.try_recv().unwrap_or_default();
        bytes.resize(length.min(BATCH_MAX), 0);
        stream.read_exact(&mut bytes)?;
        let (bytes, records) = check(bytes, offset, &policy).map_err(io::Error::other)?;
        offset += records;
        let pending = Pending { bytes, records: records as u64, connection };
        if sender.send(pending).is_err() {
            break;
        }
    }
    Ok(())
}

/// What a broker must do with every batch: checksum, a walk over its records, and its place.
fn check(
    bytes: Vec<u8>,
    offset: i64,
    policy: &RecordPolicy,
) -> Result<(Vec<u8>, i64), thalweg_records::RecordsError> {
    let bytes = BytesMut::from(bytes::Bytes::from(bytes));
    let mut batch = BatchMut::from_client(bytes, BATCH_MAX)?;
    let _ = batch.check_records(policy)?;
    batch.stamp(Offset(offset), LeaderEpoch(0));
    let records = i64::from(batch.header().count);
    Ok((batch.freeze().into_bytes().into(), records))
}
