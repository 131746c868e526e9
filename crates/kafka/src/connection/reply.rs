//! Answers on their way to the client.

use std::pin::Pin;

use thalweg_broker::MemoryPermit;
use thalweg_env::Instant;
use thalweg_kafka_wire::{ApiKey, Segments};

use crate::close::Close;

/// A response that can be sent.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    pub segments: Segments,
    /// Memory that the response keeps in use until it is sent.
    pub memory: MemoryPermit,
}

pub(crate) type LaterReply = Pin<Box<dyn Future<Output = Result<Option<Reply>, Close>> + Send>>;

/// What a request has led to. The order of requests is kept from here on by the queue of answers.
pub(crate) enum Outcome {
    /// The response; `None` if the protocol has none.
    Reply(Option<Reply>),
    /// The response comes when something else has happened. The next request need not wait for it.
    Later(LaterReply),
}

impl Outcome {
    /// Bytes that wait to be sent.
    pub fn len(&self) -> usize {
        match self {
            Self::Reply(Some(reply)) => reply.segments.len(),
            Self::Reply(None) | Self::Later(_) => 0,
        }
    }
}

/// An answer in the queue.
pub(crate) struct PendingReply {
    pub api: ApiKey,
    pub since: Instant,
    pub outcome: Outcome,
    /// Memory of the request, in use until it is answered.
    pub memory: MemoryPermit,
    /// Room in the queue, which is bounded by bytes as well.
    pub room: MemoryPermit,
}
