//! Numbered chains and named objects, created only if absent.
//!
//! [`Store`] is the primitive, [`Chain`] is what is built on it; the README has the rules.

mod chain;
pub mod conformance;
mod directory;
mod error;
pub mod fuzz;
mod memory;
mod name;
mod object;
mod store;

#[cfg(test)]
mod tests;

pub use chain::{Append, Chain, Entry, READ_MAX, SNAPSHOTS_KEPT, Snapshot};
pub use directory::Directory;
pub use error::BucketError;
pub use memory::Memory;
pub use name::NAME_LENGTH_MAX;
pub use store::{BoxFuture, OBJECT_LENGTH_MAX, Put, Store};
