//! `DescribeGroups`, `ListGroups`, `DeleteGroups`.

use crate::classic::ClassicGroup;
use crate::context::Context;
use crate::deletion;
use crate::durable::DurableState;
use crate::record::Entry;
use crate::state::Groups;
use crate::{
    DescribeGroups, DescribedGroup, GroupError, GroupId, GroupState, GroupType, ListGroups,
    ListedGroup,
};

/// The groups that are asked for. One that exists by its offsets alone is an empty one.
pub(crate) fn describe(
    groups: &Groups,
    request: DescribeGroups,
    durable: &DurableState,
) -> Vec<DescribedGroup> {
    let missing =
        if request.reports_missing_group { Err(GroupError::GroupIdNotFound) } else { Ok(()) };
    let describe_one = |id: GroupId| match groups.get(&id) {
        Some(group) => group.described(durable),
        None if durable.knows(&id) => without_members(id, GroupState::Empty, Ok(())),
        None => without_members(id, GroupState::Dead, missing),
    };
    request.group_ids.into_iter().map(describe_one).collect()
}

fn without_members(
    group_id: GroupId,
    state: GroupState,
    result: Result<(), GroupError>,
) -> DescribedGroup {
    let (protocol_type, protocol, members) = Default::default();
    DescribedGroup { group_id, result, state, protocol_type, protocol, members }
}

/// The groups of the partition, as far as the filters let them pass.
pub(crate) fn list(
    groups: &Groups,
    request: &ListGroups,
    durable: &DurableState,
) -> Vec<ListedGroup> {
    let with_offsets = durable.offsets().keys().chain(durable.groups_to_be());
    let simple = with_offsets.filter(|id| !groups.contains_key(*id));
    let simple = simple.map(|id| ListedGroup {
        group_id: id.clone(),
        protocol_type: "".into(),
        state: GroupState::Empty,
        group_type: GroupType::Classic,
    });
    let mut listed: Vec<_> = groups.values().map(ClassicGroup::listed).chain(simple).collect();
    listed.retain(|group| {
        passes(&request.states, group.state.as_str())
            && passes(&request.types, group.group_type.as_str())
    });
    listed.sort_by(|a, b| a.group_id.cmp(&b.group_id));
    listed
}

fn passes(filter: &[String], name: &str) -> bool {
    filter.is_empty() || filter.iter().any(|wanted| wanted.trim().eq_ignore_ascii_case(name))
}

/// Deletes a group without members, and its offsets.
pub(crate) fn delete(
    group: Option<&mut ClassicGroup>,
    group_id: &GroupId,
    cx: &mut Context,
) -> Result<(), GroupError> {
    match group {
        Some(group) if !group.is_empty() => return Err(GroupError::NonEmptyGroup),
        Some(group) => group.remove_all_pending(cx),
        None if cx.durable.knows(group_id) => {}
        None => return Err(GroupError::GroupIdNotFound),
    }
    deletion::delete_all(group_id, cx);
    if cx.durable.groups().contains_key(group_id) {
        cx.write_tombstone(&Entry::Group(group_id.clone(), None));
    }
    Ok(())
}
