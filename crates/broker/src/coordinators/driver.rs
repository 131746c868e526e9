//! The driver of one coordinator: a task that owns its machine and appends to its partition.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use thalweg_env::{Env, Instant};
use thalweg_log::LogError;
use thalweg_log::planted::{self, Bug};
use tokio::sync::{Semaphore, mpsc};

use super::{Caused, Coordinator, Place, load};
use crate::BrokerError;
use crate::metrics::count;

/// Commands that are taken up together, so that their records share a batch.
const COMMANDS_PER_TURN_MAX: usize = 64;

/// Turns whose records may be on their way to the device at the same time.
const IN_FLIGHT_MAX: usize = 64;

/// Time between two attempts to load.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Driver<C: Coordinator> {
    pub place: Place<C>,
    /// Permits for loading.
    pub loads: Arc<Semaphore>,
    pub commands: mpsc::Receiver<C::Command>,
}

/// Why a machine is not driven any more.
enum End {
    /// The broker shuts down, or nobody can ask any more.
    Closing,
    /// Records did not become durable: the machine knows more than the partition.
    Failed(BrokerError),
}

impl<C: Coordinator> Driver<C> {
    /// Loads a machine and drives it; after a failed write, again.
    pub async fn run(mut self) {
        let mut batch = Vec::new();
        loop {
            let ended = match self.load().await {
                Ok(machine) => {
                    count(&self.place.world.metrics.coordinators_loaded);
                    Live::new(&self.place, machine).drive(&mut self.commands, &mut batch).await
                }
                Err(error) => End::Failed(error),
            };
            let End::Failed(error) = ended else { return };
            let partition = self.place.partition.id();
            tracing::error!(%partition, %error, "{} is reloaded", C::TASK);
            if !self.pause().await {
                return;
            }
        }
    }

    async fn load(&self) -> Result<C, BrokerError> {
        let permit = self.loads.acquire().await;
        let _permit = permit.map_err(|_| BrokerError::Closing)?;
        load::load(&self.place).await
    }

    /// Refuses what comes, for a while. False if the broker shuts down.
    async fn pause(&mut self) -> bool {
        let env = &self.place.world.env;
        let until = env.now() + RETRY_PAUSE;
        loop {
            tokio::select! {
                biased;
                () = env.shutdown().wait() => return false,
                command = self.commands.recv() => match command {
                    Some(command) => C::refuse(command),
                    None => return false,
                },
                () = env.sleep_until(until) => return true,
            }
        }
    }
}

/// A turn whose records are on their way, and what must not overtake them.
struct InFlight<E> {
    durable: Pin<Box<dyn Future<Output = Result<(), LogError>> + Send>>,
    effects: Vec<E>,
}

/// A loaded machine and everything that is pending around it.
struct Live<C: Coordinator> {
    place: Place<C>,
    machine: C,
    in_flight: VecDeque<InFlight<C::Effect>>,
}

impl<C: Coordinator> Live<C> {
    fn new(place: &Place<C>, machine: C) -> Self {
        Self { place: place.clone(), machine, in_flight: VecDeque::new() }
    }

    /// Drives the machine to its end. Whatever that is, nothing of it is on its way any more.
    async fn drive(
        mut self,
        commands: &mut mpsc::Receiver<C::Command>,
        batch: &mut Vec<C::Command>,
    ) -> End {
        self.machine.begin(self.place.world.now());
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
                self.perform(turn.effects);
            }
        }
        end
    }

    /// Waits for one thing to happen, and does it.
    async fn turn(
        &mut self,
        commands: &mut mpsc::Receiver<C::Command>,
        batch: &mut Vec<C::Command>,
    ) -> Result<(), End> {
        let world = self.place.world.clone();
        let deadline = self.machine.deadline().map(|deadline| world.clock.instant(deadline));
        let has_room = self.in_flight.len() < IN_FLIGHT_MAX;
        tokio::select! {
            biased;
            outcome = settled(&mut self.in_flight) => {
                let effects = outcome.map_err(|error| End::Failed(error.into()))?;
                self.perform(effects);
            }
            () = world.env.shutdown().wait() => return Err(End::Closing),
            taken = commands.recv_many(batch, COMMANDS_PER_TURN_MAX), if has_room => {
                if taken == 0 {
                    return Err(End::Closing);
                }
                self.take_all(batch).map_err(End::Failed)?;
            }
            () = sleep_until(&world.env, deadline), if has_room => {
                self.machine.time_out(world.now());
            }
        }
        Ok(())
    }

    fn take_all(&mut self, batch: &mut Vec<C::Command>) -> Result<(), BrokerError> {
        for command in batch.drain(..) {
            if C::goes_alone(&command) {
                self.dispatch()?;
            }
            self.machine.take(self.place.world.now(), command);
        }
        Ok(())
    }

    /// Sends on its way what the machine has caused: records to the log, effects behind them.
    fn dispatch(&mut self) -> Result<(), BrokerError> {
        let Caused { appends, mut effects } = self.machine.drain();
        if planted::is(Bug::ActBeforeDurable) {
            self.perform(std::mem::take(&mut effects));
        }
        if appends.is_empty() {
            // An effect may tell of records of earlier turns: it waits for them as well.
            match self.in_flight.back_mut() {
                Some(turn) => turn.effects.extend(effects),
                None => self.perform(effects),
            }
            return Ok(());
        }
        let mut tickets = Vec::new();
        for append in appends {
            tickets.extend(append.carry_out(&self.place.partition, self.place.world.env.wall())?);
        }
        let durable = async move {
            for ticket in tickets {
                ticket.wait().await?;
            }
            Ok(())
        };
        self.in_flight.push_back(InFlight { durable: Box::pin(durable), effects });
        Ok(())
    }

    fn perform(&mut self, effects: Vec<C::Effect>) {
        for effect in effects {
            self.machine.perform(effect);
        }
    }
}

/// Completes with the effects of the oldest turn, and takes it out; never, if none is under way.
async fn settled<E>(in_flight: &mut VecDeque<InFlight<E>>) -> Result<Vec<E>, LogError> {
    let Some(turn) = in_flight.front_mut() else { return std::future::pending().await };
    let outcome = turn.durable.as_mut().await;
    let effects = in_flight.pop_front().map(|turn| turn.effects).unwrap_or_default();
    outcome.map(|()| effects)
}

async fn sleep_until(env: &Env, deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => env.sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
