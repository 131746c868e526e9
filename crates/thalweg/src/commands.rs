//! The commands that talk to a broker, a file each.

pub mod bench;
pub mod config;
pub mod consume;
pub mod group;
mod position;
pub mod produce;
mod record_json;
pub mod topic;
pub mod transaction;
pub mod verify;
