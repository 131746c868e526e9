//! One connection to a broker, with as many requests on their way as its owner likes.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use thalweg_kafka_wire::{ApiKey, ErrorCode, Request, decode_response, encode_request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::failure::Failure;

/// Longest response that is read.
const RESPONSE_MAX: usize = 64 << 20;

/// A broker that is silent for longer does not answer at all.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often, and after what pause, a request is sent that is answered with "later".
const ATTEMPTS_MAX: u32 = 600;
const BACKOFF: Duration = Duration::from_millis(50);

/// An open connection. Requests are answered in the order of sending.
pub struct Connection {
    stream: TcpStream,
    next_id: i32,
    on_the_way: VecDeque<i32>,
    before_kip_890: bool,
}

impl Connection {
    /// Connects to a broker.
    pub async fn open(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await.map_err(Failure::Ended)?;
        stream.set_nodelay(true).map_err(Failure::Ended)?;
        Ok(Self { stream, next_id: 0, on_the_way: VecDeque::new(), before_kip_890: false })
    }

    /// The same, with the requests of clients that do not know the newer protocol of transactions.
    #[must_use]
    pub fn before_kip_890(self) -> Self {
        Self { before_kip_890: true, ..self }
    }

    /// Sends a request.
    pub async fn send<R: Request>(&mut self, request: &R) -> Result<(), Failure> {
        let id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1);
        let frame = encode_request(self.version_of(R::KEY), id, "faults", request)?;
        let frame = frame.to_bytes().map_err(Failure::Ended)?;
        self.stream.write_all(&frame).await.map_err(Failure::Ended)?;
        self.on_the_way.push_back(id);
        Ok(())
    }

    /// The answer to the oldest request that has none yet, which was an `R`.
    pub async fn receive<R: Request>(&mut self) -> Result<R::Response, Failure> {
        let frame = match tokio::time::timeout(PATIENCE, self.read_frame()).await {
            Ok(frame) => frame.map_err(Failure::Ended)?,
            Err(_) => {
                return Err(Failure::Other(format!("no answer to {} in {PATIENCE:?}", R::KEY)));
            }
        };
        let (id, response) = decode_response::<R>(self.version_of(R::KEY), frame)?;
        match self.on_the_way.pop_front() {
            Some(expected) if expected == id => Ok(response),
            expected => Err(Failure::Other(format!("answer {id} instead of {expected:?}"))),
        }
    }

    /// Sends a request and waits for its answer; nothing else may be on its way.
    pub async fn call<R: Request>(&mut self, request: &R) -> Result<R::Response, Failure> {
        self.send(request).await?;
        self.receive::<R>().await
    }

    /// Sends a request again and again while its answer is a code that says "later".
    pub async fn insist<R: Request>(
        &mut self,
        request: &R,
        code_of: fn(&R::Response) -> i16,
    ) -> Result<R::Response, Failure> {
        let mut attempts = 1;
        loop {
            let response = self.call(request).await?;
            let code = ErrorCode::from_code(code_of(&response));
            let later = code.is_some_and(|code| code != ErrorCode::None && code.retriable());
            if !later || attempts == ATTEMPTS_MAX {
                Failure::check(R::KEY.name(), code_of(&response))?;
                return Ok(response);
            }
            attempts += 1;
            tokio::time::sleep(BACKOFF).await;
        }
    }

    async fn read_frame(&mut self) -> io::Result<BytesMut> {
        let length = self.stream.read_u32().await? as usize;
        if length > RESPONSE_MAX {
            let what = format!("an answer of {length} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        let mut frame = BytesMut::zeroed(length);
        self.stream.read_exact(&mut frame).await?;
        Ok(frame)
    }

    /// The version in which requests are sent: the last one that names topics by name and has no shape
    /// that this client does not fill in.
    fn version_of(&self, key: ApiKey) -> i16 {
        let newest = match key {
            ApiKey::Produce if self.before_kip_890 => 11,
            ApiKey::EndTxn | ApiKey::TxnOffsetCommit | ApiKey::InitProducerId
                if self.before_kip_890 =>
            {
                4
            }
            ApiKey::Produce | ApiKey::Fetch => 12,
            ApiKey::OffsetCommit => 8,
            ApiKey::OffsetFetch => 7,
            ApiKey::TxnOffsetCommit => 5,
            // What comes after is for brokers.
            ApiKey::AddPartitionsToTxn => 3,
            _ => i16::MAX,
        };
        newest.min(*key.stable_versions().end())
    }
}
