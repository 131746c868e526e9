//! Values with a form on the wire.

use uuid::Uuid;

use crate::{Decoder, Encoder, WireError};

/// A value with a form on the wire: a whole message, a struct inside one, or an array element.
///
/// [`Message`](crate::Message) is the way to encode and decode; this trait is what it is made of.
pub trait Wire: Sized {
    /// Fewest bytes that a value takes in any version. Bounds the length of arrays.
    const MIN_LEN: usize;

    /// Appends the value in the form of `version`.
    fn write(&self, out: &mut Encoder, version: i16) -> Result<(), WireError>;

    /// Reads a value in the form of `version`.
    fn read(input: &mut Decoder, version: i16) -> Result<Self, WireError>;
}

macro_rules! fixed_width {
    ($($type:ty, $name:ident;)*) => {$(
        impl Wire for $type {
            const MIN_LEN: usize = size_of::<$type>();

            fn write(&self, out: &mut Encoder, _version: i16) -> Result<(), WireError> {
                out.$name(*self);
                Ok(())
            }

            fn read(input: &mut Decoder, _version: i16) -> Result<Self, WireError> {
                input.$name()
            }
        }
    )*};
}

fixed_width! {
    bool, bool;
    i8, i8;
    i16, i16;
    i32, i32;
    i64, i64;
    Uuid, uuid;
}

impl Wire for String {
    const MIN_LEN: usize = 1;

    fn write(&self, out: &mut Encoder, _version: i16) -> Result<(), WireError> {
        out.string(self)
    }

    fn read(input: &mut Decoder, _version: i16) -> Result<Self, WireError> {
        input.string()
    }
}

/// The value, or an error where the version has no null.
pub(crate) fn required<T: ?Sized>(value: Option<&T>) -> Result<&T, WireError> {
    value.ok_or(WireError::UnexpectedNull)
}

/// The error for a value that matters in a version that has no place for it.
#[cold]
pub(crate) fn not_in_version(field: &'static str, version: i16) -> Result<(), WireError> {
    Err(WireError::NotInVersion { field, version })
}
