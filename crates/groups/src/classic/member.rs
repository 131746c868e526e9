//! One member of a classic group.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use crate::record::MemberMetadata;
use crate::{InstanceId, JoinGroup, Protocol};

/// What a member costs beside its names and subscriptions: map entries, timers, the structure itself.
const FIXED_BYTES: usize = 512;

/// What the coordinator knows of a member, its id aside.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub instance_id: Option<InstanceId>,
    pub client_id: Arc<str>,
    pub client_host: Arc<str>,
    pub session_timeout_ms: i32,
    pub rebalance_timeout_ms: i32,
    /// The preferred one first.
    pub protocols: Vec<Protocol>,
    /// True until the member has been in a generation: it may expire while its `JoinGroup` is parked, as
    /// it could not send heartbeats yet even if it lived.
    pub is_new: bool,
}

impl Member {
    pub fn new(request: &JoinGroup) -> Self {
        Self {
            instance_id: request.instance_id.clone(),
            client_id: request.client_id.clone(),
            client_host: request.client_host.clone(),
            session_timeout_ms: request.session_timeout_ms,
            rebalance_timeout_ms: request.rebalance_timeout_ms,
            protocols: request.protocols.clone(),
            is_new: true,
        }
    }

    /// A member as a record tells it. Of its protocols only the chosen one is known.
    pub fn load(stored: &MemberMetadata, protocol: Option<&Arc<str>>) -> Self {
        let metadata = stored.subscription.clone();
        Self {
            instance_id: stored.instance_id.clone(),
            client_id: stored.client_id.clone(),
            client_host: stored.client_host.clone(),
            session_timeout_ms: stored.session_timeout_ms,
            rebalance_timeout_ms: stored.rebalance_timeout_ms,
            protocols: protocol
                .map(|name| Protocol { name: name.clone(), metadata })
                .into_iter()
                .collect(),
            is_new: false,
        }
    }

    /// Takes over what a member says when it joins again.
    pub fn update(&mut self, request: &JoinGroup) {
        self.session_timeout_ms = request.session_timeout_ms;
        self.rebalance_timeout_ms = request.rebalance_timeout_ms;
        self.protocols.clone_from(&request.protocols);
    }

    /// What the member says under `protocol`.
    pub fn metadata(&self, protocol: &str) -> Bytes {
        let found = self.protocols.iter().find(|p| p.name.as_ref() == protocol);
        found.map(|p| p.metadata.clone()).unwrap_or_default()
    }

    /// The names of the member's protocols, each once: a client may repeat itself.
    pub fn protocol_names(&self) -> BTreeSet<Arc<str>> {
        self.protocols.iter().map(|protocol| protocol.name.clone()).collect()
    }

    pub fn bytes(&self) -> usize {
        let protocols: usize = self.protocols.iter().map(|p| p.name.len() + p.metadata.len()).sum();
        let instance = self.instance_id.as_ref().map_or(0, |id| id.as_str().len());
        FIXED_BYTES + instance + self.client_id.len() + self.client_host.len() + protocols
    }
}
