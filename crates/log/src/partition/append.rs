//! Accepting batches: the serial part of a produce request.

use std::sync::Arc;

use thalweg_records::{BatchMut, EndTxnMarker, RecordsError};
use thalweg_types::{ErrorKind, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};

use super::wait::{Target, Ticket};
use super::{Partition, PartitionState, Pending};
use crate::error::LogError;
use crate::format::entry::BatchEntry;
use crate::producers::{ProducerError, ProducerTable, TransactionGuard, Verdict};
use crate::scan;
use crate::transactions::Marker;

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
    /// A marker cannot be built.
    #[error(transparent)]
    Marker(#[from] RecordsError),
}

impl AppendError {
    /// What the caller should do.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Producer(
                ProducerError::StaleEpoch { .. } | ProducerError::StaleCoordinator { .. },
            ) => ErrorKind::Fenced,
            Self::Producer(_) | Self::Marker(_) => ErrorKind::Invalid,
            Self::Log(error) => error.kind(),
        }
    }
}

impl Partition {
    /// Accepts a validated batch: checks its producer, gives it offsets, stamps them in place, and
    /// hands it to the writer. It may go on with a transaction, and begins none.
    pub fn append(self: &Arc<Self>, batch: BatchMut) -> Result<Appended, AppendError> {
        self.append_transactional(batch, None)
    }

    /// The same for a batch that may be the first of a transaction. The guard is from before the
    /// coordinator was asked.
    pub fn append_transactional(
        self: &Arc<Self>,
        batch: BatchMut,
        guard: Option<TransactionGuard>,
    ) -> Result<Appended, AppendError> {
        let entry = scan::entry_of(batch.header(), 0);
        self.accept(batch, entry, |producers| check_producer(producers, &entry, guard))
    }

    /// Ends the transaction of a producer here, if it has one, and fences its epochs before the marker's.
    pub fn append_marker(self: &Arc<Self>, marker: Marker) -> Result<Appended, AppendError> {
        let Marker { producer_id, producer_epoch, outcome, coordinator_epoch, .. } = marker;
        let record = EndTxnMarker { outcome, coordinator_epoch };
        let batch = record.batch(producer_id, producer_epoch, self.shared.env.wall())?;
        let mut entry = scan::entry_of(batch.header(), 0);
        entry.note_marker(outcome, coordinator_epoch);
        self.accept(batch, entry, |producers| {
            let is_new = producers.check_marker(&marker)?;
            Ok(if is_new { Verdict::Append } else { Verdict::Settled })
        })
    }

    /// What the producer needs to begin a transaction here with a batch of that sequence; `None` if it has
    /// one of this epoch. One of an older epoch has ended, and its marker is still to come. An epoch that is
    /// fenced needs nothing more.
    pub fn transaction_guard(
        &self,
        producer: ProducerId,
        epoch: ProducerEpoch,
        sequence: Sequence,
    ) -> Result<Option<TransactionGuard>, ProducerError> {
        let mut state = self.state();
        state.producers.check_known_epoch(producer, epoch)?;
        if state.producers.open_epoch(producer) == Some(epoch) {
            return Ok(None);
        }
        state.producers.note_attempt(producer, epoch, sequence, self.shared.clock.now());
        Ok(Some(state.producers.guard(producer)))
    }

    /// What [`append_transactional`](Self::append_transactional) would say of a batch without a sequence.
    pub fn check_transactional(
        &self,
        producer: ProducerId,
        epoch: ProducerEpoch,
        guard: Option<TransactionGuard>,
    ) -> Result<(), ProducerError> {
        self.state().producers.check_transactional(producer, epoch, guard)
    }

    /// What [`append_marker`](Self::append_marker) would say: false if the marker is there already.
    pub fn check_marker(&self, marker: &Marker) -> Result<bool, ProducerError> {
        self.state().producers.check_marker(marker)
    }

    fn accept(
        self: &Arc<Self>,
        mut batch: BatchMut,
        mut entry: BatchEntry,
        judge: impl FnOnce(&ProducerTable) -> Result<Verdict, ProducerError>,
    ) -> Result<Appended, AppendError> {
        let now = self.shared.clock.now();
        let (appended, wake) = {
            let mut state = self.state();
            if let Err(error) = self.check_open(&state) {
                let BatchEntry { producer_id, producer_epoch, base_sequence, .. } = entry;
                state.producers.note_attempt(producer_id, producer_epoch, base_sequence, now);
                return Err(error.into());
            }
            match judge(&state.producers)? {
                Verdict::Settled => {
                    let last = state.next.plus(-1);
                    return Ok(self.answer(&state, last, last, entry.max_timestamp, true));
                }
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

fn check_producer(
    producers: &ProducerTable,
    entry: &BatchEntry,
    guard: Option<TransactionGuard>,
) -> Result<Verdict, ProducerError> {
    if entry.producer_id == ProducerId::NONE {
        return Ok(Verdict::Append);
    }
    producers.check(entry, guard)
}
