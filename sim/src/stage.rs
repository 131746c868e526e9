//! What every actor of a run has in hand.

use std::sync::Arc;

use thalweg_broker::TopicKey;
use thalweg_env::{Env, Shutdown};
use thalweg_types::TopicId;

use crate::connection::Address;
use crate::history::History;
use crate::ledger::Ledger;
use crate::scenario::{Kind, Scenario};

/// The wall clock of the clients, which nobody moves, at the start: that of the simulated world.
const WALL_START_MS: i64 = 1_767_225_600_000;

/// The stage of a run. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Stage {
    /// For time only: clients belong to no incarnation.
    pub env: Env,
    pub address: Address,
    pub history: History,
    pub ledger: Ledger,
    pub scenario: Arc<Scenario>,
    /// Raised when actors shall come to an end.
    pub stop: Shutdown,
}

impl Stage {
    /// Waits, unless the actors shall end: false then.
    pub async fn pause(&self, duration: std::time::Duration) -> bool {
        tokio::select! {
            biased;
            () = self.stop.wait() => false,
            () = self.env.sleep(duration) => true,
        }
    }

    /// True if records of the topic that were acknowledged may be gone after a crash.
    pub fn may_be_cut(&self, target: &Target) -> bool {
        target.kind == Kind::Os && self.scenario.faults.power_cuts
    }

    /// The clients' wall clock.
    pub fn wall_ms(&self) -> i64 {
        WALL_START_MS + self.history.elapsed().as_millis() as i64
    }
}

/// A topic as clients know it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// Its name in the history: one per incarnation.
    pub name: Arc<str>,
    /// Its id, for those that ask by id.
    pub id: Option<TopicId>,
    pub partitions: i32,
    pub kind: Kind,
}

impl Target {
    /// How requests name it.
    pub fn key(&self) -> TopicKey<'_> {
        self.id.map_or(TopicKey::Name(&self.name), TopicKey::Id)
    }
}
