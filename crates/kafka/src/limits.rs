//! How many connections there may be.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use thalweg_broker::{Broker, config};
use thalweg_env::Instant;

/// The time over which the rate of new connections is counted.
const RATE_WINDOW: Duration = Duration::from_secs(1);

/// Limits on connections. The defaults are those of the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections at a time. `max.connections`, 10,000.
    pub all: usize,
    /// Connections at a time from one address. `max.connections.per.ip`, no limit.
    pub per_address: usize,
    /// Other limits for some addresses. `max.connections.per.ip.overrides`, none.
    pub overrides: BTreeMap<IpAddr, usize>,
    /// New connections a second; those beyond wait. `max.connection.creation.rate`, no limit.
    pub per_second: usize,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            all: 10_000,
            per_address: usize::MAX,
            overrides: BTreeMap::new(),
            per_second: usize::MAX,
        }
    }
}

impl ConnectionLimits {
    /// The limits that the broker's settings give now.
    pub fn of(broker: &Broker) -> Self {
        let size = |name: &str| usize::try_from(broker.setting_int(name)).unwrap_or(usize::MAX);
        let overrides = broker.setting("max.connections.per.ip.overrides").unwrap_or_default();
        Self {
            all: size("max.connections"),
            per_address: size("max.connections.per.ip"),
            overrides: read_overrides(&overrides),
            per_second: size("max.connection.creation.rate"),
        }
    }

    fn max_of(&self, address: IpAddr) -> usize {
        self.overrides.get(&address).copied().unwrap_or(self.per_address)
    }
}

/// Reads `address:count,…`. What does not read is left out: a limit that nobody can meet would lock
/// its author out.
fn read_overrides(text: &str) -> BTreeMap<IpAddr, usize> {
    let each = config::elements(text).filter_map(|element| {
        let (address, count) = element.rsplit_once(':')?;
        let address = address.trim_start_matches('[').trim_end_matches(']');
        Some((address.parse().ok()?, count.parse().ok()?))
    });
    each.collect()
}

/// Connections, in all and by address.
#[derive(Debug, Default)]
pub(crate) struct ConnectionCounts(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    by_address: BTreeMap<IpAddr, usize>,
    /// Since when connections are counted for the rate, and how many have come.
    window: Option<(Instant, usize)>,
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
        limits: &ConnectionLimits,
        address: IpAddr,
    ) -> Result<ConnectionSlot, NoSlot> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.all >= limits.all {
            return Err(NoSlot::All);
        }
        let of_address = counts.by_address.get(&address).copied().unwrap_or(0);
        if of_address >= limits.max_of(address) {
            return Err(NoSlot::Address);
        }
        counts.all += 1;
        counts.by_address.insert(address, of_address + 1);
        Ok(ConnectionSlot { counts: self.clone(), address })
    }

    /// Counts a new connection for the rate; returns when the next one may be accepted.
    pub fn pace(&self, limits: &ConnectionLimits, now: Instant) -> Instant {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let running = counts.window.filter(|(since, _)| now < *since + RATE_WINDOW);
        let (since, count) = running.unwrap_or((now, 0));
        counts.window = Some((since, count + 1));
        if count + 1 < limits.per_second { now } else { since + RATE_WINDOW }
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

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn places_are_limited_in_all_and_by_address() {
        let counts = Arc::new(ConnectionCounts::default());
        let limits = ConnectionLimits { all: 3, per_address: 2, ..Default::default() };
        let [one, other] = ["10.0.0.1", "10.0.0.2"].map(address);
        let first = counts.take(&limits, one).unwrap();
        let _second = counts.take(&limits, one).unwrap();
        assert_eq!(counts.take(&limits, one).unwrap_err(), NoSlot::Address);
        let _third = counts.take(&limits, other).unwrap();
        assert_eq!(counts.take(&limits, other).unwrap_err(), NoSlot::All);
        drop(first);
        assert_eq!(counts.all(), 2);
        assert!(counts.take(&limits, one).is_ok());
    }

    #[test]
    fn addresses_may_have_limits_of_their_own() {
        let limits = ConnectionLimits {
            per_address: 7,
            overrides: read_overrides("10.0.0.1:2, [::1]:3, nonsense"),
            ..Default::default()
        };
        let max = ["10.0.0.1", "::1", "10.0.0.2"].map(|text| limits.max_of(address(text)));
        assert_eq!(max, [2, 3, 7]);
    }

    #[test]
    fn new_connections_beyond_the_rate_wait_for_the_next_second() {
        let counts = ConnectionCounts::default();
        let limits = ConnectionLimits { per_second: 2, ..Default::default() };
        let start = thalweg_env::Env::real().now();
        assert_eq!(counts.pace(&limits, start), start);
        let later = start + RATE_WINDOW / 2;
        assert_eq!(counts.pace(&limits, later), start + RATE_WINDOW);
        let next = start + RATE_WINDOW;
        assert_eq!(counts.pace(&limits, next), next);
    }
}
