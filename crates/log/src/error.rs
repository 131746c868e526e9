//! What can go wrong with the log.

use std::io;
use std::path::PathBuf;

use thalweg_types::{ErrorKind, Offset, TopicPartition};

/// Errors of the log. [`LogError::kind`] says what a caller should do.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The offset lies before the log start or after what is durable.
    #[error("offset {asked} is outside of {start} to {end}")]
    OffsetOutOfRange {
        /// What was asked for.
        asked: Offset,
        /// The log start offset.
        start: Offset,
        /// The high watermark.
        end: Offset,
    },
    /// Stored bytes failed their checksum; they are not served.
    #[error("corrupt data in {file} at byte {position}: {what}")]
    Corrupt {
        /// The damaged file.
        file: PathBuf,
        /// Where in the file.
        position: u64,
        /// What did not match.
        what: &'static str,
    },
    /// A file carries a format version that this release does not know.
    #[error(
        "{file} was written by a newer version of Thalweg (format {found}, newest known {known})"
    )]
    NewerFormat {
        /// The file.
        file: PathBuf,
        /// Its version.
        found: u16,
        /// The newest version that this release reads.
        known: u16,
    },
    /// The device or file system failed.
    #[error("{doing} {path}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Writes are refused until the device works, or has space, again.
    #[error("the log accepts no writes: {0}")]
    Stalled(String),
    /// The write failed after the batch was accepted. It was not acknowledged, and only a crash
    /// before the next write could still bring it back.
    #[error("the write did not become durable")]
    WriteFailed,
    /// The partition was deleted while the call waited.
    #[error("partition {0} was deleted")]
    Deleted(TopicPartition),
    /// Another process has the data directory.
    #[error("{0} is in use by another process")]
    Locked(PathBuf),
    /// The log is shutting down.
    #[error("the log is closing")]
    Closing,
}

impl LogError {
    /// What the caller should do.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::OffsetOutOfRange { .. } | Self::NewerFormat { .. } => ErrorKind::Invalid,
            Self::Corrupt { .. } => ErrorKind::Corrupt,
            Self::Io { .. } | Self::Stalled(_) | Self::WriteFailed => ErrorKind::Io,
            Self::Deleted(_) => ErrorKind::NotFound,
            Self::Locked(_) => ErrorKind::Exists,
            Self::Closing => ErrorKind::Retry,
        }
    }

    pub(crate) fn io(
        doing: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { doing, path, source }
    }
}
