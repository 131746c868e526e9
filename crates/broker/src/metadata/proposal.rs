//! A wish to change the cluster, and the answer to it.

use std::sync::Arc;

use thalweg_cluster::{ClusterState, Entry, Record};
use tokio::sync::oneshot;

use super::ClusterTable;
use crate::BrokerError;

/// What a proposal leads to: the proposer's own answer, and the table that shows the change.
pub(crate) type Decided<T> = (T, Arc<ClusterTable>);

/// What became of each item of a request.
pub(crate) type Outcomes<T> = Vec<Result<T, BrokerError>>;

/// Decides on each item on what those before it lead to, and collects the records.
pub(crate) fn each<I, T>(
    state: &ClusterState,
    items: &[I],
    decide: impl Fn(&ClusterState, &I) -> Result<(T, Vec<Record>), BrokerError>,
) -> Result<(Outcomes<T>, Vec<Record>), BrokerError> {
    let mut state = state.clone();
    let mut all = Vec::new();
    let mut outcomes = Vec::with_capacity(items.len());
    for item in items {
        outcomes.push(match decide(&state, item) {
            Ok((outcome, records)) => {
                let entry = Entry { records };
                state.replay(&entry)?;
                all.extend(entry.records);
                Ok(outcome)
            }
            Err(refusal) => Err(refusal),
        });
    }
    Ok((outcomes, all))
}

/// A proposal whose answer has some type. `decide` may be called several times; the last call counts.
pub(super) trait Proposal: Send {
    /// The records to append on `state`; none if nothing has to change.
    fn decide(&mut self, state: &ClusterState) -> Result<Vec<Record>, BrokerError>;

    /// Answers, after the records stand on the chain and in the table, or have failed to.
    fn finish(self: Box<Self>, outcome: Result<Arc<ClusterTable>, BrokerError>);
}

pub(super) struct Typed<T, F> {
    decide: F,
    answer: Option<T>,
    done: oneshot::Sender<Result<Decided<T>, BrokerError>>,
}

impl<T, F> Typed<T, F> {
    pub fn new(decide: F, done: oneshot::Sender<Result<Decided<T>, BrokerError>>) -> Self {
        Self { decide, answer: None, done }
    }
}

impl<T, F> Proposal for Typed<T, F>
where
    T: Send,
    F: FnMut(&ClusterState) -> Result<(T, Vec<Record>), BrokerError> + Send,
{
    fn decide(&mut self, state: &ClusterState) -> Result<Vec<Record>, BrokerError> {
        let (answer, records) = (self.decide)(state)?;
        self.answer = Some(answer);
        Ok(records)
    }

    fn finish(self: Box<Self>, outcome: Result<Arc<ClusterTable>, BrokerError>) {
        let answer = self.answer;
        let outcome = outcome.and_then(|table| Ok((answer.ok_or(BrokerError::Closing)?, table)));
        // Whoever asked may have gone.
        let _ = self.done.send(outcome);
    }
}
