//! Who asks.

use std::net::IpAddr;
use std::sync::Arc;

use thalweg_cluster::acl::Requester;

/// A client's connection, as far as the meaning of its requests depends on it. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Whom the door has authenticated; see [`anonymous`](Self::anonymous) where it did not ask.
    pub principal: Arc<str>,
    /// What the client calls itself: `client.id`.
    pub client_id: Arc<str>,
    /// Where it connects from.
    pub address: IpAddr,
    /// The same for administrators.
    pub client_host: Arc<str>,
    /// The listener that it came through.
    pub listener: Arc<str>,
}

/// The principal of those who were not asked who they are.
const ANONYMOUS: &str = "User:ANONYMOUS";

impl Session {
    /// A client at `address` that was not asked who it is.
    pub fn anonymous(client_id: &str, address: IpAddr, listener: impl Into<Arc<str>>) -> Self {
        Self {
            principal: ANONYMOUS.into(),
            client_id: client_id.into(),
            address,
            // As Kafka prints an address that has no name.
            client_host: format!("/{address}").into(),
            listener: listener.into(),
        }
    }

    /// The name under which Kafka's tools are allowed to write to internal topics.
    const ADMIN_CLIENT: &str = "__admin_client";

    /// As ACLs know the client.
    pub(crate) fn requester(&self) -> Requester<'_> {
        Requester { principal: &self.principal, host: self.address }
    }

    /// True if the client may write to the topics in which brokers keep their own state.
    pub(crate) fn may_write_internal_topics(&self) -> bool {
        self.client_id.as_ref() == Self::ADMIN_CLIENT
    }
}
