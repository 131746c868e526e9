//! One history checker for the simulation and for tests with real processes.
//!
//! Clients say what they did and what they saw as [`Event`]s; [`Checker`] judges them as they come
//! and needs nothing from the broker. See `README.md` for the rules of recording.

mod checker;
mod commits;
mod compaction;
mod cycles;
mod event;
mod lines;
mod partition;
mod producers;
#[cfg(test)]
mod tests;
mod transactions;
mod verdict;

pub use checker::{Checker, Malformed};
pub use event::{Commit, Event, Value};
pub use lines::{LineError, check_lines, write_line};
pub use verdict::{Class, Report, Verdict};
