//! Committed offsets as clients understand them, by the order of what was acknowledged.

use std::collections::BTreeMap;

use thalweg_types::{ProducerId, TopicId};

use crate::{GroupId, TxnOutcome};

/// A partition of the one topic, as a group sees it.
pub type Key = (GroupId, i32);

/// One acknowledged commit.
#[derive(Clone, Copy, Debug)]
struct Commit {
    /// The latest of those that count wins.
    number: u64,
    offset: i64,
    topic_id: TopicId,
    /// Old enough to expire at any time.
    is_old: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Offsets {
    acknowledged: u64,
    committed: BTreeMap<Key, Commit>,
    pending: BTreeMap<ProducerId, BTreeMap<Key, Commit>>,
}

impl Offsets {
    pub fn commit(
        &mut self,
        key: Key,
        transaction: Option<ProducerId>,
        offset: i64,
        topic_id: TopicId,
    ) {
        self.acknowledged += 1;
        let commit = Commit { number: self.acknowledged, offset, topic_id, is_old: false };
        match transaction {
            Some(producer) => self.pending.entry(producer).or_default().insert(key, commit),
            None => self.committed.insert(key, commit),
        };
    }

    pub fn end(&mut self, producer: ProducerId, outcome: TxnOutcome) {
        for (key, commit) in self.pending.remove(&producer).unwrap_or_default() {
            let is_latest = self.committed.get(&key).is_none_or(|c| c.number < commit.number);
            if outcome == TxnOutcome::Commit && is_latest {
                self.committed.insert(key, commit);
            }
        }
    }

    /// Forgets what is committed and what is pending of some partitions.
    fn forget(&mut self, is_gone: impl Fn(&Key) -> bool) {
        self.committed.retain(|key, _| !is_gone(key));
        for pending in self.pending.values_mut() {
            pending.retain(|key, _| !is_gone(key));
        }
    }

    pub fn forget_partition(&mut self, gone: &Key) {
        self.forget(|key| key == gone);
    }

    pub fn forget_group(&mut self, gone: &GroupId) {
        self.forget(|(group, _)| group == gone);
    }

    /// Forgets partitions that have no offset of another incarnation of the topic: neither the committed
    /// one, nor one that could come after it.
    pub fn forget_topic(&mut self, gone: TopicId) {
        let before = self.clone();
        let is_other = |commit: &Commit| {
            !commit.topic_id.is_zero() && !gone.is_zero() && commit.topic_id != gone
        };
        let stays = |key: &Key| {
            let committed = before.committed.get(key);
            let after = committed.map_or(0, |commit| commit.number);
            let pending = before.pending.values().filter_map(|keys| keys.get(key));
            let mut to_come = pending.filter(|commit| commit.number > after);
            committed.is_some_and(is_other) || to_come.any(is_other)
        };
        self.forget(|key| !stays(key));
    }

    /// So much time passes that all is old, and everything goes that no transaction needs.
    pub fn age(&mut self) {
        let before = self.clone();
        self.committed.retain(|key, _| before.is_unstable(key));
        let pending = self.pending.values_mut().flat_map(BTreeMap::values_mut);
        pending.chain(self.committed.values_mut()).for_each(|commit| commit.is_old = true);
    }

    /// Takes note that what may expire has done so.
    pub fn expire(&mut self, stored: &BTreeMap<Key, i64>) {
        let before = self.clone();
        self.committed.retain(|key, commit| {
            !commit.is_old || before.is_unstable(key) || stored.contains_key(key)
        });
    }

    pub fn committed(&self) -> BTreeMap<Key, i64> {
        self.committed.iter().map(|(key, commit)| (key.clone(), commit.offset)).collect()
    }

    /// True if an open transaction commits this offset.
    pub fn is_unstable(&self, key: &Key) -> bool {
        self.pending.values().any(|pending| pending.contains_key(key))
    }

    /// True if an open transaction commits an offset of the group.
    pub fn is_waited_for(&self, group: &GroupId) -> bool {
        self.pending.values().flat_map(BTreeMap::keys).any(|(id, _)| id == group)
    }

    /// How many offsets are stored.
    pub fn count(&self) -> usize {
        self.committed.len() + self.pending.values().map(BTreeMap::len).sum::<usize>()
    }
}
