//! Topics, configurations, ACLs, brokers: one state machine fed by the metadata chain.
//!
//! A driver reads the chain to its end and [replays](ClusterState::replay) it, asks the state what
//! to append for a request, and tries to create the next number. If another broker was faster, it
//! replays that entry and asks again.

pub mod acl;
pub mod config;
mod decide;
mod entry;
mod error;
pub mod fuzz;
mod id;
mod state;

#[cfg(test)]
mod tests;

pub use decide::{
    ACL_TEXT_BYTES_MAX, ACLS_MAX, Assignment, NewTopic, PRODUCER_IDS_PER_BLOCK, TopicDefaults,
};
pub use entry::{Entry, FORMAT, Record, Resource};
pub use error::ClusterError;
pub use id::ClusterId;
pub use state::{Broker, ClusterState, INTERNAL_TOPICS, Topic, is_internal};
