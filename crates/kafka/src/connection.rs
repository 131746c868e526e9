//! One connection: requests in, in order; answers out, in the same order.

mod reader;
mod reply;
#[cfg(test)]
mod tests;
mod writer;

use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;

use bytes::BytesMut;
use thalweg_broker::{MemoryBudget, Session};
use thalweg_env::Shutdown;
use thalweg_kafka_wire::messages::RequestHeader;
use thalweg_kafka_wire::{ApiKey, DECODED_LIMIT, Decoder, decode_request_header};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

use crate::Endpoint;
use crate::api;
use crate::call::{Call, Client, Door};
use crate::close::Close;
use crate::metrics::add;
use reader::{Frame, FrameReader};
pub(crate) use reply::{LaterReply, Outcome, PendingReply, Reply};
use writer::ReplyWriter;

/// Bytes of answers that may wait for the client to take those before them. One that is larger
/// waits alone.
const REPLY_QUEUE_BYTES: usize = 1 << 20;

/// How much larger than its frame a request may become when it is decoded: structs take more room in
/// memory than on the wire. What clients send stays far below.
const DECODED_BYTES_PER_BYTE: usize = 16;

/// What a small request may become in any case.
const DECODED_BYTES_MIN: usize = 64 << 10;

/// A connection that is being served.
pub(crate) struct Connection {
    door: Arc<Door>,
    client: Arc<Client>,
    /// The session of the last request; a client hardly ever changes its id.
    session: Session,
    /// Bytes of the queue of answers.
    room: MemoryBudget,
    stop: Shutdown,
}

impl Connection {
    pub fn new(door: Arc<Door>, endpoint: Arc<Endpoint>, peer: IpAddr, stop: Shutdown) -> Self {
        let session = Session::anonymous("", peer, endpoint.name.clone());
        let room = MemoryBudget::new(REPLY_QUEUE_BYTES);
        Self { door, client: Arc::new(Client::new(endpoint)), session, room, stop }
    }

    /// Serves until the client leaves, misbehaves, or the server stops. What has been taken in is
    /// answered, unless the connection cannot carry the answer any more.
    pub async fn serve<R, W>(mut self, input: R, output: W)
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let end = self.exchange(input, output).await;
        let Err(close) = end else { return };
        let (peer, client_id) = (&self.session.client_host, &self.session.client_id);
        let software = self.client.software();
        let (name, version) = (software.name.as_str(), software.version.as_str());
        if close.is_misconduct() {
            add(&self.door.metrics.connections_closed_for_cause, 1);
            tracing::warn!(%peer, %client_id, name, version, reason = %close, "connection closed");
        } else {
            tracing::debug!(%peer, %client_id, name, version, reason = %close, "connection closed");
        }
    }

    async fn exchange<R, W>(&mut self, input: R, output: W) -> Result<(), Close>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let Door { env, options, memory, metrics, .. } = &*self.door;
        let (replies, queue) = mpsc::channel(options.pipeline_max.max(1));
        let reader = FrameReader::new(
            env.clone(),
            input,
            memory.clone(),
            options.request_bytes_max,
            options.idle_max,
        );
        let writer = ReplyWriter {
            env: env.clone(),
            output,
            metrics: metrics.clone(),
            idle_max: options.idle_max,
        };
        let mut writing = pin!(writer.run(queue));
        let end = tokio::select! {
            biased;
            failed = &mut writing => return failed,
            end = self.take_requests(reader, replies) => end,
        };
        // The queue has no sender any more: it ends when what is in it has been answered.
        let written = writing.await;
        end.and(written)
    }

    /// Takes requests one after the other, until there are no more or one of them is not acceptable.
    async fn take_requests<R: AsyncRead + Unpin>(
        &mut self,
        mut reader: FrameReader<R>,
        replies: mpsc::Sender<PendingReply>,
    ) -> Result<(), Close> {
        let stop = self.stop.clone();
        let door = self.door.clone();
        loop {
            let is_ahead = reader.has_more();
            let frame = tokio::select! {
                biased;
                () = stop.wait() => return Err(Close::Stopping),
                frame = reader.next() => frame?,
            };
            let Some(frame) = frame else { return Ok(()) };
            // Those who send ahead take turns, so that the others find few before them.
            let turn = if is_ahead { Some(door.turns.acquire().await) } else { None };
            let reply = self.take(frame, &mut reader).await?;
            drop(turn);
            if replies.send(reply).await.is_err() {
                return Ok(());
            }
            // However much a client sends ahead, the others have their turn after each request.
            tokio::task::yield_now().await;
        }
    }

    async fn take<R: AsyncRead + Unpin>(
        &mut self,
        frame: Frame,
        reader: &mut FrameReader<R>,
    ) -> Result<PendingReply, Close> {
        let since = self.door.env.now();
        let Frame { bytes, memory } = frame;
        add(&self.door.metrics.bytes_in, bytes.len() as u64);
        let (api, call, body) = self.open(bytes)?;
        let handling = api::handle(api, call, body)?;
        let outcome = if api::may_wait_for_others(api) {
            let stop = self.stop.clone();
            tokio::select! {
                biased;
                outcome = handling => outcome?,
                () = reader.hung_up() => return Err(Close::HungUp),
                () = stop.wait() => return Err(Close::Stopping),
            }
        } else {
            handling.await?
        };
        let room = self.room.acquire(outcome.len()).await;
        Ok(PendingReply { api, since, outcome, memory, room })
    }

    /// Reads the header.
    fn open(&mut self, frame: BytesMut) -> Result<(ApiKey, Call, Decoder), Close> {
        let decoded_max = frame.len() * DECODED_BYTES_PER_BYTE + DECODED_BYTES_MIN;
        let mut body = Decoder::with_limit(frame, decoded_max.min(DECODED_LIMIT));
        let (api, header) = decode_request_header(&mut body).map_err(Close::Request)?;
        let RequestHeader { request_api_version, correlation_id, client_id, .. } = header;
        let client_id = client_id.unwrap_or_default();
        if *self.session.client_id != *client_id {
            self.session.client_id = client_id.into();
        }
        let call = Call {
            door: self.door.clone(),
            client: self.client.clone(),
            session: self.session.clone(),
            version: request_api_version,
            correlation_id,
        };
        Ok((api, call, body))
    }
}
