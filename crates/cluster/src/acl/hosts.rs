//! Which addresses the host of an ACL stands for.

use std::net::IpAddr;

use super::ANY_HOST;

/// The addresses of an ACL's host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Hosts {
    /// Every one.
    All,
    /// One address.
    One(IpAddr),
    /// Those that agree with the address in its first bits.
    Network(IpAddr, u32),
    /// None: names of hosts are not looked up, as in Kafka.
    None,
}

impl Hosts {
    pub fn parse(text: &str) -> Self {
        if text == ANY_HOST {
            return Self::All;
        }
        match text.split_once('/') {
            Some(_) => parse_network(text).map_or(Self::None, |(of, bits)| Self::Network(of, bits)),
            None => text.parse().map_or(Self::None, Self::One),
        }
    }

    pub fn contain(self, address: IpAddr) -> bool {
        match self {
            Self::All => true,
            Self::One(one) => one == address,
            Self::Network(network, bits) => agree(network, address, bits),
            Self::None => false,
        }
    }
}

/// Address and number of bits of `address/bits`.
pub(crate) fn parse_network(text: &str) -> Option<(IpAddr, u32)> {
    let (address, bits) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let is_number = !bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit());
    let bits = bits.parse().ok().filter(|_| is_number)?;
    let most = if address.is_ipv4() { u32::BITS } else { u128::BITS };
    (bits <= most).then_some((address, bits))
}

fn agree(a: IpAddr, b: IpAddr, bits: u32) -> bool {
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros() >= bits,
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros() >= bits,
        _ => false,
    }
}
