//! What can go wrong with objects.

use std::io;

use thalweg_frame::FrameError;
use thalweg_types::ErrorKind;

/// An error of a store or of a chain.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// Not a name for an object.
    #[error("'{0}' is not an object's name")]
    Name(String),
    /// Longer than [`OBJECT_LENGTH_MAX`](crate::OBJECT_LENGTH_MAX).
    #[error("object '{name}' would have {length} bytes, more than a store takes")]
    TooLarge {
        /// The object's name.
        name: String,
        /// Its length in bytes.
        length: usize,
    },
    /// The store failed; the object was not created by this call, or not durably.
    #[error("cannot {action} '{name}'")]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The object or folder.
        name: String,
        /// The cause.
        source: io::Error,
    },
    /// No answer came, so that the object may or may not have been created.
    #[error("no clear answer to creating '{name}'")]
    Unclear {
        /// The object's name.
        name: String,
        /// The cause.
        source: io::Error,
    },
    /// An earlier flush failed, so that nothing more can be made durable before a restart.
    #[error("a flush failed earlier: '{0}' cannot be made durable before a restart")]
    Failed(String),
    /// The bytes under a name are not the object that belongs there.
    #[error("object '{name}' cannot be read")]
    Object {
        /// The object's name.
        name: String,
        /// The cause.
        source: FrameError,
    },
    /// An intact entry or snapshot that was written for another number, or is too short.
    #[error("object '{0}' belongs elsewhere")]
    Misplaced(String),
    /// The store said that a name is taken and then found nothing there.
    #[error("object '{0}' existed and is gone")]
    Vanished(String),
}

impl BucketError {
    /// What the caller should do.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Name(_) => ErrorKind::Invalid,
            Self::TooLarge { .. } => ErrorKind::Limit,
            Self::Io { .. } | Self::Failed(_) => ErrorKind::Io,
            Self::Unclear { .. } => ErrorKind::Retry,
            Self::Object { source, .. } => source.kind(),
            Self::Misplaced(_) | Self::Vanished(_) => ErrorKind::Corrupt,
        }
    }

    /// For stores: no answer to creating `name` came, because of `source`.
    pub fn unclear(name: &str, source: io::Error) -> Self {
        Self::Unclear { name: name.to_owned(), source }
    }

    pub(crate) fn io(action: &'static str, name: &str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, name: name.to_owned(), source }
    }
}
