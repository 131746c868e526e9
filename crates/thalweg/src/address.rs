//! A host and a port, as people write them.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// Kafka's port, for addresses that name none.
const DEFAULT_PORT: u16 = 9092;

/// `host:port`; the host is a name or an IP address, IPv6 in brackets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// Name or IP address, without brackets.
    pub host: String,
    /// Port, 0 meaning any free one where that makes sense.
    pub port: u16,
}

/// Why a text is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not an address; write host:port, or [host]:port for IPv6")]
pub struct InvalidAddress(String);

impl Address {
    /// An address from its parts.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port }
    }

    fn parse(text: &str) -> Option<Self> {
        if text.parse::<Ipv6Addr>().is_ok() {
            return Some(Self::new(text, DEFAULT_PORT));
        }
        let (host, port) = match text.strip_prefix('[') {
            Some(bracketed) => {
                let (host, rest) = bracketed.split_once(']')?;
                host.parse::<Ipv6Addr>().ok()?;
                (host, rest.strip_prefix(':').or_else(|| rest.is_empty().then_some(""))?)
            }
            None => text.split_once(':').unwrap_or((text, "")),
        };
        let is_host = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
        if host.is_empty() || !host.chars().all(is_host) {
            return None;
        }
        let port = match port {
            "" if !text.ends_with(':') => DEFAULT_PORT,
            port => port.parse().ok()?,
        };
        Some(Self::new(host, port))
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        Self::parse(text).ok_or_else(|| InvalidAddress(text.to_owned()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn addresses_read_and_print() {
        for (text, printed) in [
            ("localhost", "localhost:9092"),
            ("localhost:19092", "localhost:19092"),
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("::1", "[::1]:9092"),
            ("[::1]", "[::1]:9092"),
            ("[fe80::1]:7", "[fe80::1]:7"),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), printed, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", ":9092", "host:", "host:port", "host:70000", "[::1", "[host]:1", "a b:1"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
