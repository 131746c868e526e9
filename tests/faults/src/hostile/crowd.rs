//! Connections that want nothing, or want it very slowly.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::frames::probe;
use crate::failure::Failure;

/// What a slow connection announces that it will send.
const ANNOUNCED: u32 = 1 << 20;
const PAUSE: Duration = Duration::from_millis(50);
/// Requests sent at once by those who never read an answer.
const UNREAD_BURST: usize = 64;

/// Connections held open.
pub struct Crowd {
    idle: Vec<TcpStream>,
    slow: Vec<TcpStream>,
}

impl Crowd {
    /// Connects.
    pub async fn gather(address: SocketAddr, idle: usize, slow: usize) -> Result<Self, Failure> {
        let mut crowd = Self { idle: Vec::new(), slow: Vec::new() };
        for _ in 0..idle {
            crowd.idle.push(TcpStream::connect(address).await.map_err(Failure::Ended)?);
        }
        for _ in 0..slow {
            let mut stream = TcpStream::connect(address).await.map_err(Failure::Ended)?;
            stream.write_u32(ANNOUNCED).await.map_err(Failure::Ended)?;
            crowd.slow.push(stream);
        }
        Ok(crowd)
    }

    /// Sends a byte now and then on the slow half of the slow ones, and asks without end, and
    /// without listening, on the other.
    pub async fn dawdle(&mut self, address: SocketAddr, time: Duration) -> Result<(), Failure> {
        let probe = probe()?;
        let half = self.slow.len() / 2;
        for stream in &mut self.slow[half..] {
            *stream = TcpStream::connect(address).await.map_err(Failure::Ended)?;
        }
        let deadline = tokio::time::Instant::now() + time;
        while tokio::time::Instant::now() < deadline {
            for stream in &self.slow[..half] {
                // The broker is free to close such a connection.
                let _ = stream.try_write(&[0]);
            }
            for stream in &self.slow[half..] {
                let _ = stream.try_write(&probe.repeat(UNREAD_BURST));
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    /// How many there are.
    pub fn size(&self) -> usize {
        self.idle.len() + self.slow.len()
    }
}
