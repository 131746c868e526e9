//! Requests to their rules.

use crate::classic::ClassicGroup;
use crate::state::CoordinatorState;
use crate::{
    DeleteGroups, DeletedGroup, GroupError, GroupId, InstanceId, JoinGroup, LeaveGroup, Leaver,
    Left, NAME_LENGTH_MAX, Now, Outbox, Reply, ReplyTo, Request, Settings, SyncGroup,
    TxnOffsetCommit, admin, deletion, offsets,
};

impl CoordinatorState {
    /// Serves one request. Its answer may come with a later step.
    pub(crate) fn serve(
        &mut self,
        now: Now,
        reply_to: ReplyTo,
        request: Request,
        out: &mut Outbox,
    ) {
        if let Err(error) = validate(&request, &self.settings) {
            return out.reply(reply_to, request.refusal(error));
        }
        let reply = match request {
            Request::JoinGroup(join) => return self.join(now, reply_to, &join, out),
            Request::SyncGroup(sync) => return self.sync(now, reply_to, sync, out),
            Request::LeaveGroup(leave) => return self.leave(now, reply_to, leave, out),
            Request::Heartbeat(heartbeat) => {
                return self.with_group(now, &heartbeat.group_id, out, |group, cx| match group {
                    Some(group) => group.heartbeat(reply_to, &heartbeat, cx),
                    None => cx.reply(reply_to, Reply::Heartbeat(Err(GroupError::UnknownMemberId))),
                });
            }
            Request::OffsetCommit(commit) => self.decide(now, out, |groups, cx| {
                let group = groups.get_mut(&commit.group_id);
                Reply::OffsetCommit(offsets::commit(group, commit, cx))
            }),
            Request::TxnOffsetCommit(request) => self.decide(now, out, |groups, cx| {
                let group = groups.get(&request.commit.group_id);
                Reply::TxnOffsetCommit(offsets::commit_within(group, request, cx))
            }),
            Request::OffsetFetch(fetch) => {
                Reply::OffsetFetch(Ok(offsets::fetch(fetch, self.durable())))
            }
            Request::OffsetDelete(delete) => self.decide(now, out, |groups, cx| {
                let group = groups.get(&delete.group_id);
                Reply::OffsetDelete(deletion::delete(group, delete, cx))
            }),
            Request::DescribeGroups(describe) => {
                Reply::DescribeGroups(Ok(admin::describe(&self.groups, describe, self.durable())))
            }
            Request::ListGroups(list) => {
                Reply::ListGroups(Ok(admin::list(&self.groups, &list, self.durable())))
            }
            Request::DeleteGroups(delete) => self.delete_groups(now, delete, out),
        };
        out.reply(reply_to, reply);
    }

    fn join(&mut self, now: Now, reply_to: ReplyTo, request: &JoinGroup, out: &mut Outbox) {
        let id = &request.group_id;
        if let Err(error) = self.validate_room(request) {
            return out.reply(reply_to, Reply::refused_join(&request.member_id, error));
        }
        let is_unheard_of = !self.durable().knows(id);
        self.groups.entry(id.clone()).or_insert_with(|| ClassicGroup::new(id.clone()));
        self.with_group(now, id, out, |group, cx| {
            let Some(group) = group else { return };
            group.join(reply_to, request, cx);
            if is_unheard_of && !group.is_idle() {
                group.write_birth(cx);
            }
        });
    }

    /// Whether the group exists or may be created, and whether its members may hold what this one brings.
    fn validate_room(&self, request: &JoinGroup) -> Result<(), GroupError> {
        let group = self.groups.get(&request.group_id);
        if group.is_none() && !request.member_id.is_unknown() {
            return Err(GroupError::UnknownMemberId);
        }
        if group.is_none() && self.groups.len() >= self.settings.groups_max {
            return Err(GroupError::CoordinatorNotAvailable);
        }
        let held = group.map_or(0, |group| group.bytes_held_by(request));
        let wanted = ClassicGroup::bytes_wanted_by(request);
        if wanted > held && self.members_bytes - held + wanted > self.settings.members_bytes_max {
            return Err(GroupError::GroupMaxSizeReached);
        }
        Ok(())
    }

