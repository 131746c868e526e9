//! Names of groups and members, cheap to clone.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// Longest name accepted in a request, in bytes. Kafka's records store names with a 16-bit length; a
/// member id adds 37 bytes to a client id and must still fit.
pub const NAME_LENGTH_MAX: usize = i16::MAX as usize - 64;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Default for $name {
            /// The empty name.
            fn default() -> Self {
                Self("".into())
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self(name.into())
            }
        }

        impl From<String> for $name {
            fn from(name: String) -> Self {
                Self(name.into())
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// Names a group. The empty name is legal for committed offsets only, as in Kafka.
    GroupId
}
name! {
    /// Names a member of a group, as the coordinator assigned it. Empty means "none yet".
    MemberId
}
name! {
    /// `group.instance.id`: the name that a static member keeps across restarts (KIP-345).
    InstanceId
}

impl MemberId {
    /// True if the client has no id yet.
    pub fn is_unknown(&self) -> bool {
        self.0.is_empty()
    }
}
