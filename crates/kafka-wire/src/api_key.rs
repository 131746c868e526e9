//! The table of apis as an enum.

macro_rules! apis {
    ($($key:literal, $name:ident, $request:ident, $response:ident, $last_stable:literal;)*) => {
        use std::ops::RangeInclusive;

        use super::{$($request, $response),*};
        use crate::{Message, Request, WireError};

        /// The apis that clients call, by their keys on the wire.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i16)]
        #[expect(missing_docs, reason = "the names are Kafka's; each has a request of its name")]
        pub enum ApiKey {
            $($name = $key,)*
        }

        $(impl Request for $request {
            const KEY: ApiKey = ApiKey::$name;
            type Response = $response;
        })*

        impl ApiKey {
            /// All apis, by their keys.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Kafka's name, such as `Produce`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// The versions that can be encoded and decoded.
            ///
            /// Those of Produce start with 3; what is advertised must start with 0 all the same,
            /// because librdkafka takes a broker without version 0 for one without features
            /// (KAFKA-18659).
            pub fn versions(self) -> RangeInclusive<i16> {
                match self {
                    $(Self::$name => $request::VERSIONS,)*
                }
            }

            /// The versions fit to be advertised: without a last one that Kafka marks as unstable.
            pub fn stable_versions(self) -> RangeInclusive<i16> {
                let last = match self {
                    $(Self::$name => $last_stable,)*
                };
                *self.versions().start()..=last
            }

            /// The first version with compact lengths and tagged fields; `i16::MAX` without any.
            pub fn first_flexible(self) -> i16 {
                match self {
                    $(Self::$name => $request::FIRST_FLEXIBLE,)*
                }
            }

            /// Calls the visitor with the types that belong to this api.
            pub fn visit<V: ApiVisitor>(self, visitor: V) -> V::Output {
                match self {
                    $(Self::$name => visitor.visit::<$request>(),)*
                }
            }
        }

        impl TryFrom<i16> for ApiKey {
            type Error = WireError;

            fn try_from(key: i16) -> Result<Self, WireError> {
                match key {
                    $($key => Ok(Self::$name),)*
                    unknown => Err(WireError::UnknownApi(unknown)),
                }
            }
        }

        /// Code that is to run with the types of an api known at run time only.
        pub trait ApiVisitor {
            /// What the code returns.
            type Output;

            /// Runs it for an api.
            fn visit<R: Request>(self) -> Self::Output;
        }
    };
}

pub(crate) use apis;

use crate::ApiKey;

impl ApiKey {
    /// The version of the request header that goes with a version of the api.
    pub fn request_header_version(self, version: i16) -> i16 {
        if version >= self.first_flexible() { 2 } else { 1 }
    }

    /// The version of the response header that goes with a version of the api. The header of an
    /// `ApiVersions` response is always the oldest, because the client that reads it does not know
    /// yet what the broker understands (KIP-511).
    pub fn response_header_version(self, version: i16) -> i16 {
        i16::from(self != Self::ApiVersions && version >= self.first_flexible())
    }
}

impl std::fmt::Display for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
