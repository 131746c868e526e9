//! The driver of one coordinator: a task that owns its machine and appends to its partition.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use thalweg_env::Instant;
use thalweg_groups::{CoordinatorState, Event, GroupError, Input, Outbox, Reply, ReplyTo};
use thalweg_log::{LogError, Partition};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::shards::{Command, ShardContext};
use super::{load, write};
use crate::BrokerError;
use crate::metrics::{add, count};

/// Commands that are taken up together, so that their records share a batch.
const COMMANDS_PER_TURN_MAX: usize = 64;

/// Turns whose records may be on their way to the device at the same time.
const IN_FLIGHT_MAX: usize = 64;

/// Time between two attempts to load.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Shard {
    pub context: Arc<ShardContext>,
    pub partition: Arc<Partition>,
    /// Permits for loading.
    pub loads: Arc<Semaphore>,
    pub commands: mpsc::Receiver<Command>,
}

/// Why a machine is not driven any more.
enum End {
    /// The broker shuts down, or nobody can ask any more.
    Closing,
    /// Records did not become durable: the machine knows more than the partition.
    Failed(BrokerError),
}

impl Shard {
    /// Loads a machine and drives it; after a failed write, again.
    pub async fn run(mut self) {
        let mut batch = Vec::new();
        loop {
            let ended = match self.load().await {
                Ok(state) => {
                    count(&self.context.metrics.coordinators_loaded);
                    Live::new(&self, state).drive(&mut self.commands, &mut batch).await
                }
                Err(error) => End::Failed(error),
            };
            let End::Failed(error) = ended else { return };
            tracing::error!(partition = %self.partition.id(), %error, "group coordinator is reloaded");
            if !self.pause().await {
                return;
            }
        }
    }

    async fn load(&self) -> Result<CoordinatorState, BrokerError> {
        let permit = self.loads.acquire().await;
        let _permit = permit.map_err(|_| BrokerError::Closing)?;
        load::load(&self.context, &self.partition).await
    }

    /// Refuses what comes, for a while. False if the broker shuts down.
    async fn pause(&mut self) -> bool {
        let env = &self.context.env;
        let until = env.now() + RETRY_PAUSE;
        loop {
            tokio::select! {
                biased;
                () = env.shutdown().wait() => return false,
                command = self.commands.recv() => match command {
                    Some(Command::Request { request, reply }) => {
                        let _ = reply.send(request.refusal(GroupError::CoordinatorLoadInProgress));
                    }
                    // The next load sees for itself which topics exist.
                    Some(Command::TopicsDeleted(_)) => {}
                    None => return false,
                },
                () = env.sleep_until(until) => return true,
            }
        }
    }
}

/// A turn whose records are on their way, and the replies that must not overtake them.
struct InFlight {
    durable: Pin<Box<dyn Future<Output = Result<(), LogError>> + Send>>,
    replies: Vec<(ReplyTo, Reply)>,
}

/// A loaded machine and everything that is pending around it.
struct Live {
    context: Arc<ShardContext>,
    partition: Arc<Partition>,
    state: CoordinatorState,
    out: Outbox,
    /// Who waits for which reply. Dropping an entry tells that there will be none.
    waiting: BTreeMap<ReplyTo, oneshot::Sender<Reply>>,
    next_reply: u64,
    in_flight: VecDeque<InFlight>,
}

impl Live {
    fn new(shard: &Shard, state: CoordinatorState) -> Self {
        Self {
            context: shard.context.clone(),
            partition: shard.partition.clone(),
            state,
            out: Outbox::default(),
            waiting: BTreeMap::new(),
            next_reply: 0,
            in_flight: VecDeque::new(),
        }
    }

    /// Drives the machine to its end. Whatever that is, nothing of it is on its way any more.
    async fn drive(
        mut self,
        commands: &mut mpsc::Receiver<Command>,
        batch: &mut Vec<Command>,
    ) -> End {
        let vanished = load::vanished_topics(self.state.durable(), &self.context.table.get());
        self.step(Input::Loaded);
        if !vanished.is_empty() {
            self.step(Input::TopicsDeleted(vanished));
        }
        let end = loop {
            if let Err(error) = self.dispatch() {
                break End::Failed(error);
            }
            if let Err(end) = self.turn(commands, batch).await {
                break end;
            }
        };
        // A reload must not miss what becomes durable after all; and a client whose request is done
        // by the time of the shutdown should hear of it.
        while let Some(turn) = self.in_flight.pop_front() {
            if turn.durable.await.is_ok() && matches!(end, End::Closing) {
                self.answer(turn.replies);
            }
        }
        end
    }

