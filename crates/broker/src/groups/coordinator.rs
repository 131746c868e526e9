//! The coordinator of the groups of one partition of the offsets topic.

use std::collections::BTreeSet;
use std::sync::Arc;

use thalweg_coordination::{Millis, Now, Producer, Record, ReplyTo};
use thalweg_groups::{
    CoordinatorState, DeletedTopic, DurableState, Event, GroupError, Input, Outbox, Reply, Request,
    Settings, TxnOffsetCommit, Write,
};
use thalweg_log::planted::{self, Bug};
use thalweg_log::{Marker, ProducerError, TransactionGuard};
use thalweg_records::{Batch, EndTxnMarker, RecordsError};
use thalweg_types::{BATCH_LENGTH_MAX, TopicId, TopicName};
use tokio::sync::oneshot;

use crate::coordinators::{Append, Caused, Coordinator, Place, Waiting};
use crate::metadata::TableCell;
use crate::metrics::{add, count};
use crate::{ClusterTable, TopicKey};

/// What every group coordinator needs.
pub(crate) struct GroupContext {
    pub settings: Settings,
    pub table: Arc<TableCell>,
}

/// What a group coordinator is told.
pub(crate) enum Command {
    Request {
        request: Request,
        reply: oneshot::Sender<Reply>,
    },
    /// Offsets that count when a transaction is committed. The guard is from before its coordinator
    /// was asked.
    CommitInTransaction(CommitInTransaction),
    /// A transaction has ended.
    End {
        marker: Marker,
        done: oneshot::Sender<Result<(), ProducerError>>,
    },
    TopicsDeleted(Vec<DeletedTopic>),
}

pub(crate) struct CommitInTransaction {
    pub commit: TxnOffsetCommit,
    pub guard: Option<TransactionGuard>,
    pub reply: oneshot::Sender<Result<Reply, ProducerError>>,
}

/// What waits for records to be durable.
pub(crate) enum Effect {
    Reply(ReplyTo, Reply),
    Ended(oneshot::Sender<Result<(), ProducerError>>),
}

/// Who waits for a reply. Dropping it tells that there will be none.
enum Waiter {
    Plain(oneshot::Sender<Reply>),
    InTransaction(oneshot::Sender<Result<Reply, ProducerError>>),
}

pub(crate) struct GroupCoordinator {
    place: Place<Self>,
    state: CoordinatorState,
    out: Outbox,
    appends: Vec<Append>,
    ended: Vec<oneshot::Sender<Result<(), ProducerError>>>,
    waiting: Waiting<Waiter>,
}

impl Coordinator for GroupCoordinator {
    type Context = GroupContext;
    type Command = Command;
    type Effect = Effect;
    const TASK: &'static str = "group-coordinator";

    fn new(place: &Place<Self>) -> Self {
        Self {
            place: place.clone(),
            state: CoordinatorState::new(place.context.settings.clone()),
            out: Outbox::default(),
            appends: Vec::new(),
            ended: Vec::new(),
            waiting: Waiting::default(),
        }
    }

    fn replay(&mut self, batch: &Batch) -> Result<(), RecordsError> {
        let header = batch.header();
        let transaction = header.attributes.is_transactional().then_some(header.producer_id);
        let transaction = transaction.filter(|_| !planted::is(Bug::PendingCounts));
        if transaction.is_some() && planted::is(Bug::ForgetPending) {
            return Ok(());
        }
        for record in batch.records(BATCH_LENGTH_MAX)? {
            let record = record?;
            if header.attributes.is_control() {
                if let Some(marker) = EndTxnMarker::parse(&record)? {
                    self.state.replay_end(header.producer_id, marker.outcome);
                }
            } else if let Some(key) = record.key {
                self.state.replay(&Record { key, value: record.value }, transaction);
            }
        }
        Ok(())
    }

    fn begin(&mut self, now: Now) {
        let vanished = vanished_topics(self.state.durable(), &self.place.context.table.get());
        self.step(now, Input::Loaded);
        if !vanished.is_empty() {
            self.step(now, Input::TopicsDeleted(vanished));
        }
    }

    fn goes_alone(command: &Command) -> bool {
        matches!(command, Command::CommitInTransaction(_) | Command::End { .. })
    }

    fn take(&mut self, now: Now, command: Command) {
        match command {
            Command::Request { request, reply } => self.request(now, request, Waiter::Plain(reply)),
            Command::CommitInTransaction(command) => self.commit_in_transaction(now, command),
            Command::End { marker, done } => self.end(now, marker, done),
            Command::TopicsDeleted(topics) => self.step(now, Input::TopicsDeleted(topics)),
        }
    }

    fn refuse(command: Command) {
        const LOADING: GroupError = GroupError::CoordinatorLoadInProgress;
        match command {
            Command::Request { request, reply } => {
                let _ = reply.send(request.refusal(LOADING));
            }
            Command::CommitInTransaction(CommitInTransaction { reply, .. }) => {
                let _ = reply.send(Ok(Reply::TxnOffsetCommit(Err(LOADING))));
            }
            // Who ends a transaction hears that it was not done, and the next load sees for itself
            // which topics exist.
            Command::End { .. } | Command::TopicsDeleted(_) => {}
        }
    }

