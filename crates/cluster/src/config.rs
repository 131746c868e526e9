//! Configurations: what there is to set, what is set, and what that means.
//!
//! The **catalogue** is data: a table entry per setting. Values live in layers (default, file and
//! flags, all brokers, one broker, one topic or group), and a [`Lookup`] says which of them counts
//! and where it comes from.

mod alter;
mod catalogue;
mod check;
mod lookup;
mod setting;
mod suggest;
mod topic;

#[cfg(test)]
mod tests;

pub use alter::{Alteration, Operation};
pub use catalogue::{Refusal, Scope, check_static, find, refusal, settings};
pub use check::elements;
pub use lookup::{Layers, Lookup, Origin, Overrides, Source};
pub use setting::{Check, Effect, Fallback, Setting, Type, Update};
pub use suggest::suggest;
pub use topic::{CleanupPolicy, Compression, Durability, TimestampType, TopicConfig};

pub(crate) use alter::{alter, replace, validate_topic};
