//! `DescribeTransactions` and `ListTransactions`.

use std::collections::BTreeSet;

use regex_lite::Regex;
use thalweg_types::Timestamp;

use crate::durable::DurableState;
use crate::state::CoordinatorState;
use crate::{
    DescribedTransaction, Description, ListTransactions, ListedTransaction, ListedTransactions,
    TransactionError, TransactionMetadata, TransactionState, TransactionalId,
};

/// States of Kafka's that pass no transaction, but are not unknown.
const PASSING_STATES: [&str; 2] = ["Dead", "PrepareEpochFence"];

/// Longest pattern that is looked at.
const PATTERN_LENGTH_MAX: usize = 4_096;

impl CoordinatorState {
    pub(crate) fn describe(&self, id: &TransactionalId) -> DescribedTransaction {
        let description = |metadata: &TransactionMetadata| Description {
            state: metadata.state,
            producer: metadata.producer,
            timeout_ms: metadata.timeout_ms,
            started_at: metadata.started_at,
            partitions: match self.completions.get(id) {
                Some(completion) => completion.unsettled(),
                None => metadata.partitions.clone(),
            },
        };
        let known = self.durable.get(id).map(description);
        let result = known.ok_or(TransactionError::TransactionalIdNotFound);
        DescribedTransaction { transactional_id: id.clone(), result }
    }
}

/// The transactions of the partition, as far as the filters let them pass.
pub(crate) fn list(
    durable: &DurableState,
    request: &ListTransactions,
    now: Timestamp,
) -> Result<ListedTransactions, TransactionError> {
    let pattern = request.pattern.as_deref().filter(|pattern| !pattern.is_empty());
    let pattern = pattern.map(whole).transpose()?;
    let passes = |id: &TransactionalId, metadata: &TransactionMetadata| {
        passes(request, metadata, now)
            && pattern.as_ref().is_none_or(|pattern| pattern.is_match(id.as_str()))
    };
    let transactions = durable
        .transactions()
        .iter()
        .filter(|(id, metadata)| passes(id, metadata))
        .map(|(id, metadata)| ListedTransaction {
            transactional_id: id.clone(),
            producer_id: metadata.producer.id,
            state: metadata.state,
        })
        .collect();
    let unknown_states: BTreeSet<_> =
        request.states.iter().filter(|name| !is_state(name)).collect();
    let unknown_states = unknown_states.into_iter().cloned().collect();
    Ok(ListedTransactions { unknown_states, transactions })
}

/// `pattern` for a whole text, where it matches linear in its length.
fn whole(pattern: &str) -> Result<Regex, TransactionError> {
    let invalid = TransactionError::InvalidRegularExpression;
    if pattern.len() > PATTERN_LENGTH_MAX {
        return Err(invalid);
    }
    // By itself first: what is put around it must not make it legal.
    Regex::new(pattern).map_err(|_| invalid)?;
    Regex::new(&format!("^(?:{pattern})$")).map_err(|_| invalid)
}

fn is_state(name: &str) -> bool {
    PASSING_STATES.contains(&name)
        || TransactionState::ALL.iter().any(|state| state.as_str() == name)
}

/// Duration counts from when the last transaction began, open or not, as in Kafka; an id without any has
/// lasted for ever.
fn passes(request: &ListTransactions, metadata: &TransactionMetadata, now: Timestamp) -> bool {
    let ListTransactions { states, producer_ids, longer_than_ms, .. } = request;
    let age_ms = now.millis_since(metadata.started_at);
    (states.is_empty() || states.iter().any(|name| name == metadata.state.as_str()))
        && (producer_ids.is_empty() || producer_ids.contains(&metadata.producer.id))
        && longer_than_ms.is_none_or(|limit_ms| age_ms > limit_ms)
}
