//! What all messages have in common.

use std::ops::RangeInclusive;

use crate::{ApiKey, Decoder, Encoder, Wire, WireError};

/// A whole message: a request, a response, a header, or one that clients put inside a bytes field.
pub trait Message: Wire {
    /// The name in Kafka's definitions.
    const NAME: &'static str;

    /// The versions that can be encoded and decoded.
    const VERSIONS: RangeInclusive<i16>;

    /// The first version with compact lengths and tagged fields; `i16::MAX` where there is none.
    const FIRST_FLEXIBLE: i16;

    /// Appends the message in the form of `version`. Fails if a field has a value that the version
    /// cannot carry, unless the protocol says that it may be dropped.
    fn encode(&self, out: &mut Encoder, version: i16) -> Result<(), WireError> {
        check_version::<Self>(version)?;
        out.set_flexible(version >= Self::FIRST_FLEXIBLE);
        self.write(out, version)
    }

    /// Reads the message in the form of `version`. Fields that the version does not have get their
    /// defaults. What follows the message is left: see [`Decoder::finish`].
    fn decode(input: &mut Decoder, version: i16) -> Result<Self, WireError> {
        check_version::<Self>(version)?;
        input.set_flexible(version >= Self::FIRST_FLEXIBLE);
        Self::read(input, version)
    }
}

/// A request, tied to its response.
pub trait Request: Message {
    /// Which request it is.
    const KEY: ApiKey;

    /// What answers it.
    type Response: Message;
}

fn check_version<M: Message>(version: i16) -> Result<(), WireError> {
    if M::VERSIONS.contains(&version) {
        return Ok(());
    }
    Err(WireError::UnsupportedVersion { message: M::NAME, version })
}
