//! One connection to a broker. Requests are sent in the order of the calls, and answered in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use thalweg_env::Env;
use thalweg_kafka_wire::messages::{ApiVersionsRequest, ApiVersionsResponse};
use thalweg_kafka_wire::{
    ApiKey, ErrorCode, Request, Segment, Segments, decode_response, encode_request,
};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};

use super::ClientError;
use super::frame::{FrameError, read_frame};
use super::versions::Versions;
use crate::address::Address;
use crate::version;

/// How this client calls itself.
const CLIENT_ID: &str = "thalweg";
/// Requests that may wait for being written, and as many again for their answers.
const QUEUE_MAX: usize = 64;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an answer may take, beyond what the request itself asks the broker to wait.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// An open connection.
pub struct Connection {
    env: Env,
    address: Address,
    versions: Versions,
    next_id: AtomicI32,
    outgoing: mpsc::Sender<Outgoing>,
    /// An answer is overdue: what comes later cannot be waited for.
    broken: Arc<AtomicBool>,
}

struct Outgoing {
    frame: Segments,
    /// `None` for a request that is not answered.
    reply: Option<Reply>,
}

type Reply = oneshot::Sender<Result<BytesMut, FrameError>>;

/// A request on its way, and the version that its answer will have.
pub struct Pending<R> {
    env: Env,
    address: Address,
    version: i16,
    correlation_id: i32,
    broken: Arc<AtomicBool>,
    reply: oneshot::Receiver<Result<BytesMut, FrameError>>,
    request: std::marker::PhantomData<fn() -> R>,
}

impl Connection {
    /// Connects, and learns what the broker offers.
    pub async fn open(env: &Env, address: Address) -> Result<Self, ClientError> {
        let stream = connect(env, &address).await?;
        let (reader, writer) = stream.into_split();
        let (outgoing, requests) = mpsc::channel(QUEUE_MAX);
        let (waiting, replies) = mpsc::channel(QUEUE_MAX);
        env.spawn("client writer", write_requests(writer, requests, waiting));
        env.spawn("client reader", read_responses(reader, replies));
        let mut connection = Self {
            env: env.clone(),
            address,
            versions: Versions::default(),
            next_id: AtomicI32::new(0),
            outgoing,
            broken: Arc::default(),
        };
        connection.versions = connection.negotiate().await?;
        Ok(connection)
    }

    /// The broker's address.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// False once the connection has ended or an answer is overdue.
    pub fn is_open(&self) -> bool {
        !self.outgoing.is_closed() && !self.broken.load(Ordering::Acquire)
    }

    /// Sends a request and waits for its answer.
    pub async fn call<R: Request>(&self, request: &R) -> Result<R::Response, ClientError> {
        self.start(request).await?.answer(Duration::ZERO).await
    }

    /// Sends a request. Returning means that its place in the order is taken.
    pub async fn start<R: Request>(&self, request: &R) -> Result<Pending<R>, ClientError> {
        let version = self.version_of(R::KEY)?;
        self.start_in(request, version).await
    }

    /// Sends a request that the broker does not answer (Produce with `acks=0`).
    pub async fn tell<R: Request>(&self, request: &R) -> Result<(), ClientError> {
        let version = self.version_of(R::KEY)?;
        self.send(request, version, None).await?;
        Ok(())
    }

    async fn start_in<R: Request>(
        &self,
        request: &R,
        version: i16,
    ) -> Result<Pending<R>, ClientError> {
        let (reply, answer) = oneshot::channel();
        let correlation_id = self.send(request, version, Some(reply)).await?;
        Ok(Pending {
            env: self.env.clone(),
            address: self.address.clone(),
            version,
            correlation_id,
            broken: Arc::clone(&self.broken),
            reply: answer,
            request: std::marker::PhantomData,
        })
    }

