//! What a partition knows of idempotent and transactional producers (KIP-98).
//!
//! The table keeps two views: what is durable, and what has been accepted on top of it. A failed
//! write forgets the second and keeps the first, so that a producer's retry is judged by what is
//! really there.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use thalweg_types::{Offset, ProducerEpoch, ProducerId, Sequence, Timestamp, TxnOutcome};

use crate::attempts::{Attempt, Attempts};
use crate::format::entry::BatchEntry;
use crate::planted::{self, Bug};
use crate::transactions::{AbortedTransaction, Marker, OpenTransaction};

/// Batches remembered per producer, as in Kafka (`ProducerStateEntry.NUM_BATCHES_TO_RETAIN`).
pub(crate) const BATCHES_KEPT: usize = 5;

/// A batch of a producer, as far as a retry needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerBatch {
    /// Sequence of the first record.
    pub base_sequence: Sequence,
    /// Sequence of the last record.
    pub last_sequence: Sequence,
    /// Offset of the first record.
    pub base_offset: Offset,
    /// Offset of the last record.
    pub last_offset: Offset,
    /// Largest timestamp of the batch.
    pub timestamp: Timestamp,
}

/// A producer's last batches on a partition, and its transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerState {
    /// The epoch of its batches, or of its last marker.
    pub epoch: ProducerEpoch,
    /// When the broker took its last batch, by the broker's clock.
    pub last_append: Timestamp,
    /// Its newest batches, the oldest first, at most five.
    pub batches: VecDeque<ProducerBatch>,
    /// Its transaction, if one is open here.
    pub open: Option<OpenTransaction>,
    /// The epoch of the coordinator that ended its last transaction here, or -1.
    pub coordinator_epoch: i32,
    /// The offset of its last marker here, or [`Offset::NONE`].
    pub last_marker: Offset,
}

/// What to do with a batch of an idempotent producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Append,
    /// The batch is there already: answer as the first time.
    Duplicate(ProducerBatch),
    /// The marker is there already.
    Settled,
}

/// Why a batch of an idempotent producer is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProducerError {
    /// The sequence does not follow the last one.
    #[error("out of order sequence: got {got}, the last one was {last}")]
    OutOfOrder {
        /// The batch's first sequence.
        got: Sequence,
        /// The last sequence of the producer here.
        last: Sequence,
    },
    /// A newer incarnation of the producer has written already.
    #[error("producer epoch {got} is older than {current}")]
    StaleEpoch {
        /// The batch's epoch.
        got: ProducerEpoch,
        /// The epoch known here.
        current: ProducerEpoch,
    },
    /// The producer's transaction is open, and the batch is not of it.
    #[error("the producer has an open transaction")]
    TransactionOpen,
    /// A batch would begin a transaction that nobody has vouched for, or that has ended meanwhile.
    #[error("the batch belongs to no transaction that its coordinator knows")]
    NoTransaction,
    /// A newer coordinator has ended transactions of the producer already.
    #[error("coordinator epoch {got} is older than {current}")]
    StaleCoordinator {
        /// The marker's coordinator epoch.
        got: i32,
        /// That of the last marker here.
        current: i32,
    },
}

/// Lets a producer begin a transaction here, if no marker of its has come since it was given out. Whoever
/// holds one has asked the coordinator in between (KIP-890).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionGuard {
    /// The number of the producer's last marker.
    marker: u64,
    /// Whether the producer's first batch here has to have the sequence 0.
    from_zero: bool,
}

