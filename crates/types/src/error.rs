//! What a caller should do about an error, whatever crate it came from.

/// The advice that every error enum of the workspace gives through a `kind()` method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request can never succeed as it is: tell the client.
    Invalid,
    /// The thing named does not exist.
    NotFound,
    /// The thing named exists already.
    Exists,
    /// A limit was reached; the same request may pass later or smaller.
    Limit,
    /// Try again soon: the state needed is on its way.
    Retry,
    /// Another owner took over: give up the role, do not retry.
    Fenced,
    /// Stored bytes do not match their checksum or format. Never serve them.
    Corrupt,
    /// The device or store failed. The write path stops and recovers from what is durable.
    Io,
}
