//! Reading one response off a connection.

use std::io;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Longest response that is read: a fetch of many partitions with the largest batches.
const RESPONSE_MAX: usize = 256 << 20;

/// Memory taken before any byte of a response has arrived; it doubles with what arrives.
const FIRST_READ: usize = 64 << 10;

/// Why there is no frame.
#[derive(Debug)]
pub enum FrameError {
    /// The connection failed or ended.
    Ended,
    /// The announced length is absurd.
    Length(i32),
}

impl From<io::Error> for FrameError {
    fn from(_: io::Error) -> Self {
        Self::Ended
    }
}

/// The next frame, without its length prefix.
pub async fn read_frame<S: AsyncRead + Unpin>(stream: &mut S) -> Result<BytesMut, FrameError> {
    let announced = stream.read_i32().await?;
    let length = usize::try_from(announced)
        .ok()
        .filter(|length| *length <= RESPONSE_MAX)
        .ok_or(FrameError::Length(announced))?;
    let mut frame = BytesMut::with_capacity(length.min(FIRST_READ));
    while frame.len() < length {
        let missing = length - frame.len();
        if frame.len() == frame.capacity() {
            frame.reserve(missing.min(frame.len()));
        }
        let mut rest = (&mut *stream).take(missing as u64);
        if rest.read_buf(&mut frame).await? == 0 {
            return Err(FrameError::Ended);
        }
    }
    Ok(frame)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(mut bytes: &[u8]) -> Result<BytesMut, FrameError> {
        read_frame(&mut bytes).await
    }

    #[tokio::test]
    async fn frames_end_where_they_say() {
        let long = vec![7; 300_000];
        let mut bytes = (long.len() as i32).to_be_bytes().to_vec();
        bytes.extend(&long);
        bytes.extend([1, 2, 3]);
        assert_eq!(read(&bytes).await.unwrap(), long);
        assert_eq!(read(&[0, 0, 0, 0]).await.unwrap(), &[][..]);
    }

    #[tokio::test]
    async fn short_and_absurd_frames_are_errors() {
        assert!(matches!(read(&[0, 0, 0, 5, 1, 2]).await, Err(FrameError::Ended)));
        assert!(matches!(read(b"HTTP/1.1").await, Err(FrameError::Length(_))));
        assert!(matches!(read(&[255; 4]).await, Err(FrameError::Length(-1))));
    }
}