impl TransactionGuard {
    /// The same for clients whose epochs last for one transaction (KIP-890 part 2): where nothing is known
    /// of the producer, its first sequence is 0.
    #[must_use]
    pub const fn from_zero(self) -> Self {
        Self { from_zero: true, ..self }
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct ProducerTable {
    durable: BTreeMap<ProducerId, ProducerState>,
    /// The durable producers with an open transaction, by its first offset.
    open: BTreeSet<(Offset, ProducerId)>,
    /// Counts the markers that were accepted, whatever became of them.
    markers: u64,
    /// The number of the last marker of each producer that had one since the start.
    marked: BTreeMap<ProducerId, u64>,
    /// Producers with accepted batches that are not durable yet, and how many those are.
    ahead: BTreeMap<ProducerId, Ahead>,
    attempts: Attempts,
}

/// What was accepted of a producer on top of what is durable.
#[derive(Clone, Debug)]
struct Ahead {
    newest: ProducerState,
    /// Its first sequence since nothing was ahead.
    first: Sequence,
    /// Batches that are not durable yet.
    count: usize,
}

impl ProducerTable {
    /// Judges a batch by the newest state, durable or not (rules 11 and 12 of the field).
    pub(crate) fn check(
        &self,
        batch: &BatchEntry,
        guard: Option<TransactionGuard>,
    ) -> Result<Verdict, ProducerError> {
        let verdict = self.check_sequence(batch)?;
        if verdict != Verdict::Append {
            return Ok(verdict);
        }
        if batch.is_transactional() {
            self.check_transactional(batch.producer_id, batch.producer_epoch, guard)?;
            let is_unknown = batch.has_sequence() && self.newest(batch.producer_id).is_none();
            let from_zero = guard.is_some_and(|guard| guard.from_zero);
            if is_unknown && from_zero && batch.base_sequence != Sequence(0) {
                return Err(ProducerError::OutOfOrder {
                    got: batch.base_sequence,
                    last: Sequence::NONE,
                });
            }
        } else if self.open_epoch(batch.producer_id).is_some() {
            return Err(ProducerError::TransactionOpen);
        }
        Ok(verdict)
    }

    /// Judges a batch of a transaction that has no sequence.
    pub(crate) fn check_transactional(
        &self,
        id: ProducerId,
        epoch: ProducerEpoch,
        guard: Option<TransactionGuard>,
    ) -> Result<(), ProducerError> {
        self.check_epoch(id, epoch)?;
        match self.open_epoch(id) {
            Some(open) if open == epoch => Ok(()),
            // The marker of the transaction before is still to come: it would end this one as well.
            Some(_) => Err(ProducerError::TransactionOpen),
            None if guard.is_some_and(|guard| guard.marker == self.guard(id).marker) => Ok(()),
            None => Err(ProducerError::NoTransaction),
        }
    }

    pub(crate) fn check_epoch(
        &self,
        id: ProducerId,
        got: ProducerEpoch,
    ) -> Result<(), ProducerError> {
        let current = self.newest(id).map_or(ProducerEpoch::NONE, |producer| producer.epoch);
        if got < current { Err(ProducerError::StaleEpoch { got, current }) } else { Ok(()) }
    }

    /// The same, before the coordinator is asked: it may know a producer that is unknown here.
    pub(crate) fn check_known_epoch(
        &self,
        id: ProducerId,
        got: ProducerEpoch,
    ) -> Result<(), ProducerError> {
        if self.newest(id).is_some() { self.check_epoch(id, got) } else { Ok(()) }
    }

    /// Remembers what a producer wanted to write, and may not or cannot yet. Of a producer that is known,
    /// sequences tell what is missing; what is written already may come once more, late.
    pub(crate) fn note_attempt(
        &mut self,
        id: ProducerId,
        epoch: ProducerEpoch,
        lowest: Sequence,
        now: Timestamp,
    ) {
        if id != ProducerId::NONE && lowest != Sequence::NONE && self.newest(id).is_none() {
            self.attempts.note(id, Attempt { epoch, lowest, at: now });
        }
    }

    /// What lets a producer begin a transaction from now on.
    pub(crate) fn guard(&self, id: ProducerId) -> TransactionGuard {
        let marker = self.marked.get(&id).copied().unwrap_or_default();
        TransactionGuard { marker, from_zero: false }
    }

    /// The epoch of the producer, if a transaction of it is open, durably or not.
    pub(crate) fn open_epoch(&self, id: ProducerId) -> Option<ProducerEpoch> {
        let producer = self.newest(id)?;
        producer.open.map(|_| producer.epoch)
    }

    /// Judges a marker by the newest state. False if it is here already: a coordinator that did not hear
    /// of it tries again. Without an epoch of its own a marker may also be that of the next transaction,
    /// of which there is no batch here: like Kafka, the log takes it.
    pub(crate) fn check_marker(&self, marker: &Marker) -> Result<bool, ProducerError> {
        let Some(producer) = self.newest(marker.producer_id) else { return Ok(true) };
        let is_open = producer.open.is_some();
        let (got, current) = (marker.producer_epoch, producer.epoch);
        let must_grow = is_open && marker.new_epoch && !planted::is(Bug::LateMarker);
        if got < current || (must_grow && got == current) {
            return Err(ProducerError::StaleEpoch { got, current });
        }
        if marker.coordinator_epoch < producer.coordinator_epoch {
            return Err(ProducerError::StaleCoordinator {
                got: marker.coordinator_epoch,
                current: producer.coordinator_epoch,
            });
        }
        let has_marker = producer.last_marker != Offset::NONE;
        Ok(is_open || got > current || !marker.new_epoch || !has_marker)
    }

    fn check_sequence(&self, batch: &BatchEntry) -> Result<Verdict, ProducerError> {
        self.check_epoch(batch.producer_id, batch.producer_epoch)?;
        let Some(producer) = self.newest(batch.producer_id) else {
            let (got, last) = (batch.base_sequence, Sequence::NONE);
            let overtakes = self.attempts.are_overtaken_by(batch);
            return if overtakes {
                Err(ProducerError::OutOfOrder { got, last })
            } else {
                Ok(Verdict::Append)
            };
        };
        if !batch.has_sequence() {
            return Ok(Verdict::Append);
        }
        // In Kafka the batches of a producer without an epoch are compared, but not counted.
        let is_counted = producer.epoch != ProducerEpoch::NONE;
        let last = producer.batches.back().map_or(Sequence::NONE, |kept| kept.last_sequence);
        if batch.producer_epoch > producer.epoch {
            let starts_over = batch.base_sequence == Sequence(0) || !is_counted;
            return if starts_over {
                Ok(Verdict::Append)
            } else {
                Err(ProducerError::OutOfOrder { got: batch.base_sequence, last })
            };
        }
        let twin = producer.batches.iter().find(|kept| {
            (kept.base_sequence, kept.last_sequence) == (batch.base_sequence, batch.last_sequence())
        });
        if let Some(twin) = twin {
            return Ok(Verdict::Duplicate(*twin));
        }
        // Of a producer with a marker and no batch, sequences begin anew with its epoch.
        if batch.base_sequence == last.plus(1) || !is_counted {
            return Ok(Verdict::Append);
        }
        Err(ProducerError::OutOfOrder { got: batch.base_sequence, last })
    }

    fn newest(&self, id: ProducerId) -> Option<&ProducerState> {
        self.ahead.get(&id).map(|ahead| &ahead.newest).or_else(|| self.durable.get(&id))
    }

    /// Remembers an accepted batch that is not durable yet.
    pub(crate) fn accept(&mut self, batch: &BatchEntry, now: Timestamp) {
        if batch.producer_id == ProducerId::NONE || planted::is(Bug::ForgetSequence) {
            return;
        }
        let durable = &self.durable;
        let ahead = self.ahead.entry(batch.producer_id).or_insert_with(|| {
            let known = durable.get(&batch.producer_id).cloned();
            let newest = known.unwrap_or_else(|| ProducerState::new(batch.producer_epoch));
            Ahead { newest, first: batch.base_sequence, count: 0 }
        });
        ahead.newest.push(batch, now);
        ahead.count += 1;
        self.attempts.settle(batch.producer_id);
        if batch.is_control() {
            self.markers += 1;
            self.marked.insert(batch.producer_id, self.markers);
        }
    }

    /// An accepted batch, or one read during recovery, is durable. Returns the transaction that it aborts.
    pub(crate) fn settle(
        &mut self,
        batch: &BatchEntry,
        now: Timestamp,
    ) -> Option<AbortedTransaction> {
        if batch.producer_id == ProducerId::NONE || planted::is(Bug::ForgetSequence) {
            return None;
        }
        self.settle_ahead(batch);
        let (id, epoch) = (batch.producer_id, batch.producer_epoch);
        let producer = self.durable.entry(id).or_insert_with(|| ProducerState::new(epoch));
        let before = producer.open;
        producer.push(batch, now);
        if before == producer.open {
            return None;
        }
        if let Some(opened) = producer.open {
            self.open.insert((opened.first_offset, id));
        }
        let ended = before?;
        self.open.remove(&(ended.first_offset, id));
        let (outcome, _) = batch.marker();
        let is_aborted = outcome == TxnOutcome::Abort && !planted::is(Bug::DropAbort);
        is_aborted.then(|| AbortedTransaction {
            producer_id: id,
            first_offset: ended.first_offset,
            last_offset: batch.last_offset(),
            last_stable_offset: self.first_open().unwrap_or(batch.end_offset()),
        })
    }

    /// Where the oldest of the durably open transactions begins.
    pub(crate) fn first_open(&self) -> Option<Offset> {
        self.open.first().map(|(offset, _)| *offset)
    }

    /// The oldest of the durably open transactions.
    pub(crate) fn oldest_open(&self) -> Option<OpenTransaction> {
        let (_, id) = self.open.first()?;
        self.durable.get(id)?.open
    }

    fn settle_ahead(&mut self, batch: &BatchEntry) {
        if let Some(ahead) = self.ahead.get_mut(&batch.producer_id) {
            ahead.count -= 1;
            if ahead.count == 0 {
                self.ahead.remove(&batch.producer_id);
            }
        }
    }

    /// Forgets what was accepted and did not become durable.
    pub(crate) fn roll_back(&mut self) {
        for (id, Ahead { newest, first, .. }) in std::mem::take(&mut self.ahead) {
            self.note_attempt(id, newest.epoch, first, newest.last_append);
        }
    }

    /// Forgets producers that have been silent since before `horizon`, but not in the middle of a
    /// transaction.
    pub(crate) fn expire(&mut self, horizon: Timestamp) {
        self.durable
            .retain(|_, producer| producer.last_append >= horizon || producer.open.is_some());
        self.attempts.expire(horizon);
        let Self { durable, ahead, marked, .. } = self;
        marked.retain(|id, _| durable.contains_key(id) || ahead.contains_key(id));
    }

    /// Forgets batches that end beyond `end`.
    pub(crate) fn cut(&mut self, end: Offset) {
        self.durable.retain(|_, producer| {
            producer.batches.retain(|batch| batch.last_offset < end);
            producer.open = producer.open.filter(|open| open.first_offset < end);
            if producer.last_marker >= end {
                producer.last_marker = Offset::NONE;
            }
            !producer.batches.is_empty() || producer.open.is_some()
        });
        let durable = &self.durable;
        self.open.retain(|(_, id)| durable.get(id).is_some_and(|producer| producer.open.is_some()));
    }

    /// The durable producers.
    pub(crate) fn durable(&self) -> impl Iterator<Item = (&ProducerId, &ProducerState)> {
        self.durable.iter()
    }

    pub(crate) fn insert(&mut self, id: ProducerId, producer: ProducerState) {
        self.open.extend(producer.open.map(|open| (open.first_offset, id)));
        self.durable.insert(id, producer);
    }
}

impl ProducerState {
    /// The timestamp of the last batch or marker here.
    pub fn last_timestamp(&self) -> Timestamp {
        match self.batches.back() {
            Some(batch) if batch.last_offset > self.last_marker => batch.timestamp,
            _ if self.last_marker == Offset::NONE => Timestamp::NONE,
            _ => self.last_append,
        }
    }

    /// A producer of which nothing but its epoch is known.
    pub(crate) fn new(epoch: ProducerEpoch) -> Self {
        Self {
            epoch,
            last_append: Timestamp::NONE,
            batches: VecDeque::new(),
            open: None,
            coordinator_epoch: -1,
            last_marker: Offset::NONE,
        }
    }

    fn push(&mut self, batch: &BatchEntry, now: Timestamp) {
        if batch.producer_epoch != self.epoch {
            self.epoch = batch.producer_epoch;
            self.batches.clear();
        }
        self.last_append = now;
        if batch.is_control() {
            (_, self.coordinator_epoch) = batch.marker();
            self.last_marker = batch.last_offset();
            self.open = None;
            return;
        }
        if batch.is_transactional() && self.open.is_none() {
            self.open = Some(OpenTransaction { first_offset: batch.base_offset, began_at: now });
        }
        if !batch.has_sequence() {
            return;
        }
        if self.batches.len() == BATCHES_KEPT {
            self.batches.pop_front();
        }
        self.batches.push_back(ProducerBatch {
            base_sequence: batch.base_sequence,
            last_sequence: batch.last_sequence(),
            base_offset: batch.base_offset,
            last_offset: batch.last_offset(),
            timestamp: batch.max_timestamp,
        });
    }
}
