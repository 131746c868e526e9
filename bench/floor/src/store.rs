//! The writer: whatever waits is written at once and flushed at once.

use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::net::TcpStream;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender};

use rustix::fs::{FallocateFlags, OFlags, fallocate};

use crate::receive::Pending;

/// Most bytes that one flush waits for.
const GROUP_BYTES_MAX: usize = 8 << 20;

/// What `O_DIRECT` writes in.
const BLOCK: usize = 4096;

/// What is reserved at a time.
const FILE_BYTES: u64 = 64 << 20;

/// What was done.
#[derive(Default)]
pub struct Totals {
    records: u64,
    pub flushes: u64,
}

impl Totals {
    /// Bytes of values, of `size` each.
    pub fn values(&self, size: usize) -> u64 {
        self.records * size as u64
    }
}

/// Stores what comes until nothing can come any more.
pub fn run(
    pending: &Receiver<Pending>,
    streams: &mut [TcpStream],
    pools: &[SyncSender<Vec<u8>>],
    dir: &Path,
    past_cache: bool,
) -> Result<Totals, Box<dyn Error>> {
    let path = dir.join("floor.tmp");
    let mut file = File::create(&path)?;
    let (mut at, mut totals) = (FILE_BYTES, Totals::default());
    let mut direct = past_cache.then(Aligned::new);
    let mut durable = vec![0_u64; streams.len()];
    while let Ok(first) = pending.recv() {
        let group = gather(first, pending);
        let bytes: usize = group.iter().map(|batch| batch.bytes.len()).sum();
        if at + (bytes + BLOCK) as u64 > FILE_BYTES {
            std::fs::remove_file(&path)?;
            let flags = if direct.is_some() { OFlags::DIRECT.bits() as i32 } else { 0 };
            let mut options = OpenOptions::new();
            file = options.write(true).create_new(true).custom_flags(flags).open(&path)?;
            fallocate(&file, FallocateFlags::empty(), 0, FILE_BYTES)?;
            at = 0;
        }
        at += match &mut direct {
            Some(aligned) => aligned.write(&file, &group, at)?,
            None => write_all(&file, &group, at)?,
        };
        file.sync_data()?;
        totals.flushes += 1;
        for batch in group {
            totals.records += batch.records;
            durable[batch.connection] += 1;
            let answer = durable[batch.connection].to_be_bytes();
            // A sender that has all its answers is gone.
            let _ = streams[batch.connection].write_all(&answer);
            let _ = pools[batch.connection].try_send(batch.bytes);
        }
    }
    std::fs::remove_file(&path)?;
    Ok(totals)
}

fn gather(first: Pending, pending: &Receiver<Pending>) -> Vec<Pending> {
    let mut bytes = first.bytes.len();
    let mut group = vec![first];
    while bytes < GROUP_BYTES_MAX {
        let Ok(batch) = pending.try_recv() else { break };
        bytes += batch.bytes.len();
        group.push(batch);
    }
    group
}

/// Memory as `O_DIRECT` wants it, for one group at a time.
struct Aligned {
    bytes: Vec<u8>,
    from: usize,
}

impl Aligned {
    fn new() -> Self {
        let bytes = vec![0; 2 * GROUP_BYTES_MAX];
        let from = bytes.as_ptr().align_offset(BLOCK);
        Self { bytes, from }
    }

    fn write(&mut self, file: &File, group: &[Pending], at: u64) -> io::Result<u64> {
        let mut end = self.from;
        for batch in group {
            self.bytes[end..end + batch.bytes.len()].copy_from_slice(&batch.bytes);
            end += batch.bytes.len();
        }
        let len = (end - self.from).next_multiple_of(BLOCK);
        file.write_all_at(&self.bytes[self.from..self.from + len], at)?;
        Ok(len as u64)
    }
}

fn write_all(file: &File, group: &[Pending], mut at: u64) -> io::Result<u64> {
    let began = at;
    let mut parts: Vec<IoSlice<'_>> = group.iter().map(|b| IoSlice::new(&b.bytes)).collect();
    let mut rest = parts.as_mut_slice();
    while !rest.is_empty() {
        let written = rustix::io::pwritev(file, rest, at)?;
        at += written as u64;
        IoSlice::advance_slices(&mut rest, written);
    }
    Ok(at - began)
}