    fn sync(&mut self, now: Now, reply_to: ReplyTo, request: SyncGroup, out: &mut Outbox) {
        let id = request.group_id.clone();
        self.with_group(now, &id, out, |group, cx| match group {
            Some(group) => group.sync(reply_to, request, cx),
            None => cx.reply(reply_to, Reply::SyncGroup(Err(GroupError::UnknownMemberId))),
        });
    }

    fn leave(&mut self, now: Now, reply_to: ReplyTo, request: LeaveGroup, out: &mut Outbox) {
        let id = request.group_id.clone();
        self.with_group(now, &id, out, |group, cx| match group {
            Some(group) => group.leave(reply_to, request, cx),
            None => cx.reply(reply_to, nobody_left(request)),
        });
    }

    fn delete_groups(&mut self, now: Now, request: DeleteGroups, out: &mut Outbox) -> Reply {
        let mut deleted = Vec::with_capacity(request.group_ids.len());
        for group_id in request.group_ids {
            let mut result = Ok(());
            self.with_group(now, &group_id, out, |group, cx| {
                result = admin::delete(group, &group_id, cx);
            });
            deleted.push(DeletedGroup { group_id, result });
        }
        Reply::DeleteGroups(Ok(deleted))
    }
}

fn nobody_left(request: LeaveGroup) -> Reply {
    let unknown = |Leaver { member_id, instance_id, .. }| Left {
        member_id,
        instance_id,
        result: Err(GroupError::UnknownMemberId),
    };
    Reply::LeaveGroup(Ok(request.members.into_iter().map(unknown).collect()))
}

/// Whether a request can be served at all. The empty group id may hold offsets, for old clients' sake.
fn validate(request: &Request, settings: &Settings) -> Result<(), GroupError> {
    match request {
        Request::JoinGroup(join) => {
            validate_named(&join.group_id)?;
            validate_session_timeout(join.session_timeout_ms, settings)?;
            validate_names(join)
        }
        Request::SyncGroup(sync) => validate_named(&sync.group_id),
        Request::Heartbeat(heartbeat) => validate_named(&heartbeat.group_id),
        Request::LeaveGroup(leave) => validate_named(&leave.group_id),
        Request::OffsetDelete(delete) => validate_named(&delete.group_id),
        Request::OffsetCommit(commit) => validate_lengths([commit.group_id.as_str()]),
        Request::TxnOffsetCommit(TxnOffsetCommit { commit, .. }) => {
            validate_named(&commit.group_id)?;
            validate_lengths([commit.group_id.as_str()])
        }
        Request::OffsetFetch(_)
        | Request::DescribeGroups(_)
        | Request::ListGroups(_)
        | Request::DeleteGroups(_) => Ok(()),
    }
}

fn validate_named(group_id: &GroupId) -> Result<(), GroupError> {
    if group_id.as_str().is_empty() { Err(GroupError::InvalidGroupId) } else { Ok(()) }
}

fn validate_session_timeout(timeout_ms: i32, settings: &Settings) -> Result<(), GroupError> {
    let legal = settings.session_timeout_min_ms..=settings.session_timeout_max_ms;
    if legal.contains(&timeout_ms) { Ok(()) } else { Err(GroupError::InvalidSessionTimeout) }
}

fn validate_names(join: &JoinGroup) -> Result<(), GroupError> {
    let instance_id = join.instance_id.as_ref().map_or("", InstanceId::as_str);
    let names = [join.group_id.as_str(), &join.client_id, &join.client_host, instance_id];
    validate_lengths(names)?;
    validate_lengths([&*join.protocol_type])?;
    validate_lengths(join.protocols.iter().map(|protocol| &*protocol.name))
}

fn validate_lengths<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<(), GroupError> {
    let fits = names.into_iter().all(|name| name.len() <= NAME_LENGTH_MAX);
    if fits { Ok(()) } else { Err(GroupError::InvalidRequest) }
}
