//! The chain as far as it has been followed.

use std::path::Path;
use std::sync::Arc;

use thalweg_bucket::{Append, Chain, Directory};
use thalweg_cluster::{ClusterId, ClusterState, Entry};
use thalweg_env::Env;
use thalweg_types::BrokerId;

use crate::error::ChainError;

/// The chain's folder in the data directory.
pub(crate) const CHAIN: &str = "meta";

/// A snapshot is written after this many entries.
const ENTRIES_PER_SNAPSHOT: u64 = 256;

/// A chain, and the state that its entries up to some number lead to.
pub(crate) struct Followed {
    chain: Chain,
    state: ClusterState,
    /// The number that the next entry will have.
    next: u64,
    snapshot_at: u64,
}

impl Followed {
    /// Opens the chain in `data_dir`, and reads it to its end.
    pub async fn open(env: &Env, data_dir: &Path) -> Result<Self, ChainError> {
        let store = Directory::open(env, data_dir.to_owned()).await?;
        let chain = Chain::new(env, Arc::new(store), CHAIN);
        let mut followed = Self { chain, state: ClusterState::default(), next: 0, snapshot_at: 0 };
        if let Some(snapshot) = followed.chain.latest_snapshot().await? {
            warn_of_damage(snapshot.damaged_twin, "snapshot", snapshot.at);
            followed.state = ClusterState::from_snapshot(&Entry::decode(&snapshot.payload)?)?;
            followed.next = snapshot.at;
            followed.snapshot_at = snapshot.at;
        }
        followed.catch_up().await?;
        Ok(followed)
    }

    /// The state after the entries read so far.
    pub fn state(&self) -> &ClusterState {
        &self.state
    }

    /// How many entries have been read.
    pub fn len(&self) -> u64 {
        self.next
    }

    /// Tells the cluster, which may be new, that this broker is up; returns its incarnation.
    pub async fn announce(&mut self, env: &Env, node: BrokerId) -> Result<u64, ChainError> {
        loop {
            let mut state = self.state.clone();
            let mut records = state.create_cluster(ClusterId::from_random(env.random_bytes()));
            records.extend(state.start_broker(node));
            let entry = Entry { records };
            state.replay(&entry)?;
            let incarnation = state.broker(node).map_or(0, |broker| broker.incarnation);
            if self.append(&entry, state).await? {
                return Ok(incarnation);
            }
            self.catch_up().await?;
        }
    }

    /// Reads what others have appended.
    pub async fn catch_up(&mut self) -> Result<(), ChainError> {
        loop {
            let entries = self.chain.read_from(self.next).await?;
            let Some(last) = entries.last() else { return Ok(()) };
            let next = last.number + 1;
            // A state that does not take an entry is worth nothing: keep the one before.
            let mut state = self.state.clone();
            for entry in &entries {
                warn_of_damage(entry.damaged_twin, "entry", entry.number);
                state.replay(&Entry::decode(&entry.payload)?)?;
            }
            self.state = state;
            self.next = next;
        }
    }

    /// Tries to append `entry`, after which the state is `after`. False if another broker was faster.
    ///
    /// After an error the entry may or may not be there: [`catch_up`](Self::catch_up) tells.
    pub async fn append(&mut self, entry: &Entry, after: ClusterState) -> Result<bool, ChainError> {
        match self.chain.append(self.next, &entry.encode()?).await? {
            Append::Lost => Ok(false),
            Append::Won => {
                self.next += 1;
                self.state = after;
                Ok(true)
            }
        }
    }

    /// Keeps the state now and then, so that the next start reads less. A failure costs only that.
    pub async fn snapshot_if_due(&mut self) {
        if self.next - self.snapshot_at < ENTRIES_PER_SNAPSHOT {
            return;
        }
        self.snapshot_at = self.next;
        if let Err(error) = self.write_snapshot().await {
            tracing::warn!(%error, at = self.next, "metadata snapshot not written");
        }
    }

    async fn write_snapshot(&self) -> Result<(), ChainError> {
        let payload = self.state.snapshot().encode()?;
        Ok(self.chain.write_snapshot(self.next, &payload).await?)
    }
}

fn warn_of_damage(damaged_twin: bool, what: &'static str, number: u64) {
    if damaged_twin {
        tracing::warn!(what, number, "one copy of a metadata object is damaged; the other is used");
    }
}
