//! The group coordinators: a task for each partition of the offsets topic, which drives one state
//! machine of `thalweg-groups` as that crate's documentation asks.

mod lag;
mod load;
mod requests;
mod shard;
mod shards;
mod write;

use thalweg_cluster::config::Layers;
use thalweg_groups::Settings;

pub use lag::GroupLag;
pub use requests::{CommitOutcome, GroupListing};
pub(crate) use shards::{GroupShards, ShardContext};

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
