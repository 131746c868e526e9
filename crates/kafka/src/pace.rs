//! How slow a peer may be.

use std::time::Duration;

/// A transfer may pause this long, whatever its size.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// Slowest rate at which a peer may send or take bytes.
const BYTES_PER_SECOND_MIN: u64 = 128 << 10;

/// How long a peer may take to send or take `bytes`. Memory is held for it meanwhile.
pub(crate) fn transfer_time_max(bytes: usize) -> Duration {
    PAUSE_MAX + Duration::from_secs(bytes as u64 / BYTES_PER_SECOND_MIN)
}
