//! Connections that want nothing, want it very slowly, or want no answers.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::frames::probe;
use crate::failure::Failure;

/// What a slow connection announces that it will send.
const ANNOUNCED: u32 = 1 << 20;
const PAUSE: Duration = Duration::from_millis(50);
/// Requests sent at once by those who never read an answer.
const UNREAD_BURST: usize = 64;

/// Holds `idle` connections that say nothing, and `slow` ones that send a byte of a large request now
/// and then; returns how many there were.
pub async fn dawdle(
    address: SocketAddr,
    idle: usize,
    slow: usize,
    time: Duration,
) -> Result<usize, Failure> {
    let idle = connect(address, idle).await?;
    let mut slow = connect(address, slow).await?;
    for stream in &mut slow {
        stream.write_u32(ANNOUNCED).await.map_err(Failure::Ended)?;
    }
    send_again_and_again(&slow, &[0], time).await;
    Ok(idle.len() + slow.len())
}

/// Has connections ask without end, and without ever listening; returns how many there were.
pub async fn shout(address: SocketAddr, deaf: usize, time: Duration) -> Result<usize, Failure> {
    let deaf = connect(address, deaf).await?;
    send_again_and_again(&deaf, &probe()?.repeat(UNREAD_BURST), time).await;
    Ok(deaf.len())
}

async fn connect(address: SocketAddr, count: usize) -> Result<Vec<TcpStream>, Failure> {
    let mut streams = Vec::with_capacity(count);
    for _ in 0..count {
        streams.push(TcpStream::connect(address).await.map_err(Failure::Ended)?);
    }
    Ok(streams)
}

async fn send_again_and_again(streams: &[TcpStream], bytes: &[u8], time: Duration) {
    let deadline = Instant::now() + time;
    while Instant::now() < deadline {
        for stream in streams {
            // The broker is free to close such a connection.
            let _ = stream.try_write(bytes);
        }
        tokio::time::sleep(PAUSE).await;
    }
}
