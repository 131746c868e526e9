//! Request frames, read one by one.

use std::time::Duration;

use bytes::{Buf, BufMut, BytesMut};
use thalweg_broker::MemoryPermit;
use thalweg_env::Env;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::close::Close;
use crate::memory::RequestMemory;
use crate::pace::transfer_time_max;

/// Every connection has a buffer of this size for itself. A request that does not fit into it gets
/// one of its own, once the first part is there.
const OWN_BUFFER_BYTES: usize = 4 << 10;

/// Of a long request no more is read at once. Then others have their turn: to copy megabytes, into
/// pages that are new, takes milliseconds.
const READ_BYTES_MAX: usize = 256 << 10;

/// Bytes of the length before each request.
const PREFIX_BYTES: usize = size_of::<i32>();

/// A request without its length prefix.
#[derive(Debug)]
pub(crate) struct Frame {
    pub bytes: BytesMut,
    /// What the request has taken of the memory for requests.
    pub memory: MemoryPermit,
}

/// Reads the frames of one connection. Nothing is allocated by a length that a client claims before
/// the shared memory grants it, and nothing but the connection's own buffer before the first bytes
/// of the request have come.
pub(crate) struct FrameReader<R> {
    env: Env,
    input: R,
    /// What has been read and belongs to no frame yet.
    buffer: BytesMut,
    memory: RequestMemory,
    length_max: usize,
    idle_max: Duration,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    pub fn new(
        env: Env,
        input: R,
        memory: RequestMemory,
        length_max: usize,
        idle_max: Duration,
    ) -> Self {
        Self { env, input, buffer: BytesMut::new(), memory, length_max, idle_max }
    }

    /// The next frame; `None` if the client has closed the connection.
    pub async fn next(&mut self) -> Result<Option<Frame>, Close> {
        if self.buffer.is_empty() && !self.wait_for_input().await? {
            return Ok(None);
        }
        let env = self.env.clone();
        let pause_max = transfer_time_max(0);
        env.timeout(pause_max, self.read_until(PREFIX_BYTES)).await??;
        let length = self.length()?;
        let own = (PREFIX_BYTES + length).min(OWN_BUFFER_BYTES);
        env.timeout(pause_max, self.read_until(own)).await??;
        let memory = self.memory.acquire(length).await;
        let bytes = env.timeout(transfer_time_max(length), self.read_body(length)).await??;
        Ok(Some(Frame { bytes, memory }))
    }

    /// True if the client has sent more than what was read.
    pub fn has_more(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Completes when the client has closed the connection. Reads ahead for that as far as the own
    /// buffer goes; beyond, a client that has sent so much is taken to be there.
    pub async fn hung_up(&mut self) {
        while self.buffer.len() < OWN_BUFFER_BYTES {
            if !matches!(self.read_some().await, Ok(1..)) {
                return;
            }
        }
        std::future::pending::<()>().await;
    }

    /// Waits for the first bytes of a request. False if the client is gone.
    async fn wait_for_input(&mut self) -> Result<bool, Close> {
        let (env, idle_max) = (self.env.clone(), self.idle_max);
        let read = env.timeout(idle_max, self.read_some()).await.map_err(|_| Close::Idle)??;
        Ok(read > 0)
    }

    /// The length that the prefix announces.
    fn length(&mut self) -> Result<usize, Close> {
        let announced = (&self.buffer[..PREFIX_BYTES]).get_i32();
        match usize::try_from(announced) {
            Ok(length) if length <= self.length_max => Ok(length),
            _ => Err(Close::RequestTooLarge { length: announced.into(), max: self.length_max }),
        }
    }

    /// Reads until the buffer has `wanted` bytes.
    async fn read_until(&mut self, wanted: usize) -> Result<(), Close> {
        while self.buffer.len() < wanted {
            if self.read_some().await? == 0 {
                return Err(Close::Truncated);
            }
        }
        Ok(())
    }

    async fn read_some(&mut self) -> Result<usize, Close> {
        self.buffer.reserve(OWN_BUFFER_BYTES - self.buffer.len());
        let room = OWN_BUFFER_BYTES - self.buffer.len();
        Ok(self.input.read_buf(&mut (&mut self.buffer).limit(room)).await?)
    }

    /// Moves what is there of a frame into a buffer of its exact size, and reads the rest.
    async fn read_body(&mut self, length: usize) -> Result<BytesMut, Close> {
        self.buffer.advance(PREFIX_BYTES);
        let mut body = BytesMut::with_capacity(length);
        let ahead = self.buffer.len().min(length);
        body.extend_from_slice(&self.buffer[..ahead]);
        self.buffer.advance(ahead);
        while body.len() < length {
            let wanted = (length - body.len()).min(READ_BYTES_MAX);
            match self.input.read_buf(&mut (&mut body).limit(wanted)).await? {
                0 => return Err(Close::Truncated),
                READ_BYTES_MAX => tokio::task::yield_now().await,
                _ => {}
            }
        }
        Ok(body)
    }
}