    fn deadline(&self) -> Option<Millis> {
        self.state.deadline()
    }

    fn time_out(&mut self, now: Now) {
        self.step(now, Input::Timeout);
    }

    fn drain(&mut self) -> Caused<Effect> {
        self.gather(None);
        let Outbox { replies, events, .. } = std::mem::take(&mut self.out);
        for event in &events {
            self.note(event);
        }
        let replies = replies.into_iter().map(|(reply_to, reply)| Effect::Reply(reply_to, reply));
        let ended = std::mem::take(&mut self.ended).into_iter().map(Effect::Ended);
        let effects = replies.chain(ended).collect();
        Caused { appends: std::mem::take(&mut self.appends), effects }
    }

    fn perform(&mut self, effect: Effect) {
        // Whoever asked may have gone.
        match effect {
            Effect::Reply(reply_to, reply) => match self.waiting.take(reply_to) {
                Some(Waiter::Plain(waiter)) => drop(waiter.send(reply)),
                Some(Waiter::InTransaction(waiter)) => drop(waiter.send(Ok(reply))),
                None => {}
            },
            Effect::Ended(done) => drop(done.send(Ok(()))),
        }
    }
}

impl GroupCoordinator {
    fn step(&mut self, now: Now, input: Input) {
        self.state.step(now, input, &mut self.out);
    }

    fn request(&mut self, now: Now, request: Request, waiter: Waiter) {
        let reply_to = self.waiting.add(waiter);
        self.step(now, Input::Request { reply_to, request });
    }

    /// The machine would remember what the partition refuses, so that is asked first. Nobody else
    /// writes to the partition, and what was written before is in it.
    fn commit_in_transaction(&mut self, now: Now, command: CommitInTransaction) {
        let CommitInTransaction { commit, guard, reply } = command;
        let Producer { id, epoch } = commit.producer;
        match self.place.partition.check_transactional(id, epoch, guard) {
            Ok(()) => {
                let waiter = Waiter::InTransaction(reply);
                self.request(now, Request::TxnOffsetCommit(commit), waiter);
                self.gather(guard);
            }
            Err(error) => drop(reply.send(Err(error))),
        }
    }

    fn end(&mut self, now: Now, marker: Marker, done: oneshot::Sender<Result<(), ProducerError>>) {
        match self.place.partition.check_marker(&marker) {
            Ok(is_new) => {
                if is_new {
                    let Marker { producer_id: producer, outcome, .. } = marker;
                    self.step(now, Input::TransactionEnded { producer, outcome });
                    self.gather(None);
                    self.appends.push(Append::Marker(marker));
                }
                self.ended.push(done);
            }
            Err(error) => drop(done.send(Err(error))),
        }
    }

    /// Moves the machine's records to what is to be appended; those of transactions with `guard`.
    fn gather(&mut self, guard: Option<TransactionGuard>) {
        for Write { record, transaction } in std::mem::take(&mut self.out.records) {
            match (transaction, self.appends.last_mut()) {
                (None, Some(Append::Records(records))) => records.push(record),
                (None, _) => self.appends.push(Append::Records(vec![record])),
                (Some(producer), Some(Append::InTransaction(last, _, records)))
                    if *last == producer =>
                {
                    records.push(record);
                }
                (Some(producer), _) => {
                    self.appends.push(Append::InTransaction(producer, guard, vec![record]));
                }
            }
        }
    }

    fn note(&self, event: &Event) {
        let metrics = &self.place.world.metrics;
        match event {
            Event::GenerationStarted { .. } => count(&metrics.group_generations),
            Event::MemberRemoved { .. } => count(&metrics.group_members_removed),
            Event::OffsetsExpired { count, .. } => add(&metrics.group_offsets_expired, *count),
            Event::RebalanceStarted { .. }
            | Event::GenerationAssigned { .. }
            | Event::RecordTooLarge { .. } => {}
        }
        tracing::debug!(partition = self.place.partition.id().partition, ?event, "group");
    }
}

/// Topics that groups have offsets of and that are gone: they were deleted while nobody listened.
/// Another topic may have taken over the name since.
fn vanished_topics(state: &DurableState, table: &ClusterTable) -> Vec<DeletedTopic> {
    let is_gone = |name: &TopicName, id: TopicId| {
        let current = table.topic(TopicKey::Name(name.as_str())).ok().map(|topic| topic.id());
        !current.is_some_and(|current| id == current || id.is_zero())
    };
    let vanished: BTreeSet<_> = state.topics().filter(|(name, id)| is_gone(name, *id)).collect();
    vanished.into_iter().map(|(name, id)| DeletedTopic { name: name.clone(), id }).collect()
}
