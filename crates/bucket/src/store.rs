//! What is asked of a place that keeps objects.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;

use crate::BucketError;

/// A future behind a pointer, so that [`Store`] can be one.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Largest object in bytes. A longer one is neither written nor read.
pub const OBJECT_LENGTH_MAX: usize = 256 << 20;

/// The answer to a put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// The object did not exist; now it does, and durably so.
    Created,
    /// An object of that name exists. It keeps its content.
    Exists,
}

/// Keeps objects under names such as `meta/00000000000000000007`.
///
/// A name has one or more parts, parted by `/`; the parts before the last are its folder. A part
/// has letters, digits, `_`, `-` and `.`, and starts with no dot.
pub trait Store: Send + Sync + 'static {
    /// Creates an object, atomically and only if its name is free.
    ///
    /// Of several callers exactly one is told [`Put::Created`]. After
    /// [`BucketError::Unclear`] the object may or may not exist.
    fn put_if_absent<'a>(
        &'a self,
        name: &'a str,
        content: Bytes,
    ) -> BoxFuture<'a, Result<Put, BucketError>>;

    /// The content of an object; `None` if there is no such object.
    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, BucketError>>;

    /// The last parts of the names of a folder's own objects, sorted. An unknown folder is empty.
    fn list<'a>(&'a self, folder: &'a str) -> BoxFuture<'a, Result<Vec<String>, BucketError>>;

    /// Removes an object, if it exists. A crash may bring it back.
    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), BucketError>>;
}
