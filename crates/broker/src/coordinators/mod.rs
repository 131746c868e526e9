//! Coordinators: each is a task that owns one partition of an internal topic and drives a state machine
//! on it. What `thalweg-groups` and `thalweg-transactions` ask of their drivers is done here, once.

mod append;
mod ask;
mod driver;
mod load;
mod shards;
mod waiting;

use std::sync::Arc;

use thalweg_coordination::{Millis, Now};
use thalweg_env::Env;
use thalweg_log::Partition;
use thalweg_records::{Batch, RecordsError};
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::metrics::BrokerMetrics;

pub(crate) use append::Append;
pub(crate) use shards::{Coordinators, shard_of};
pub(crate) use waiting::Waiting;

/// A state machine of one kind, with what it needs to be driven.
///
/// Its state changes before its records are durable. So everything that others may see of it is an
/// effect, which the driver holds back until then; and if the records do not become durable the machine
/// is dropped, and another one loaded.
pub(crate) trait Coordinator: Sized + Send + 'static {
    /// What all coordinators of the kind share.
    type Context: Send + Sync + 'static;
    /// What one is told.
    type Command: Send + 'static;
    /// What must not overtake the records that were handed out before.
    type Effect: Send + 'static;
    /// What its tasks are called.
    const TASK: &'static str;

    /// A machine that knows nothing.
    fn new(place: &Place<Self>) -> Self;
    /// Replays a batch of the partition. They come in order, and before everything else.
    fn replay(&mut self, batch: &Batch) -> Result<(), RecordsError>;
    /// Everything durable has been replayed.
    fn begin(&mut self, now: Now);
    /// True if what earlier commands have caused must be in the log before this one is taken.
    fn goes_alone(command: &Self::Command) -> bool;
    /// Takes a command.
    fn take(&mut self, now: Now, command: Self::Command);
    /// Answers a command that came before the machine was loaded.
    fn refuse(command: Self::Command);
    /// When to call [`time_out`](Self::time_out), if ever.
    fn deadline(&self) -> Option<Millis>;
    /// The deadline has passed.
    fn time_out(&mut self, now: Now);
    /// What everything since the last call has caused.
    fn drain(&mut self) -> Caused<Self::Effect>;
    /// Lets an effect happen.
    fn perform(&mut self, effect: Self::Effect);
}

/// What a coordinator has caused.
pub(crate) struct Caused<E> {
    /// To append, in this order.
    pub appends: Vec<Append>,
    /// To perform, in this order, once these and all appends before are durable.
    pub effects: Vec<E>,
}

/// Where a coordinator is.
pub(crate) struct Place<C: Coordinator> {
    pub world: Arc<World>,
    pub context: Arc<C::Context>,
    pub partition: Arc<Partition>,
    /// Its own queue, for what comes of its effects.
    pub inbox: mpsc::WeakSender<C::Command>,
}

impl<C: Coordinator> Clone for Place<C> {
    fn clone(&self) -> Self {
        let Self { world, context, partition, inbox } = self;
        Self {
            world: world.clone(),
            context: context.clone(),
            partition: partition.clone(),
            inbox: inbox.clone(),
        }
    }
}

/// What coordinators of all kinds live in.
pub(crate) struct World {
    pub env: Env,
    pub clock: Clock,
    pub metrics: Arc<BrokerMetrics>,
    /// Commands that may wait for one coordinator.
    pub queue_max: usize,
}

impl World {
    /// The time of a step.
    pub fn now(&self) -> Now {
        self.clock.now(&self.env)
    }
}
