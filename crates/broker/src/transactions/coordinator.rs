//! The coordinator of the transactional ids of one partition of the transaction topic.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use thalweg_coordination::{Millis, Now, Record, ReplyTo};
use thalweg_log::planted::{self, Bug};
use thalweg_records::{Batch, RecordsError};
use thalweg_transactions::{
    CoordinatorState, Event, Input, Marker, MarkerReport, Outbox, Reply, Request, Settings,
    TransactionError,
};
use thalweg_types::{BATCH_LENGTH_MAX, ProducerId, TxnOutcome};
use tokio::sync::oneshot;

use super::markers::Markers;
use crate::coordinators::{Append, Caused, Coordinator, Place, Waiting};
use crate::metrics::count;
use crate::producer_ids::ProducerIds;

/// What every transaction coordinator needs.
pub(crate) struct TransactionContext {
    pub settings: Settings,
    pub ids: Arc<ProducerIds>,
    pub markers: Arc<Markers>,
    /// Counts the machines, so that none is told what another has asked for.
    machines: AtomicU64,
}

impl TransactionContext {
    pub fn new(settings: Settings, ids: &Arc<ProducerIds>, markers: &Arc<Markers>) -> Self {
        let (ids, markers) = (ids.clone(), markers.clone());
        Self { settings, ids, markers, machines: AtomicU64::new(0) }
    }
}

/// What a transaction coordinator is told.
pub(crate) enum Command {
    Request {
        request: Request,
        reply: oneshot::Sender<Reply>,
    },
    /// What became of something that a machine has asked for.
    Came {
        machine: u64,
        what: Came,
    },
}

pub(crate) enum Came {
    ProducerId(Option<ProducerId>),
    Markers(MarkerReport),
}

/// What waits for records to be durable.
pub(crate) enum Effect {
    Reply(ReplyTo, Reply),
    Marker(Marker),
}

pub(crate) struct TransactionCoordinator {
    place: Place<Self>,
    machine: u64,
    state: CoordinatorState,
    out: Outbox,
    waiting: Waiting<oneshot::Sender<Reply>>,
}

impl Coordinator for TransactionCoordinator {
    type Context = TransactionContext;
    type Command = Command;
    type Effect = Effect;
    const TASK: &'static str = "transaction-coordinator";

    fn new(place: &Place<Self>) -> Self {
        Self {
            machine: place.context.machines.fetch_add(1, Ordering::Relaxed),
            state: CoordinatorState::new(place.context.settings.clone()),
            place: place.clone(),
            out: Outbox::default(),
            waiting: Waiting::default(),
        }
    }

    fn replay(&mut self, batch: &Batch) -> Result<(), RecordsError> {
        if batch.header().attributes.is_control() {
            return Ok(());
        }
        for record in batch.records(BATCH_LENGTH_MAX)? {
            let record = record?;
            if let Some(key) = record.key {
                self.state.replay(&Record { key, value: record.value });
            }
        }
        Ok(())
    }

    fn begin(&mut self, now: Now) {
        let coordinator_epoch = self.place.partition.leader_epoch();
        self.step(now, Input::Loaded { coordinator_epoch });
        if planted::is(Bug::ForgetDecision) {
            self.out.markers.clear();
        }
        if planted::is(Bug::AbortDecided) {
            self.out.markers.iter_mut().for_each(|marker| marker.outcome = TxnOutcome::Abort);
        }
    }

    fn goes_alone(_: &Command) -> bool {
        false
    }

    fn take(&mut self, now: Now, command: Command) {
        match command {
            Command::Request { request, reply } => {
                let reply_to = self.waiting.add(reply);
                self.step(now, Input::Request { reply_to, request });
            }
            Command::Came { machine, .. } if machine != self.machine => {}
            Command::Came { what: Came::ProducerId(Some(id)), .. } => {
                self.step(now, Input::ProducerId(id));
            }
            Command::Came { what: Came::ProducerId(None), .. } => {
                self.step(now, Input::NoProducerId);
            }
            Command::Came { what: Came::Markers(report), .. } => {
                self.step(now, Input::MarkersSettled(report));
            }
        }
    }

    fn refuse(command: Command) {
        if let Command::Request { request, reply } = command {
            let _ = reply.send(request.refusal(TransactionError::CoordinatorLoadInProgress));
        }
    }

    fn deadline(&self) -> Option<Millis> {
        self.state.deadline()
    }

    fn time_out(&mut self, now: Now) {
        self.step(now, Input::Timeout);
    }

    fn drain(&mut self) -> Caused<Effect> {
        let Outbox { records, replies, markers, producer_ids_wanted, events } =
            std::mem::take(&mut self.out);
        for event in &events {
            self.note(event);
        }
        (0..producer_ids_wanted).for_each(|_| self.allocate());
        let replies = replies.into_iter().map(|(reply_to, reply)| Effect::Reply(reply_to, reply));
        let effects = replies.chain(markers.into_iter().map(Effect::Marker)).collect();
        let appends = if records.is_empty() { vec![] } else { vec![Append::Records(records)] };
        Caused { appends, effects }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Reply(reply_to, reply) => {
                if let Some(waiter) = self.waiting.take(reply_to) {
                    // The client may have gone.
                    let _ = waiter.send(reply);
                }
            }
            Effect::Marker(marker) => {
                let markers = self.place.context.markers.clone();
                self.ask("transaction-markers", async move {
                    Came::Markers(markers.write(marker).await)
                });
            }
        }
    }
}

impl TransactionCoordinator {
    fn step(&mut self, now: Now, input: Input) {
        self.state.step(now, input, &mut self.out);
    }

    fn allocate(&self) {
        let ids = self.place.context.ids.clone();
        self.ask("producer-id", async move {
            let allocated = ids.next().await;
            Came::ProducerId(
                allocated.inspect_err(|error| tracing::warn!(%error, "no producer id")).ok(),
            )
        });
    }

    /// Has something done elsewhere, and told to this machine.
    fn ask(&self, task: &'static str, work: impl Future<Output = Came> + Send + 'static) {
        let (machine, inbox) = (self.machine, self.place.inbox.clone());
        self.place.world.env.spawn(task, async move {
            let what = work.await;
            if let Some(inbox) = inbox.upgrade() {
                // Without a driver there is nobody to tell.
                let _ = inbox.send(Command::Came { machine, what }).await;
            }
        });
    }

    fn note(&self, event: &Event) {
        let metrics = &self.place.world.metrics;
        match event {
            Event::TransactionCompleted { .. } => count(&metrics.transactions_completed),
            Event::MarkersFailed { transactional_id, failures, .. } => {
                count(&metrics.transaction_markers_failed);
                tracing::warn!(%transactional_id, failures, "a marker was not written, readers wait");
            }
            Event::ProducerInitialized { .. }
            | Event::TransactionEnding { .. }
            | Event::IdsExpired { .. } => {}
        }
        tracing::debug!(partition = self.place.partition.id().partition, ?event, "transaction");
    }
}
