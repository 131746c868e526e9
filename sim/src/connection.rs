//! How clients reach the broker: an address, behind which an incarnation of it may be, and
//! connections, which end with the incarnation.

use std::future::Future;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use thalweg_broker::{Broker, Session};
use thalweg_env::simulated::SimWorld;
use thalweg_env::{Env, Instant};
use tokio::sync::{mpsc, oneshot};

/// Requests that may be on their way on one connection.
const PIPELINE_MAX: usize = 16;

/// How long clients wait for one answer, if nothing else is said.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);

/// Who the clients are, to the broker.
pub(crate) fn session() -> Session {
    Session::anonymous("sim", Ipv4Addr::LOCALHOST.into(), "PLAINTEXT")
}

/// When nothing arrives, neither there nor here.
#[derive(Clone, Copy)]
struct Silence {
    until: Instant,
    /// How many there have been.
    count: u64,
}

/// Where clients look for the broker. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Address(Arc<Inner>);

struct Inner {
    env: Env,
    world: SimWorld,
    random: Mutex<fastrand::Rng>,
    broker: Mutex<Option<Broker>>,
    silence: Mutex<Silence>,
}

impl Address {
    /// Nobody answers there yet. `env` is for the clients' time only.
    pub fn new(env: &Env, world: &SimWorld) -> Self {
        Self(Arc::new(Inner {
            env: env.clone(),
            world: world.clone(),
            random: Mutex::new(world.fork_random()),
            broker: Mutex::default(),
            silence: Mutex::new(Silence { until: env.now(), count: 0 }),
        }))
    }

    /// `broker` answers from now on, or nobody.
    pub fn set(&self, broker: Option<Broker>) {
        *self.0.broker.lock().unwrap_or_else(PoisonError::into_inner) = broker;
    }

    /// Nothing arrives for a while: the process is paused, or the network gone.
    pub fn silence(&self, duration: Duration) {
        let until = self.0.env.now() + duration;
        let mut silence = self.0.silence.lock().unwrap_or_else(PoisonError::into_inner);
        *silence = Silence { until, count: silence.count + 1 };
    }

    fn current_silence(&self) -> Silence {
        *self.0.silence.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something can arrive.
    async fn passable(&self) {
        loop {
            let Silence { until, .. } = self.current_silence();
            if self.0.env.now() >= until {
                return;
            }
            self.0.env.sleep_until(until).await;
        }
    }

    /// A connection, if somebody answers.
    pub fn connect(&self) -> Option<Connection> {
        let broker = self.0.broker.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        if !self.0.world.is_up() {
            return None;
        }
        let random = self.0.random.lock().unwrap_or_else(PoisonError::into_inner).fork();
        let (requests, queue) = mpsc::channel(PIPELINE_MAX);
        broker.env().spawn("connection", serve(broker.clone(), self.clone(), queue, random));
        let silences = self.current_silence().count;
        Some(Connection { requests, address: self.clone(), silences })
    }

    /// A connection, tried for until `patience` is over.
    pub async fn connect_within(&self, patience: Duration) -> Option<Connection> {
        let deadline = self.0.env.now() + patience;
        loop {
            if let Some(connection) = self.connect() {
                return Some(connection);
            }
            if self.0.env.now() >= deadline {
                return None;
            }
            self.0.env.sleep(Duration::from_millis(50)).await;
        }
    }
}

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;
type Request = Box<dyn FnOnce(Broker) -> Work + Send>;

/// The broker's end of a connection: a task of its incarnation, one request after the other.
async fn serve(
    broker: Broker,
    address: Address,
    mut requests: mpsc::Receiver<Request>,
    mut random: fastrand::Rng,
) {
    while let Some(request) = requests.recv().await {
        travel(broker.env(), &mut random).await;
        address.passable().await;
        request(broker.clone()).await;
    }
}

/// What passes until a request has arrived.
async fn travel(env: &Env, random: &mut fastrand::Rng) {
    let millis = match random.u8(..32) {
        0 => random.u64(50..2000),
        1..8 => random.u64(1..8),
        _ => 0,
    };
    env.sleep(Duration::from_millis(millis)).await;
}

/// A client's end of a connection. When it is dropped, requests that were sent still arrive.
pub(crate) struct Connection {
    requests: mpsc::Sender<Request>,
    address: Address,
    /// Silences before it began.
    silences: u64,
}

/// What a request answers to.
pub(crate) struct ReplyTo<T> {
    reply: oneshot::Sender<T>,
    world: SimWorld,
}

impl<T> ReplyTo<T> {
    /// Answers, unless the process died in this very step.
    pub fn send(self, answer: T) {
        if self.world.is_up() {
            // The client may have gone.
            let _ = self.reply.send(answer);
        }
    }
}

/// A reply that may come. Dropping it forgets the request, which goes on.
pub(crate) struct Reply<T>(oneshot::Receiver<T>);

impl Connection {
    /// Sends a request without waiting for the answer. `work` is done within the broker's process.
    pub async fn send<T, F, W>(&self, work: F) -> Reply<T>
    where
        T: Send + 'static,
        F: FnOnce(Broker, ReplyTo<T>) -> W + Send + 'static,
        W: Future<Output = ()> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let reply_to = ReplyTo { reply, world: self.address.0.world.clone() };
        let request: Request = Box::new(move |broker| Box::pin(work(broker, reply_to)));
        // If the connection is broken, the reply says so.
        let _ = self.requests.send(request).await;
        Reply(answer)
    }

    /// Waits for a reply; `None` if the connection broke or `patience` is over.
    pub async fn receive<T>(&self, reply: Reply<T>, patience: Duration) -> Option<T> {
        let arrives = async {
            let answer = reply.0.await.ok();
            self.address.passable().await;
            // What is held up dies with the connection.
            let was_silent = self.address.current_silence().count != self.silences;
            answer.filter(|_| !was_silent || !self.requests.is_closed())
        };
        self.address.0.env.timeout(patience, arrives).await.ok()?
    }

    /// A request and its answer.
    pub async fn call<T, F, W>(&self, patience: Duration, work: F) -> Option<T>
    where
        T: Send + 'static,
        F: FnOnce(Broker) -> W + Send + 'static,
        W: Future<Output = T> + Send + 'static,
    {
        let reply = self
            .send(move |broker, reply_to: ReplyTo<T>| async move {
                reply_to.send(work(broker).await);
            })
            .await;
        self.receive(reply, patience).await
    }
}
