//! Accepting batches: the serial part of a produce request.

use std::sync::Arc;

use thalweg_records::BatchMut;
use thalweg_types::{ErrorKind, Offset, ProducerId, Timestamp};

use super::wait::{Target, Ticket};
use super::{Partition, PartitionState, Pending};
use crate::error::LogError;
use crate::format::entry::BatchEntry;
use crate::producers::{ProducerError, Verdict};
use crate::scan;

/// A batch was accepted. It is durable once the ticket says so.
#[derive(Debug)]
pub struct Appended {
    /// The offset of its first record.
    pub base_offset: Offset,
    /// The offset of its last record.
    pub last_offset: Offset,
    /// The largest timestamp of the batch that is in the log.
    pub max_timestamp: Timestamp,
    /// The log start offset at this moment.
    pub log_start: Offset,
    /// True if the batch was in the log already.
    pub duplicate: bool,
    /// Tells when the batch is durable.
    pub ticket: Ticket,
}

/// Why a batch was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The producer's sequence or epoch does not fit.
    #[error(transparent)]
    Producer(#[from] ProducerError),
    /// The log refuses.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl AppendError {
    /// What the caller should do.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Producer(ProducerError::OutOfOrder { .. }) => ErrorKind::Invalid,
            Self::Producer(ProducerError::StaleEpoch { .. }) => ErrorKind::Fenced,
            Self::Log(error) => error.kind(),
        }
    }
}

impl Partition {
    /// Accepts a validated batch: checks its producer, gives it offsets, stamps them in place, and
    /// hands it to the writer.
    pub fn append(self: &Arc<Self>, mut batch: BatchMut) -> Result<Appended, AppendError> {
        let now = self.shared.clock.now();
        let mut entry = scan::entry_of(batch.header(), 0);
        let (appended, wake) = {
            let mut state = self.state();
            self.check_open(&state)?;
            match check_producer(&state, &entry)? {
                Verdict::Duplicate(twin) => {
                    return Ok(self.answer(
                        &state,
                        twin.base_offset,
                        twin.last_offset,
                        twin.timestamp,
                        true,
                    ));
                }
                Verdict::Append => {}
            }
            entry.base_offset = state.next;
            entry.leader_epoch = self.shared.leader_epoch;
            batch.stamp(entry.base_offset, entry.leader_epoch);
            state.next = entry.end_offset();
            state.producers.accept(&entry, now);
            let bytes = batch.freeze().into_bytes();
            state.pending.push_back(Pending::Batch { entry, bytes });
            let appended = self.answer(
                &state,
                entry.base_offset,
                entry.last_offset(),
                entry.max_timestamp,
                false,
            );
            (appended, !std::mem::replace(&mut state.queued, true))
        };
        if wake {
            self.shared.writer.push(self.clone());
        }
        Ok(appended)
    }

    /// Moves the log start offset up to `to` (`DeleteRecords`); it is durable once the ticket says so.
    pub fn trim(self: &Arc<Self>, to: Offset) -> Result<Ticket, LogError> {
        let (ticket, wake) = {
            let mut state = self.state();
            self.check_open(&state)?;
            if to > state.high_watermark || to.0 < 0 {
                return Err(LogError::OffsetOutOfRange {
                    asked: to,
                    start: state.log_start,
                    end: state.high_watermark,
                });
            }
            let ticket = Ticket::new(self.clone(), state.generation, Target::LogStart(to));
            if to <= state.log_start {
                return Ok(ticket);
            }
            state.pending.push_back(Pending::Trim(to));
            (ticket, !std::mem::replace(&mut state.queued, true))
        };
        if wake {
            self.shared.writer.push(self.clone());
        }
        Ok(ticket)
    }

    pub(super) fn check_open(&self, state: &PartitionState) -> Result<(), LogError> {
        if state.deleted {
            return Err(LogError::Deleted(self.id));
        }
        self.shared.health.check_writable()
    }

    fn answer(
        self: &Arc<Self>,
        state: &PartitionState,
        base_offset: Offset,
        last_offset: Offset,
        max_timestamp: Timestamp,
        duplicate: bool,
    ) -> Appended {
        let target = Target::HighWatermark(last_offset.plus(1));
        Appended {
            base_offset,
            last_offset,
            max_timestamp,
            log_start: state.log_start,
            duplicate,
            ticket: Ticket::new(self.clone(), state.generation, target),
        }
    }
}

fn check_producer(state: &PartitionState, entry: &BatchEntry) -> Result<Verdict, ProducerError> {
    if entry.producer_id == ProducerId::NONE {
        return Ok(Verdict::Append);
    }
    state.producers.check(entry)
}
