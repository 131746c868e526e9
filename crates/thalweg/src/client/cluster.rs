//! The brokers of a cluster and the connections to them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thalweg_env::Env;
use thalweg_kafka_wire::messages::{FindCoordinatorRequest, MetadataResponse};

use super::ClientError;
use super::connection::Connection;
use crate::address::Address;

/// How long calls are repeated while the cluster says that it is not ready.
const RETRY_FOR: Duration = Duration::from_secs(30);
const BACKOFF_FIRST: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// A cluster, as seen from outside. Share it in an [`Arc`].
pub struct Client {
    env: Env,
    bootstrap: Vec<Address>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    brokers: BTreeMap<i32, Address>,
    controller: Option<i32>,
    connections: BTreeMap<Address, Arc<Connection>>,
}

impl Client {
    /// A client that starts from these addresses. It connects when it needs to.
    pub fn new(env: Env, bootstrap: Vec<Address>) -> Self {
        Self { env, bootstrap, known: Mutex::default() }
    }

    /// The world the client lives in.
    pub fn env(&self) -> &Env {
        &self.env
    }

    /// Repeats `attempt` while its errors are of the kind that passes.
    pub async fn retry<T>(
        &self,
        mut attempt: impl AsyncFnMut() -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let deadline = self.env.now() + RETRY_FOR;
        let mut backoff = BACKOFF_FIRST;
        loop {
            match attempt().await {
                Err(error) if error.retriable() && self.env.now() + backoff < deadline => {
                    self.env.sleep(backoff).await;
                    backoff = (2 * backoff).min(BACKOFF_MAX);
                }
                outcome => return outcome,
            }
        }
    }

    /// A connection to whichever broker answers.
    pub(super) async fn any_broker(&self) -> Result<Arc<Connection>, ClientError> {
        let mut failure = ClientError::Interrupted;
        for address in self.candidates() {
            match self.connect(address).await {
                Ok(connection) => return Ok(connection),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// A connection to a broker by its number.
    pub(super) async fn broker(&self, id: i32) -> Result<Arc<Connection>, ClientError> {
        if self.address_of(id).is_none() {
            self.ask_metadata(Some(&[]), false).await?;
        }
        match self.address_of(id) {
            Some(address) => self.connect(address).await,
            None => Err(ClientError::refused(
                format!("cannot find broker {id}"),
                thalweg_kafka_wire::ErrorCode::LeaderNotAvailable.code(),
                None,
            )),
        }
    }

    /// A connection to the broker that changes topics and configurations.
    pub(super) async fn controller(&self) -> Result<Arc<Connection>, ClientError> {
        self.ask_metadata(Some(&[]), false).await?;
        let controller = self.known().controller;
        match controller {
            Some(id) => self.broker(id).await,
            None => self.any_broker().await,
        }
    }

    /// A connection to the broker that coordinates a group.
    pub(super) async fn coordinator(&self, group: &str) -> Result<Arc<Connection>, ClientError> {
        let address = self.find_coordinator(group).await?;
        self.connect(address).await
    }

    /// A connection of its own to the broker that coordinates a group.
    pub(super) async fn open_coordinator(&self, group: &str) -> Result<Connection, ClientError> {
        let address = self.find_coordinator(group).await?;
        Connection::open(&self.env, address).await
    }

    /// A connection to the broker that coordinates what `request` names, which is `what` in words.
    pub(super) async fn coordinator_of(
        &self,
        request: &FindCoordinatorRequest,
        what: &str,
    ) -> Result<Arc<Connection>, ClientError> {
        let address = self.find(request, what).await?;
        self.connect(address).await
    }

    async fn find_coordinator(&self, group: &str) -> Result<Address, ClientError> {
        let request = FindCoordinatorRequest { key: group.to_owned(), ..Default::default() };
        self.find(&request, &format!("group '{group}'")).await
    }

    async fn find(
        &self,
        request: &FindCoordinatorRequest,
        what: &str,
    ) -> Result<Address, ClientError> {
        let found = self.any_broker().await?.call(request).await?;
        let cannot = || format!("cannot find the coordinator of {what}");
        ClientError::check(found.error_code, found.error_message, cannot)?;
        Ok(Address::new(found.host, found.port as u16))
    }

    /// The numbers of all brokers.
    pub async fn broker_ids(&self) -> Result<Vec<i32>, ClientError> {
        self.ask_metadata(Some(&[]), false).await?;
        Ok(self.known().brokers.keys().copied().collect())
    }

    pub(super) fn remember(&self, metadata: &MetadataResponse) {
        let brokers = metadata.brokers.iter();
        let mut known = self.known();
        known.brokers = brokers
            .map(|broker| (broker.node_id, Address::new(&broker.host, broker.port as u16)))
            .collect();
        known.controller = (metadata.controller_id >= 0).then_some(metadata.controller_id);
    }

    /// Where to ask, in this order: brokers that are connected, bootstrap, other known brokers.
    fn candidates(&self) -> Vec<Address> {
        let known = self.known();
        let open = known.connections.iter().filter(|(_, connection)| connection.is_open());
        let mut candidates: Vec<Address> = open.map(|(address, _)| address.clone()).collect();
        for address in self.bootstrap.iter().chain(known.brokers.values()) {
            if !candidates.contains(address) {
                candidates.push(address.clone());
            }
        }
        candidates
    }

    async fn connect(&self, address: Address) -> Result<Arc<Connection>, ClientError> {
        if let Some(connection) = self.known().connections.get(&address)
            && connection.is_open()
        {
            return Ok(Arc::clone(connection));
        }
        // Two tasks may connect at once; the later connection stays, the other one is used up.
        let connection = Arc::new(Connection::open(&self.env, address.clone()).await?);
        self.known().connections.insert(address, Arc::clone(&connection));
        Ok(connection)
    }

    fn address_of(&self, id: i32) -> Option<Address> {
        self.known().brokers.get(&id).cloned()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
