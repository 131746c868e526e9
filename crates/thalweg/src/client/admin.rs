//! Asking brokers about topics, configurations, groups and transactions, and changing them.

mod configs;
mod groups;
mod topics;
mod transactions;

use std::time::Duration;

pub use configs::{ConfigChange, ConfigResource, ConfigValue};
pub use groups::{GroupDescription, GroupListing, GroupMember};
pub use topics::NewTopic;
pub use transactions::{TransactionDescription, TransactionListing};

/// How long a broker may take for a change.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(30);
