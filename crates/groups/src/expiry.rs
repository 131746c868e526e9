//! Offsets that nobody has used for long enough, and groups that nothing is left of.
//!
//! An offset is out of use since its group became empty; of a group without members of its own, or of a
//! topic that a stable group of consumers does not read, since it was committed (KIP-211). A commit that
//! named a time to live is held to that instead. What an open transaction commits is in use.

use std::ops::Bound::{Excluded, Unbounded};

use thalweg_types::Timestamp;

use crate::classic::ClassicGroup;
use crate::context::Context;
use crate::deletion::forget;
use crate::durable::DurableState;
use crate::record::Entry;
use crate::state::Groups;
use crate::{CommittedOffset, Event, GroupId};

/// A step stops looking at further groups after this many tombstones, so that other inputs get their turn.
const TOMBSTONES_PER_STEP: usize = 1_000;

/// Looks at the groups after `from`, and tells after which to go on, if not at the end.
pub(crate) fn expire(groups: &Groups, from: Option<GroupId>, cx: &mut Context) -> Option<GroupId> {
    let written_before = cx.out.records.len();
    let mut last = from;
    while let Some(group_id) = next_known(cx.durable, last.as_ref()) {
        expire_group(group_id, groups.get(group_id), cx);
        last = Some(group_id.clone());
        if cx.out.records.len() - written_before >= TOMBSTONES_PER_STEP {
            return last;
        }
    }
    None
}

/// The first group after `last` that a record tells of.
fn next_known<'a>(durable: &'a DurableState, last: Option<&GroupId>) -> Option<&'a GroupId> {
    let range = (last.map_or(Unbounded, Excluded), Unbounded);
    let group = durable.groups().range::<GroupId, _>(range).next().map(|(id, _)| id);
    let offsets = durable.offsets().range::<GroupId, _>(range).next().map(|(id, _)| id);
    group.into_iter().chain(offsets).min()
}

fn expire_group(group_id: &GroupId, group: Option<&ClassicGroup>, cx: &mut Context) {
    let durable = cx.durable;
    let mut kept = 0;
    let mut expired = 0;
    for (topic, partitions) in durable.offsets().get(group_id).into_iter().flatten() {
        let in_use = group.is_some_and(|group| group.is_subscribed_to(topic.as_str()));
        for (partition, offset) in partitions {
            let pending = durable.pending().contains(group_id, topic, *partition);
            if in_use || pending || !is_expired(offset, group, cx) {
                kept += 1;
                continue;
            }
            forget(group_id, topic, *partition, cx);
            expired += 1;
        }
    }
    if expired > 0 {
        cx.event(Event::OffsetsExpired { group_id: group_id.clone(), count: expired });
    }
    let wanted = kept > 0 || durable.pending().groups().contains_key(group_id);
    if !wanted && group.is_some_and(ClassicGroup::is_idle) {
        cx.write_tombstone(&Entry::Group(group_id.clone(), None));
    }
}

fn is_expired(offset: &CommittedOffset, group: Option<&ClassicGroup>, cx: &Context) -> bool {
    let idle_since = match group {
        Some(group) => group.idle_since(offset, cx.durable),
        None => Some(offset.committed_at),
    };
    let Some(idle_since) = idle_since else { return false };
    let deadline = offset.expires_at.unwrap_or_else(|| {
        Timestamp(idle_since.0.saturating_add(cx.settings.offsets_retention_ms))
    });
    cx.wall() >= deadline
}