    async fn send<R: Request>(
        &self,
        request: &R,
        version: i16,
        reply: Option<Reply>,
    ) -> Result<i32, ClientError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let frame =
            encode_request(version, id, CLIENT_ID, request).map_err(ClientError::Request)?;
        let sent = self.outgoing.send(Outgoing { frame, reply }).await;
        sent.map_err(|_| ClientError::Closed { address: self.address.clone() })?;
        Ok(id)
    }

    fn version_of(&self, key: ApiKey) -> Result<i16, ClientError> {
        self.versions.choose(key).ok_or_else(|| ClientError::Unsupported {
            address: self.address.clone(),
            api: key.name(),
        })
    }

    /// Asks for the offered versions, in an older version if the broker says so (KIP-511).
    async fn negotiate(&self) -> Result<Versions, ClientError> {
        let request = ApiVersionsRequest {
            client_software_name: CLIENT_ID.to_owned(),
            client_software_version: version::NUMBER.to_owned(),
            ..Default::default()
        };
        let newest = *ApiKey::ApiVersions.stable_versions().end();
        let response = match self.start_in(&request, newest).await?.answer(Duration::ZERO).await {
            // A broker that knows only older versions may also answer in one of them.
            Err(ClientError::Protocol { .. }) => None,
            Ok(response) if response.error_code == ErrorCode::UnsupportedVersion.code() => None,
            other => Some(other?),
        };
        let response: ApiVersionsResponse = if let Some(response) = response {
            response
        } else {
            let oldest = ApiVersionsRequest::default();
            self.start_in(&oldest, 0).await?.answer(Duration::ZERO).await?
        };
        ClientError::check(response.error_code, None, || {
            format!("cannot agree on versions with {}", self.address)
        })?;
        Ok(Versions::from(&response))
    }
}

impl<R: Request> Pending<R> {
    /// The answer; `patience` is what the request lets the broker wait.
    pub async fn answer(self, patience: Duration) -> Result<R::Response, ClientError> {
        let Self { address, .. } = self;
        let after = ANSWER_TIMEOUT + patience;
        let frame = match self.env.timeout(after, self.reply).await {
            Ok(Ok(Ok(frame))) => frame,
            Ok(Ok(Err(FrameError::Length(length)))) => {
                return Err(ClientError::TooLong { address, length });
            }
            Ok(_) => return Err(ClientError::Closed { address }),
            Err(_) => {
                self.broken.store(true, Ordering::Release);
                return Err(ClientError::TimedOut { address, api: R::KEY.name(), after });
            }
        };
        match decode_response::<R>(self.version, frame) {
            Ok((id, response)) if id == self.correlation_id => Ok(response),
            Ok(_) => {
                self.broken.store(true, Ordering::Release);
                Err(ClientError::Closed { address })
            }
            Err(source) => Err(ClientError::Protocol { address, source }),
        }
    }
}

async fn connect(env: &Env, address: &Address) -> Result<TcpStream, ClientError> {
    let unreachable = |source| ClientError::Unreachable { address: address.clone(), source };
    let connecting = TcpStream::connect((address.host.as_str(), address.port));
    let stream = match env.timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(connected) => connected.map_err(unreachable)?,
        Err(_) => return Err(unreachable(std::io::ErrorKind::TimedOut.into())),
    };
    stream.set_nodelay(true).map_err(unreachable)?;
    Ok(stream)
}

async fn write_requests(
    mut stream: OwnedWriteHalf,
    mut requests: mpsc::Receiver<Outgoing>,
    waiting: mpsc::Sender<Reply>,
) {
    while let Some(Outgoing { frame, reply }) = requests.recv().await {
        if let Some(reply) = reply
            && waiting.send(reply).await.is_err()
        {
            return;
        }
        for part in frame.into_parts() {
            let Segment::Bytes(bytes) = part else { return };
            if stream.write_all(&bytes).await.is_err() {
                return;
            }
        }
    }
}

async fn read_responses(mut stream: OwnedReadHalf, mut replies: mpsc::Receiver<Reply>) {
    while let Some(reply) = replies.recv().await {
        let frame = read_frame(&mut stream).await;
        let failed = frame.is_err();
        // Whoever asked may have given up; the answers after it still belong to others.
        let _ = reply.send(frame);
        if failed {
            return;
        }
    }
}
