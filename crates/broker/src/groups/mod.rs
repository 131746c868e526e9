//! The group coordinators, and what groups ask of them.

mod coordinator;
mod lag;
mod requests;

use std::sync::Arc;

use thalweg_cluster::config::Layers;
use thalweg_env::Env;
use thalweg_groups::{DeletedTopic, Settings};

use crate::Topic;
use crate::coordinators::Coordinators;

pub(crate) use coordinator::{Command, CommitInTransaction, GroupContext, GroupCoordinator};
pub use lag::GroupLag;
pub(crate) use requests::with_refused;
pub use requests::{AskedOffsets, CommitOutcome, GroupListing};

pub(crate) type GroupCoordinators = Coordinators<GroupCoordinator>;

/// What the broker's configuration says about groups.
pub(crate) fn settings(layers: &Layers<'_>) -> Settings {
    const MINUTE_MS: i64 = 60_000;
    let number = |name: &str| layers.broker_int(name);
    let int = |name: &str| i32::try_from(number(name)).unwrap_or(i32::MAX);
    Settings {
        session_timeout_min_ms: int("group.min.session.timeout.ms"),
        session_timeout_max_ms: int("group.max.session.timeout.ms"),
        initial_rebalance_delay_ms: int("group.initial.rebalance.delay.ms"),
        group_size_max: number("group.max.size").unsigned_abs() as usize,
        offset_metadata_length_max: number("offset.metadata.max.bytes").unsigned_abs() as usize,
        offsets_retention_ms: number("offsets.retention.minutes").saturating_mul(MINUTE_MS),
        offsets_retention_check_interval_ms: int("offsets.retention.check.interval.ms"),
        ..Settings::default()
    }
}

impl GroupCoordinators {
    /// Tells every coordinator that topics are gone. One that misses it looks again when it loads.
    pub fn forget_topics(&self, env: &Env, topics: &[Arc<Topic>]) {
        let senders = self.senders().to_vec();
        if topics.is_empty() || senders.is_empty() {
            return;
        }
        let deleted: Vec<DeletedTopic> = topics
            .iter()
            .map(|topic| DeletedTopic { name: topic.name().clone(), id: topic.id() })
            .collect();
        // A task of its own: the chain must not wait for a coordinator that waits for the device.
        env.spawn("forget-topics", async move {
            for sender in senders {
                let _ = sender.send(Command::TopicsDeleted(deleted.clone())).await;
            }
        });
    }
}
