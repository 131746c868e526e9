//! Which names objects may have.

use crate::{BucketError, OBJECT_LENGTH_MAX};

/// Longest name in bytes.
pub const NAME_LENGTH_MAX: usize = 512;

/// Refuses what could leave the store's folder, hide in it, or differ between two stores.
pub(crate) fn check(name: &str) -> Result<(), BucketError> {
    let legal = name.len() <= NAME_LENGTH_MAX && name.split('/').all(is_part);
    if legal { Ok(()) } else { Err(BucketError::Name(name.chars().take(100).collect())) }
}

pub(crate) fn check_length(name: &str, length: usize) -> Result<(), BucketError> {
    if length <= OBJECT_LENGTH_MAX {
        return Ok(());
    }
    Err(BucketError::TooLarge { name: name.to_owned(), length })
}

/// The folder of a name and its last part.
pub(crate) fn split(name: &str) -> (&str, &str) {
    name.rsplit_once('/').unwrap_or(("", name))
}

fn is_part(part: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    !part.is_empty() && !part.starts_with('.') && part.bytes().all(legal)
}
