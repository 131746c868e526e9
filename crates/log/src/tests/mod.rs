//! The log in the simulated world: what was acknowledged is there after every kind of crash.

mod clock;
mod compact;
mod compact_early;
mod compact_model;
mod compact_transactions;
mod consumer;
mod crash;
mod damage;
mod files;
mod fixture;
pub(crate) mod harness;
mod overtaking;
#[cfg(feature = "planted-bugs")]
mod planted;
mod retention;
mod rewrite;
mod semantics;
mod threads;
mod transactions;
mod verify;
