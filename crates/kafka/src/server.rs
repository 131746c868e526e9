//! The server: listeners, connections, and their end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use thalweg_broker::Broker;
use thalweg_env::{Env, Shutdown, Task};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::call::Door;
use crate::connection::Connection;
use crate::limits::{ConnectionCounts, ConnectionSlot};
use crate::metrics::{KafkaMetrics, add};
use crate::{ConnectionLimits, Endpoint, KafkaOptions, ListenError, ListenerOptions};

/// How long accepting pauses when the process has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(250);

/// The door to one broker.
#[derive(Debug)]
pub struct KafkaServer;

/// A server that accepts connections.
pub struct Running {
    door: Arc<Door>,
    endpoints: Vec<Arc<Endpoint>>,
    counts: Arc<ConnectionCounts>,
    signals: Signals,
    /// Ends when the last connection is gone.
    connections: mpsc::Receiver<Never>,
    acceptors: Vec<Task<()>>,
}

/// Nothing is ever sent: what counts is that senders go.
enum Never {}

#[derive(Clone, Default)]
struct Signals {
    /// Take no more requests.
    stop: Shutdown,
    /// Give up what is in flight.
    kill: Shutdown,
}

impl KafkaServer {
    /// Opens all listeners and serves their connections.
    pub async fn start(
        env: &Env,
        broker: Broker,
        listeners: Vec<ListenerOptions>,
        options: KafkaOptions,
    ) -> Result<Running, ListenError> {
        if listeners.is_empty() {
            return Err(ListenError::None);
        }
        let mut opened = Vec::with_capacity(listeners.len());
        for listener in listeners {
            opened.push(listener.open(&options).await?);
        }
        let door = Arc::new(Door::new(env, broker, options));
        let (alive, connections) = mpsc::channel(1);
        let mut running = Running {
            door,
            endpoints: Vec::new(),
            counts: Arc::default(),
            signals: Signals::default(),
            connections,
            acceptors: Vec::new(),
        };
        for (listener, endpoint) in opened {
            running.accept_from(listener, endpoint, alive.clone());
        }
        Ok(running)
    }
}

impl Running {
    /// The listeners as they are bound, in the order of the options.
    pub fn endpoints(&self) -> &[Arc<Endpoint>] {
        &self.endpoints
    }

    /// What the door counts.
    pub fn metrics(&self) -> &Arc<KafkaMetrics> {
        &self.door.metrics
    }

    /// Connections at the moment.
    pub fn connections(&self) -> usize {
        self.counts.all()
    }

    /// Fetch sessions at the moment.
    pub fn fetch_sessions(&self) -> usize {
        self.door.fetch_sessions.len()
    }

    /// Bytes of the memory for requests that are free.
    pub fn request_memory_available(&self) -> usize {
        self.door.memory.available()
    }

    /// Accepts no more connections, takes no more requests, answers what is in flight, and closes
    /// all connections; what takes too long is cut off.
    pub async fn stop(mut self) {
        self.signals.stop.start();
        for acceptor in self.acceptors {
            acceptor.join().await;
        }
        let wait_max = self.door.options.stop_wait_max;
        if self.door.env.timeout(wait_max, self.connections.recv()).await.is_err() {
            tracing::warn!(connections = self.counts.all(), "connections are cut off");
            self.signals.kill.start();
            self.connections.recv().await;
        }
    }

    fn accept_from(
        &mut self,
        listener: TcpListener,
        endpoint: Endpoint,
        alive: mpsc::Sender<Never>,
    ) {
        let endpoint = Arc::new(endpoint);
        self.endpoints.push(endpoint.clone());
        let acceptor = Acceptor {
            door: self.door.clone(),
            endpoint,
            counts: self.counts.clone(),
            signals: self.signals.clone(),
            alive,
        };
        self.acceptors.push(self.door.env.spawn("kafka-accept", acceptor.run(listener)));
    }
}

/// Accepts the connections of one listener.
struct Acceptor {
    door: Arc<Door>,
    endpoint: Arc<Endpoint>,
    counts: Arc<ConnectionCounts>,
    signals: Signals,
    alive: mpsc::Sender<Never>,
}

impl Acceptor {
    async fn run(self, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.signals.stop.wait() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    self.admit(stream, peer).await;
                    // However many connect, those who are connected have their turn.
                    tokio::task::yield_now().await;
                }
                Err(error) => self.survive(&error).await,
            }
        }
    }

    /// Serves a connection, if there is a place for it. Completes when the next one may come.
    async fn admit(&self, stream: TcpStream, peer: SocketAddr) {
        let Door { env, broker, options, metrics, .. } = &*self.door;
        let limits = options.connection_limits.clone();
        let limits = limits.unwrap_or_else(|| ConnectionLimits::of(broker));
        match self.counts.take(&limits, peer.ip().to_canonical()) {
            Ok(slot) => {
                add(&metrics.connections_accepted, 1);
                self.serve(stream, peer, slot);
            }
            Err(reason) => {
                add(&metrics.connections_refused, 1);
                tracing::warn!(%peer, %reason, "connection refused");
            }
        }
        let now = env.now();
        let next = self.counts.pace(&limits, now);
        if next > now {
            env.sleep_until(next).await;
        }
    }

    fn serve(&self, stream: TcpStream, peer: SocketAddr, slot: ConnectionSlot) {
        // Without it answers still arrive, only later.
        let _ = stream.set_nodelay(true);
        let connection = Connection::new(
            self.door.clone(),
            self.endpoint.clone(),
            peer.ip().to_canonical(),
            self.signals.stop.clone(),
        );
        let (kill, alive) = (self.signals.kill.clone(), self.alive.clone());
        self.door.env.spawn("kafka-connection", async move {
            let _held = (slot, alive);
            let (input, output) = stream.into_split();
            tokio::select! {
                biased;
                () = kill.wait() => {}
                () = connection.serve(input, output) => {}
            }
        });
    }

    /// Some errors concern one connection that is gone already. The others mean that the process or
    /// the system is short of something: accepting at once again would fail at once again.
    async fn survive(&self, error: &io::Error) {
        use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
        add(&self.door.metrics.accept_errors, 1);
        if matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted) {
            return;
        }
        tracing::error!(%error, listener = %self.endpoint.name, "a connection could not be accepted");
        self.door.env.sleep(ACCEPT_PAUSE).await;
    }
}
