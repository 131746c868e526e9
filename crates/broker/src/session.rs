//! Who asks.

use std::sync::Arc;

/// A client's connection, as far as the meaning of its requests depends on it. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Whom the door has authenticated; `User:ANONYMOUS` where it did not ask.
    pub principal: Arc<str>,
    /// What the client calls itself: `client.id`.
    pub client_id: Arc<str>,
    /// Where it connects from, for administrators.
    pub client_host: Arc<str>,
    /// The listener that it came through.
    pub listener: Arc<str>,
}

impl Session {
    /// The name under which Kafka's tools are allowed to write to internal topics.
    const ADMIN_CLIENT: &str = "__admin_client";

    /// True if the client may write to the topics in which brokers keep their own state.
    pub(crate) fn may_write_internal_topics(&self) -> bool {
        self.client_id.as_ref() == Self::ADMIN_CLIENT
    }
}
