//! The coordinator of one partition: takes inputs, hands out records and replies.

use crate::{Input, Millis, Now, Outbox, Record, Settings};

/// The group coordinator of one partition of the offsets topic.
#[derive(Debug)]
pub struct CoordinatorState {
    settings: Settings,
}

impl CoordinatorState {
    /// A coordinator that has replayed nothing.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }
}