    /// Waits for one thing to happen, and does it.
    async fn turn(
        &mut self,
        commands: &mut mpsc::Receiver<Command>,
        batch: &mut Vec<Command>,
    ) -> Result<(), End> {
        let env = self.context.env.clone();
        let deadline = self.deadline();
        let has_room = self.in_flight.len() < IN_FLIGHT_MAX;
        tokio::select! {
            biased;
            outcome = settled(&mut self.in_flight) => {
                let replies = outcome.map_err(|error| End::Failed(error.into()))?;
                self.answer(replies);
            }
            () = env.shutdown().wait() => return Err(End::Closing),
            taken = commands.recv_many(batch, COMMANDS_PER_TURN_MAX), if has_room => {
                if taken == 0 {
                    return Err(End::Closing);
                }
                batch.drain(..).for_each(|command| self.take(command));
            }
            () = sleep_until(&env, deadline), if has_room => self.step(Input::Timeout),
        }
        Ok(())
    }

    fn deadline(&self) -> Option<Instant> {
        self.state.deadline().map(|deadline| self.context.clock.instant(deadline))
    }

    fn take(&mut self, command: Command) {
        match command {
            Command::Request { request, reply } => {
                let reply_to = ReplyTo(self.next_reply);
                self.next_reply += 1;
                self.waiting.insert(reply_to, reply);
                self.step(Input::Request { reply_to, request });
            }
            Command::TopicsDeleted(topics) => self.step(Input::TopicsDeleted(topics)),
        }
    }

    fn step(&mut self, input: Input) {
        let now = self.context.clock.now(&self.context.env);
        self.state.step(now, input, &mut self.out);
    }

    /// Sends the outbox on its way: records to the log, replies behind them.
    fn dispatch(&mut self) -> Result<(), BrokerError> {
        let Outbox { records, replies, events } = std::mem::take(&mut self.out);
        for event in &events {
            self.note(event);
        }
        if records.is_empty() {
            // A reply may tell of records of earlier turns: it waits for them as well.
            match self.in_flight.back_mut() {
                Some(turn) => turn.replies.extend(replies),
                None => self.answer(replies),
            }
            return Ok(());
        }
        let tickets = write::append(&self.partition, records, self.context.env.wall())?;
        let durable = async move {
            for ticket in tickets {
                ticket.wait().await?;
            }
            Ok(())
        };
        self.in_flight.push_back(InFlight { durable: Box::pin(durable), replies });
        Ok(())
    }

    fn answer(&mut self, replies: Vec<(ReplyTo, Reply)>) {
        for (reply_to, reply) in replies {
            if let Some(waiter) = self.waiting.remove(&reply_to) {
                // The client may have gone.
                let _ = waiter.send(reply);
            }
        }
    }

    fn note(&self, event: &Event) {
        let metrics = &self.context.metrics;
        match event {
            Event::GenerationStarted { .. } => count(&metrics.group_generations),
            Event::MemberRemoved { .. } => count(&metrics.group_members_removed),
            Event::OffsetsExpired { count, .. } => add(&metrics.group_offsets_expired, *count),
            Event::RebalanceStarted { .. }
            | Event::GenerationAssigned { .. }
            | Event::RecordTooLarge { .. } => {}
        }
        tracing::debug!(partition = self.partition.id().partition, ?event, "group");
    }
}

/// Completes with the oldest turn, and takes it out; never, if none is under way.
async fn settled(in_flight: &mut VecDeque<InFlight>) -> Result<Vec<(ReplyTo, Reply)>, LogError> {
    let Some(turn) = in_flight.front_mut() else { return std::future::pending().await };
    let outcome = turn.durable.as_mut().await;
    let replies = in_flight.pop_front().map(|turn| turn.replies).unwrap_or_default();
    outcome.map(|()| replies)
}

async fn sleep_until(env: &thalweg_env::Env, deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => env.sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
