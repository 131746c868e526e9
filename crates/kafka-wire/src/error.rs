//! What can be wrong with a message.

use thiserror::Error;

/// Why a message could not be decoded, or not be encoded.
///
/// Decoding errors mean that the peer does not speak the protocol: answer by closing the
/// connection. Encoding errors mean that the caller filled a message with what its version cannot
/// carry.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WireError {
    /// The frame ends inside a field.
    #[error("{needed} bytes needed, {left} left")]
    Truncated {
        /// What the field takes.
        needed: usize,
        /// What the frame still has.
        left: usize,
    },
    /// The frame goes on after its message.
    #[error("{left} bytes after the end of the message")]
    TrailingBytes {
        /// How many.
        left: usize,
    },
    /// An array claims more elements than the rest of the frame can hold.
    #[error("an array of {count} elements cannot fit in {left} bytes")]
    ArrayTooLong {
        /// Claimed number of elements.
        count: usize,
        /// What the frame still has.
        left: usize,
    },
    /// The arrays of the message, decoded, would take more memory than the decoder may use.
    #[error("the arrays of the message take more than {limit} bytes of memory")]
    OverLimit {
        /// The limit in bytes.
        limit: usize,
    },
    /// A string, a block of bytes or a frame is longer than its length field can say.
    #[error("{len} bytes are more than the {limit} that the protocol allows here")]
    TooLong {
        /// Actual length.
        len: usize,
        /// Allowed length.
        limit: usize,
    },
    /// A null where the version does not allow one.
    #[error("null in a field that cannot be null")]
    UnexpectedNull,
    /// A string is not UTF-8.
    #[error("a string is not utf-8")]
    NotUtf8,
    /// A variable-length integer does not end where it must.
    #[error("a variable-length integer is too long")]
    VarintTooLong,
    /// A tagged field reads past the length it gave.
    #[error("tagged field {tag} is longer than it says")]
    TagOverrun {
        /// Number of the field.
        tag: u32,
    },
    /// The api key is not one of [`ApiKey`](crate::ApiKey).
    #[error("unknown api key {0}")]
    UnknownApi(i16),
    /// The message does not exist in this version.
    #[error("{message} has no version {version}")]
    UnsupportedVersion {
        /// Name of the message.
        message: &'static str,
        /// Version asked for.
        version: i16,
    },
    /// A field has a value that matters, and the version cannot carry it.
    #[error("{field} cannot be expressed in version {version}")]
    NotInVersion {
        /// The field as `Struct.field`.
        field: &'static str,
        /// Version asked for.
        version: i16,
    },
}
