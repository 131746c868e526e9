//! Being a member of a consumer group, by the classic protocol.

mod assignor;
mod member;

pub use member::{HEARTBEAT_INTERVAL, Member};
