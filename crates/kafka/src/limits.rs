//! How many connections there may be.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::KafkaOptions;

/// Connections, in all and by address.
#[derive(Debug, Default)]
pub(crate) struct ConnectionCounts(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    by_address: BTreeMap<IpAddr, usize>,
}

/// A connection's place, given back when dropped.
#[derive(Debug)]
pub(crate) struct ConnectionSlot {
    counts: Arc<ConnectionCounts>,
    address: IpAddr,
}

/// Why there is no place for a connection.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoSlot {
    #[error("max.connections is reached")]
    All,
    #[error("max.connections.per.ip is reached")]
    Address,
}

impl ConnectionCounts {
    /// Takes a place for a connection from `address`.
    pub fn take(
        self: &Arc<Self>,
        options: &KafkaOptions,
        address: IpAddr,
    ) -> Result<ConnectionSlot, NoSlot> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.all >= options.connections_max {
            return Err(NoSlot::All);
        }
        let of_address = counts.by_address.get(&address).copied().unwrap_or(0);
        if of_address >= options.connections_max_from(address) {
            return Err(NoSlot::Address);
        }
        counts.all += 1;
        counts.by_address.insert(address, of_address + 1);
        Ok(ConnectionSlot { counts: self.clone(), address })
    }

    /// Connections at the moment.
    pub fn all(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).all
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        let mut counts = self.counts.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all -= 1;
        if let Some(count) = counts.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_limited_in_all_and_by_address() {
        let counts = Arc::new(ConnectionCounts::default());
        let options =
            KafkaOptions { connections_max: 3, connections_per_ip_max: 2, ..Default::default() };
        let [one, other]: [IpAddr; 2] =
            ["10.0.0.1", "10.0.0.2"].map(|address| address.parse().unwrap());
        let first = counts.take(&options, one).unwrap();
        let _second = counts.take(&options, one).unwrap();
        assert_eq!(counts.take(&options, one).unwrap_err(), NoSlot::Address);
        let _third = counts.take(&options, other).unwrap();
        assert_eq!(counts.take(&options, other).unwrap_err(), NoSlot::All);
        drop(first);
        assert_eq!(counts.all(), 2);
        assert!(counts.take(&options, one).is_ok());
    }
}
