//! Responses, written in the order of their requests.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use thalweg_env::Env;
use thalweg_kafka_wire::{FileRange, Segment, Segments};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use super::reply::{Outcome, PendingReply, Reply};
use crate::close::Close;
use crate::metrics::KafkaMetrics;
use crate::pace::transfer_time_max;

/// Pieces of memory that one system call takes.
const SLICES_MAX: usize = 64;

/// Bytes of a file that are read at a time.
const FILE_PIECE_BYTES: usize = 256 << 10;

/// Writes the answers of one connection.
pub(crate) struct ReplyWriter<W> {
    pub env: Env,
    pub output: W,
    pub metrics: Arc<KafkaMetrics>,
    /// How long a client may take nothing. Consumers that are busy with records leave the next
    /// response where it is, and that is no fault.
    pub idle_max: Duration,
}

impl<W: AsyncWrite + Unpin> ReplyWriter<W> {
    /// Sends answers until the queue has ended.
    pub async fn run(mut self, mut queue: mpsc::Receiver<PendingReply>) -> Result<(), Close> {
        while let Some(pending) = queue.recv().await {
            self.answer(pending).await?;
        }
        self.output.shutdown().await?;
        Ok(())
    }

    async fn answer(&mut self, pending: PendingReply) -> Result<(), Close> {
        let PendingReply { api, since, outcome, memory, room } = pending;
        let reply = match outcome {
            Outcome::Reply(reply) => reply,
            Outcome::Later(later) => later.await?,
        };
        drop(memory);
        let mut bytes = 0;
        if let Some(Reply { segments, memory }) = reply {
            bytes = segments.len();
            self.write(segments).await?;
            drop(memory);
        }
        drop(room);
        self.metrics.answered(api, self.env.now() - since, bytes);
        Ok(())
    }

    async fn write(&mut self, segments: Segments) -> Result<(), Close> {
        let env = self.env.clone();
        let time_max = self.idle_max.saturating_add(transfer_time_max(segments.len()));
        env.timeout(time_max, self.write_all(segments)).await.map_err(|_| Close::SlowResponse)?
    }

    async fn write_all(&mut self, segments: Segments) -> Result<(), Close> {
        let mut pieces = Vec::with_capacity(segments.parts().len());
        for segment in segments.into_parts() {
            match segment {
                Segment::Bytes(bytes) => pieces.push(bytes),
                Segment::File(range) => {
                    self.write_pieces(&std::mem::take(&mut pieces)).await?;
                    self.write_range(range).await?;
                }
            }
        }
        self.write_pieces(&pieces).await
    }

    /// Writes pieces of memory without putting them together first.
    async fn write_pieces(&mut self, pieces: &[Bytes]) -> Result<(), Close> {
        let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
        let mut left = slices.as_mut_slice();
        while !left.is_empty() {
            let written = self.output.write_vectored(&left[..left.len().min(SLICES_MAX)]).await?;
            if written == 0 {
                return Err(io::Error::from(io::ErrorKind::WriteZero).into());
            }
            IoSlice::advance_slices(&mut left, written);
        }
        Ok(())
    }

    async fn write_range(&mut self, mut range: FileRange) -> Result<(), Close> {
        while range.len > 0 {
            let len = range.len.min(FILE_PIECE_BYTES);
            let piece = Segments::from(FileRange { len, ..range.clone() });
            let bytes = self.env.blocking(move || piece.to_bytes()).await?;
            self.output.write_all(&bytes).await?;
            range.offset += len as u64;
            range.len -= len;
        }
        Ok(())
    }
}
