//! A connection to one broker, one request at a time.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use thalweg_kafka_wire::{Request, decode_response, encode_request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::failure::Failure;

/// Longest response that is read.
const RESPONSE_MAX: usize = 64 << 20;
/// A broker that is silent for longer does not answer at all.
const PATIENCE: Duration = Duration::from_mins(1);

/// An open connection, made anew where the broker closed the last one.
pub struct Connection {
    peer: &'static str,
    address: SocketAddr,
    stream: TcpStream,
    next_id: i32,
}

impl Connection {
    /// Connects to the broker.
    pub async fn open(peer: &'static str, address: SocketAddr) -> Result<Self, Failure> {
        Ok(Self { peer, address, stream: connect(peer, address).await?, next_id: 0 })
    }

    /// Sends a request and returns its answer; `None` if the broker closed the connection over it.
    pub async fn call<R: Request>(
        &mut self,
        version: i16,
        request: &R,
    ) -> Result<Option<R::Response>, Failure> {
        self.next_id = self.next_id.wrapping_add(1);
        let frame = encode_request(version, self.next_id, "differential", request)?;
        let stuck = |what: String| Failure::Stuck { peer: self.peer, what };
        let frame = frame.to_bytes().map_err(|error| stuck(error.to_string()))?;
        let answer = match tokio::time::timeout(PATIENCE, exchange(&mut self.stream, &frame)).await
        {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => {
                self.stream = connect(self.peer, self.address).await?;
                return Ok(None);
            }
            Err(_) => return Err(stuck(format!("no answer to {} in {PATIENCE:?}", R::KEY))),
        };
        let (id, response) = decode_response::<R>(version, answer)?;
        if id != self.next_id {
            return Err(stuck(format!("answer {id} instead of {}", self.next_id)));
        }
        Ok(Some(response))
    }
}

async fn connect(peer: &'static str, address: SocketAddr) -> Result<TcpStream, Failure> {
    let connected = async {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    };
    connected.await.map_err(|source| Failure::Connect { peer, source })
}

async fn exchange(stream: &mut TcpStream, frame: &[u8]) -> io::Result<BytesMut> {
    stream.write_all(frame).await?;
    let length = stream.read_u32().await? as usize;
    if length > RESPONSE_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut answer = BytesMut::zeroed(length);
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}
