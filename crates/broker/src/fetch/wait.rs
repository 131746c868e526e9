//! Waiting for any of several partitions.

use std::sync::Arc;

use thalweg_env::Instant;
use thalweg_log::{Partition, WatchId};
use tokio::sync::Notify;

use super::{FetchRequest, FetchResponse, Isolation};
use crate::Broker;

/// Registrations with partitions, taken back when dropped.
struct Watches(Vec<(Arc<Partition>, WatchId)>);

impl Drop for Watches {
    fn drop(&mut self) {
        for (partition, watch) in &self.0 {
            partition.unwatch(*watch);
        }
    }
}

impl Broker {
    /// Completes when a partition has moved beyond what `response` saw of it, at the deadline, or
    /// when the broker shuts down. Meanwhile the memory of `response` is free for others.
    pub(super) async fn wait_for_more(
        &self,
        request: &FetchRequest<'_>,
        response: FetchResponse,
        deadline: Instant,
    ) {
        let notify = Arc::new(Notify::new());
        let watches = self.watch(request, &response, &notify);
        drop(response);
        let Some(_watches) = watches else { return };
        let env = &self.shared.env;
        tokio::select! {
            biased;
            () = notify.notified() => {}
            () = env.shutdown().wait() => {}
            () = env.sleep_until(deadline) => {}
        }
    }

    /// Registers with every partition; `None` if one of them has moved already.
    fn watch(
        &self,
        request: &FetchRequest<'_>,
        response: &FetchResponse,
        notify: &Arc<Notify>,
    ) -> Option<Watches> {
        let table = self.table();
        let mut watches = Watches(Vec::with_capacity(request.partitions.len()));
        for (asked, fetched) in request.partitions.iter().zip(&response.partitions) {
            let fetched = fetched.as_ref().ok()?;
            let seen = match request.isolation {
                Isolation::ReadUncommitted => fetched.high_watermark,
                Isolation::ReadCommitted => fetched.last_stable_offset,
            };
            let partition = table.partition(asked.topic, asked.partition).ok()?;
            let watch = partition.watch(request.isolation.watermark(), seen, notify)?;
            watches.0.push((partition.clone(), watch));
        }
        Some(watches)
    }
}
