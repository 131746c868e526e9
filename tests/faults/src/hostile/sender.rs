//! Sends hostile frames, each followed by a harmless one whose answer shows how that was taken.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use thalweg_kafka_wire::ApiKey;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::frames::{PROBE_ID, mutate, probe, valid};
use crate::failure::Failure;

/// A broker may wait with the answer, as the frame asks it to; the sender does not.
const PATIENCE: Duration = Duration::from_millis(100);
/// Valid requests of each version that are mutated.
const MODELS: usize = 24;
const ANSWER_MAX: usize = 64 << 20;

/// How hostile frames were taken.
#[derive(Clone, Copy, Debug, Default)]
pub struct Taken {
    /// Frames sent.
    pub sent: u64,
    /// The connection went on.
    pub answered: u64,
    /// The broker closed it.
    pub closed: u64,
    /// Nothing came in time.
    pub silent: u64,
}

impl Taken {
    /// Both together.
    pub fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.answered += other.answered;
        self.closed += other.closed;
        self.silent += other.silent;
    }
}

enum Reaction {
    Answered,
    Closed,
    Silent,
}

/// Sends `count` mutated frames of an api.
pub async fn send(
    address: SocketAddr,
    key: ApiKey,
    versions: (i16, i16),
    count: u64,
    mut random: Rng,
) -> Result<Taken, Failure> {
    let probe = probe()?;
    let stable = key.stable_versions();
    let versions = versions.0.max(*stable.start())..=versions.1.min(*stable.end());
    let models: Vec<Bytes> = versions
        .flat_map(|version| std::iter::repeat_n(version, MODELS))
        .filter_map(|version| valid(key, version, &mut random))
        .collect();
    let mut taken = Taken::default();
    let mut open = None;
    while taken.sent < count {
        let mut stream = match open.take() {
            Some(stream) => stream,
            None => TcpStream::connect(address).await.map_err(Failure::Ended)?,
        };
        let mut bytes = mutate(&models[random.usize(..models.len())], &mut random);
        bytes.extend_from_slice(&probe);
        taken.sent += 1;
        match tokio::time::timeout(PATIENCE, converse(&mut stream, &bytes)).await {
            Ok(Reaction::Answered) => {
                taken.answered += 1;
                open = Some(stream);
            }
            Ok(Reaction::Closed) => taken.closed += 1,
            Ok(Reaction::Silent) | Err(_) => taken.silent += 1,
        }
    }
    Ok(taken)
}

/// Writes, and reads up to the answer of the probe.
async fn converse(stream: &mut TcpStream, bytes: &[u8]) -> Reaction {
    if stream.write_all(bytes).await.is_err() {
        return Reaction::Closed;
    }
    let mut answer = Vec::new();
    loop {
        let Ok(length) = stream.read_u32().await else { return Reaction::Closed };
        if length as usize > ANSWER_MAX {
            return Reaction::Silent;
        }
        answer.resize(length as usize, 0);
        if stream.read_exact(&mut answer).await.is_err() {
            return Reaction::Closed;
        }
        if answer.get(..4) == Some(&PROBE_ID.to_be_bytes()) {
            return Reaction::Answered;
        }
    }
}
