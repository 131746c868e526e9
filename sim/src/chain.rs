//! Consume, transform, produce: what a transactional client reads, and how far it has come.

use std::collections::BTreeMap;
use std::time::Duration;

use thalweg_broker::{InTransaction, Producer};

use crate::commits::Offsets;
use crate::connection::Connection;
use crate::payload::Source;
use crate::reader::{Manner, Progress, Reader};
use crate::stage::{Stage, Target};
use crate::transactor::Weight;

/// The group under which the offsets are committed. It has no members: the transactional id fences.
pub(crate) const GROUP: &str = "chain";

pub(crate) struct Chain {
    partitions: i32,
    reader: Reader,
    offsets: Offsets,
    /// Where the transaction began to read.
    kept: BTreeMap<i32, i64>,
}

impl Chain {
    pub fn new(stage: &Stage, input: &Target) -> Self {
        Self {
            partitions: input.partitions,
            reader: Reader::new(stage, input).committed().taking(),
            offsets: Offsets::new(stage, input, GROUP.into()),
            kept: BTreeMap::new(),
        }
    }

    /// Who reads, in the history.
    pub fn consumer(&self) -> u32 {
        self.reader.number()
    }

    /// Begins where the last committed transaction has ended; false if nobody can tell now.
    pub async fn begin(&mut self, connection: &Connection) -> bool {
        let partitions: Vec<i32> = (0..self.partitions).collect();
        let Some(committed) = self.offsets.fetch(connection, &partitions).await else {
            return false;
        };
        for (partition, offset) in committed {
            match offset {
                Some(offset) => self.reader.seek(partition, offset),
                None if self.reader.begin(connection, partition).await => {}
                None => return false,
            }
        }
        self.keep();
        true
    }

    /// Reads on; `None` if nobody answers.
    pub async fn poll(&mut self, connection: &Connection, bytes_max: usize) -> Option<Vec<Source>> {
        let manner = Manner { wait_max: Duration::from_millis(300), bytes_max };
        self.reader.take_taken();
        let Progress::Read(_) = self.reader.poll(connection, manner).await else { return None };
        Some(self.reader.take_taken().into_iter().map(|taken| taken.place).collect())
    }

    /// Tells the history which offsets become part of a transaction.
    pub fn note_offsets(&self, transaction: u32) {
        self.offsets.note_in_transaction(transaction, &self.moved());
    }

    /// Makes how far it has read part of a transaction.
    pub async fn commit(
        &self,
        connection: &Connection,
        transaction: &InTransaction,
        who: Producer,
    ) -> Result<(), Weight> {
        let moved = self.moved();
        self.offsets.commit_in_transaction(connection, transaction, who, &moved).await
    }

    /// The transaction was committed.
    pub fn keep(&mut self) {
        self.kept = self.reader.positions().clone();
    }

    /// The transaction was aborted.
    pub fn rewind(&mut self) {
        for (partition, offset) in &self.kept {
            self.reader.seek(*partition, *offset);
        }
    }

    fn moved(&self) -> BTreeMap<i32, i64> {
        let mut positions = self.reader.positions().clone();
        positions.retain(|partition, offset| self.kept.get(partition) != Some(offset));
        positions
    }
}
