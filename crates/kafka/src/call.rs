//! What a handler knows beside the request itself.

use std::sync::{Arc, Mutex, PoisonError};

use thalweg_broker::{Broker, Session};
use thalweg_env::Env;
use tokio::sync::Semaphore;

use crate::memory::RequestMemory;
use crate::metrics::KafkaMetrics;
use crate::sessions::FetchSessions;
use crate::{Endpoint, KafkaOptions};

/// What all connections of a server share.
pub(crate) struct Door {
    pub env: Env,
    pub broker: Broker,
    pub options: KafkaOptions,
    pub fetch_sessions: FetchSessions,
    pub memory: RequestMemory,
    /// Permits to serve clients that have sent more requests already.
    pub turns: Semaphore,
    pub metrics: Arc<KafkaMetrics>,
}

impl Door {
    pub fn new(env: &Env, broker: Broker, options: KafkaOptions) -> Self {
        let (sessions, partitions) =
            (options.fetch_sessions_max, options.fetch_session_partitions_max);
        Self {
            env: env.clone(),
            broker,
            fetch_sessions: FetchSessions::new(sessions, partitions),
            memory: RequestMemory::new(options.request_memory_bytes),
            turns: Semaphore::new(options.turns_max.max(1)),
            metrics: Arc::default(),
            options,
        }
    }
}

/// What a client says about its software (KIP-511).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Software {
    pub name: String,
    pub version: String,
}

/// A connection's client.
pub(crate) struct Client {
    /// The listener that it came through.
    pub endpoint: Arc<Endpoint>,
    pub software: Mutex<Software>,
}

impl Client {
    pub fn new(endpoint: Arc<Endpoint>) -> Self {
        Self { endpoint, software: Mutex::default() }
    }

    pub fn software(&self) -> Software {
        self.software.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn set_software(&self, software: Software) {
        *self.software.lock().unwrap_or_else(PoisonError::into_inner) = software;
    }
}

/// One request's surroundings.
#[derive(Clone)]
pub(crate) struct Call {
    pub door: Arc<Door>,
    pub client: Arc<Client>,
    pub session: Session,
    /// The version of the api that the request is written in.
    pub version: i16,
    pub correlation_id: i32,
}

/// A broker as clients are told of it.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub id: i32,
    pub host: String,
    pub port: i32,
    pub rack: Option<String>,
}

impl Call {
    pub fn broker(&self) -> &Broker {
        &self.door.broker
    }

    /// This broker, under the address of the listener that the client came through.
    pub fn node(&self) -> Node {
        let endpoint = &self.client.endpoint;
        Node {
            id: self.broker().node().0,
            host: endpoint.host.clone(),
            port: endpoint.port.into(),
            rack: self.broker().setting("broker.rack").filter(|rack| !rack.is_empty()),
        }
    }
}
