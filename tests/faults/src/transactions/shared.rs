//! What the clients of a pass share: the history, where the broker is, and that it is time to end.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use thalweg_types::ProducerId;
use tokio::sync::watch;

use crate::failure::Failure;
use crate::history::History;

/// A broker that does not come back for so long never will.
const PATIENCE: Duration = Duration::from_mins(2);

/// Held by every client of a pass.
#[derive(Clone)]
pub struct Shared {
    /// What they did and saw.
    pub history: Arc<History>,
    /// What they came to.
    pub counts: Arc<Counts>,
    stop: Arc<AtomicBool>,
    address: watch::Receiver<Option<SocketAddr>>,
    numbers: Arc<Numbers>,
    /// The producers that have another epoch in every transaction.
    bumping: Arc<Mutex<BTreeSet<ProducerId>>>,
}

/// The numbers by which the checker knows clients and transactions.
#[derive(Default)]
struct Numbers {
    producers: AtomicU32,
    consumers: AtomicU32,
    transactions: AtomicU32,
}

/// What happened, for those who want to know whether a pass was worth anything.
#[derive(Debug, Default)]
pub struct Counts {
    /// Transactions whose end was confirmed.
    pub ended: AtomicU64,
    /// Transactions that were written, and left alone.
    pub abandoned: AtomicU64,
    /// Requests of producers that were fenced.
    pub fenced: AtomicU64,
    /// Markers that came late, and were refused.
    pub late_markers: AtomicU64,
    /// Records that were copied, in transactions of whatever outcome.
    pub copied: AtomicU64,
}

impl Counts {
    /// One more.
    pub fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl Shared {
    /// For clients of the broker that is at `address`, if there is one.
    pub fn new(address: watch::Receiver<Option<SocketAddr>>) -> Self {
        Self {
            history: Arc::default(),
            counts: Arc::default(),
            stop: Arc::default(),
            address,
            numbers: Arc::default(),
            bumping: Arc::default(),
        }
    }

    /// A number for a producer.
    pub fn new_producer(&self) -> u32 {
        self.numbers.producers.fetch_add(1, Ordering::Relaxed)
    }

    /// A number for a consumer.
    pub fn new_consumer(&self) -> u32 {
        self.numbers.consumers.fetch_add(1, Ordering::Relaxed)
    }

    /// A number for a transaction.
    pub fn new_transaction(&self) -> u32 {
        self.numbers.transactions.fetch_add(1, Ordering::Relaxed)
    }

    /// What tells the clients to end.
    pub fn stop_flag(&self) -> Arc<AtomicBool> {
        self.stop.clone()
    }

    /// Tells the clients to end.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// True if it is time to end.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Waits for a broker.
    pub async fn address(&self) -> Result<SocketAddr, Failure> {
        let mut address = self.address.clone();
        let found = tokio::time::timeout(PATIENCE, address.wait_for(Option::is_some)).await;
        let found = found.ok().and_then(Result::ok).and_then(|address| *address);
        found.ok_or_else(|| Failure::Other(format!("no broker in {PATIENCE:?}")))
    }

    /// Notes that a producer has another epoch in every transaction.
    pub fn bumps(&self, producer: ProducerId) {
        self.bumping.lock().unwrap_or_else(PoisonError::into_inner).insert(producer);
    }

    /// True if the markers of a producer's transactions have a later epoch than their records.
    pub fn is_bumping(&self, producer: ProducerId) -> bool {
        self.bumping.lock().unwrap_or_else(PoisonError::into_inner).contains(&producer)
    }
}
