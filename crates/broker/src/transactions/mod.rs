//! The transaction coordinators, and what producers ask of them.

mod coordinator;
mod markers;
mod offsets;
mod requests;
mod vouch;

use thalweg_cluster::config::Layers;
use thalweg_transactions::Settings;

use crate::coordinators::Coordinators;

pub(crate) use coordinator::{TransactionContext, TransactionCoordinator};
pub(crate) use markers::Markers;
pub use markers::{EndedPartition, MarkerRequest};
pub use requests::TransactionListing;
pub(crate) use vouch::FirstBatch;
pub use vouch::InTransaction;

pub(crate) type TransactionCoordinators = Coordinators<TransactionCoordinator>;

/// What the broker's configuration says about transactions.
pub(crate) fn settings(layers: &Layers<'_>) -> Settings {
    let number = |name: &str| layers.broker_int(name);
    let interval = number("transaction.remove.expired.transaction.cleanup.interval.ms");
    Settings {
        timeout_max_ms: i32::try_from(number("transaction.max.timeout.ms")).unwrap_or(i32::MAX),
        id_expiration_ms: number("transactional.id.expiration.ms"),
        id_expiration_check_interval_ms: u32::try_from(interval).unwrap_or(u32::MAX),
        ..Settings::default()
    }
}
