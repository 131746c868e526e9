//! Seeded simulation of a whole broker.
//!
//! One seed decides everything: settings, clients, the clock, the disk, and what befalls the broker.
//! What the clients see goes to the history checker, and the same seed gives the same trace.

mod aborted;
mod admin;
mod audit;
mod campaign;
mod chain;
mod commits;
mod connection;
mod counts;
mod group;
mod history;
mod late_marker;
mod ledger;
mod nemesis;
mod panics;
mod payload;
#[cfg(feature = "planted-bugs")]
mod planted;
mod producer;
mod reader;
mod run;
mod scenario;
mod stage;
#[cfg(test)]
mod tests;
mod times;
mod topics;
mod transactor;
mod trims;

pub use campaign::{Campaign, Failure, Findings};
pub use counts::{Counts, REQUIRED};
pub use history::Judgement;
#[cfg(feature = "planted-bugs")]
pub use planted::hunt;
pub use run::{Run, run_seed};
