//! The task that owns the chain.

use std::sync::Arc;

use thalweg_cluster::{ClusterState, Entry, Record};
use thalweg_env::{Env, Task};
use tokio::sync::{mpsc, oneshot};

use super::proposal::{Decided, Proposal, Typed};
use super::{ClusterTable, Followed, TableBuilder, TableCell};
use crate::BrokerError;
use crate::error::ChainError;
use crate::groups::GroupCoordinators;
use crate::metrics::{BrokerMetrics, count};

/// Proposals that may wait.
const QUEUE_MAX: usize = 256;

/// Proposals that may share one entry, and thereby its flush.
const PROPOSALS_PER_ENTRY_MAX: usize = 64;

type Proposals = Vec<Box<dyn Proposal>>;

/// Changes the cluster.
#[derive(Clone)]
pub(crate) struct MetadataHandle(mpsc::Sender<Box<dyn Proposal>>);

impl MetadataHandle {
    /// Decides on the newest state and appends what was decided; on a lost race, again. `decide`
    /// gives the answer and the records that make it true.
    ///
    /// The change happens even if the caller does not wait for it.
    pub async fn propose<T: Send + 'static>(
        &self,
        decide: impl FnMut(&ClusterState) -> Result<(T, Vec<Record>), BrokerError> + Send + 'static,
    ) -> Result<Decided<T>, BrokerError> {
        let (done, outcome) = oneshot::channel();
        let proposal = Box::new(Typed::new(decide, done));
        self.0.send(proposal).await.map_err(|_| BrokerError::Closing)?;
        outcome.await.map_err(|_| BrokerError::Closing)?
    }
}

/// Owns the chain and writes the table.
pub(crate) struct Driver {
    pub env: Env,
    pub followed: Followed,
    pub builder: Arc<TableBuilder>,
    pub table: Arc<TableCell>,
    pub groups: Arc<GroupCoordinators>,
    pub metrics: Arc<BrokerMetrics>,
}

impl Driver {
    /// Starts the task. It ends with the shutdown, after what it is at.
    pub fn start(self) -> (MetadataHandle, Task<()>) {
        let (sender, proposals) = mpsc::channel(QUEUE_MAX);
        let env = self.env.clone();
        let task = env.spawn("metadata", self.run(proposals));
        (MetadataHandle(sender), task)
    }

    async fn run(mut self, mut proposals: mpsc::Receiver<Box<dyn Proposal>>) {
        let shutdown = self.env.shutdown().clone();
        let mut batch = Vec::new();
        loop {
            let taken = tokio::select! {
                biased;
                () = shutdown.wait() => return,
                taken = proposals.recv_many(&mut batch, PROPOSALS_PER_ENTRY_MAX) => taken,
            };
            if taken == 0 {
                return;
            }
            self.settle(std::mem::take(&mut batch)).await;
        }
    }

    /// Decides, appends and answers.
    async fn settle(&mut self, mut proposals: Proposals) {
        let outcome = self.commit(&mut proposals).await;
        if let Err(error) = &outcome {
            tracing::error!(%error, "metadata chain");
        }
        for proposal in proposals {
            proposal.finish(outcome.clone().map_err(BrokerError::Metadata));
        }
        self.followed.snapshot_if_due().await;
    }

    /// Brings what `proposals` decide onto the chain and into the table. Those that are refused are
    /// answered and taken out.
    async fn commit(&mut self, proposals: &mut Proposals) -> Result<Arc<ClusterTable>, ChainError> {
        loop {
            self.followed.catch_up().await?;
            let (entry, after) = decide_all(self.followed.state(), proposals)?;
            if entry.records.is_empty() {
                break;
            }
            if self.followed.append(&entry, after).await? {
                count(&self.metrics.metadata_entries);
                break;
            }
        }
        Ok(self.publish())
    }

    /// Shows the state to everybody, if it is not the one that they see.
    fn publish(&self) -> Arc<ClusterTable> {
        let before = self.table.get();
        if self.builder.is_newest(&before, self.followed.len()) {
            return before;
        }
        let state = self.followed.state().clone();
        let table = Arc::new(self.builder.build(state, self.followed.len(), Some(&before)));
        self.table.set(table.clone());
        self.groups.forget_topics(&self.env, &before.topics_gone_in(&table));
        table
    }
}

/// Lets each proposal decide on what those before it lead to.
fn decide_all(
    state: &ClusterState,
    proposals: &mut Proposals,
) -> Result<(Entry, ClusterState), ChainError> {
    let mut state = state.clone();
    let mut entry = Entry::default();
    for mut proposal in std::mem::take(proposals) {
        match proposal.decide(&state) {
            Ok(records) => {
                let decided = Entry { records };
                state.replay(&decided)?;
                entry.records.extend(decided.records);
                proposals.push(proposal);
            }
            Err(refusal) => proposal.finish(Err(refusal)),
        }
    }
    Ok((entry, state))
}
