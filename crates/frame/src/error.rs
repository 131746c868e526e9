//! Why an object is not the frame that its reader wants.

use thalweg_types::ErrorKind;

/// Why a frame cannot be read. The caller knows the object's name and adds it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Neither copy matches its checksum.
    #[error("both copies are damaged")]
    Damaged,
    /// An intact frame, but of something else.
    #[error("holds '{}' where '{}' belongs", found.escape_ascii(), expected.escape_ascii())]
    Kind {
        /// The kind that the reader asked for.
        expected: [u8; 4],
        /// The kind that the frame says it is.
        found: [u8; 4],
    },
    /// An intact frame of a format that this program does not know yet.
    #[error(
        "written by a newer version of this program: its format is {found}, the newest known here is {known}"
    )]
    Newer {
        /// The frame's format.
        found: u16,
        /// The newest format that the reader knows.
        known: u16,
    },
}

impl FrameError {
    /// What the caller should do.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Damaged | Self::Kind { .. } => ErrorKind::Corrupt,
            Self::Newer { .. } => ErrorKind::Invalid,
        }
    }
}
