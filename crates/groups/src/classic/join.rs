//! `JoinGroup`.
//!
//! | version | difference |
//! |---|---|
//! | 0 | the session timeout is the rebalance timeout |
//! | 4 | a new member is told its id first and joins with it (KIP-394) |
//! | 5 | static members (KIP-345) |
//! | 9 | a static leader that comes back keeps the assignment (KIP-814) |

use super::{ClassicGroup, Phase, stored_assignment, with_reason};
use crate::context::Context;
use crate::record::Entry;
use crate::{GroupError, JoinGroup, Joined, MemberId, Reply, ReplyTo};

impl ClassicGroup {
    /// Serves a `JoinGroup` whose session timeout and names are in order.
    pub fn join(&mut self, reply_to: ReplyTo, request: &JoinGroup, cx: &mut Context) {
        let member_id = &request.member_id;
        if !self.has_room_for(member_id, cx.settings.group_size_max) {
            cx.reply(
                reply_to,
                Reply::refused_join(&MemberId::default(), GroupError::GroupMaxSizeReached),
            );
            self.remove(member_id, cx);
            self.remove_pending(member_id, cx);
            self.maybe_complete_join(cx);
        } else if !self.supports(&request.protocol_type, &request.protocols) {
            cx.reply(
                reply_to,
                Reply::refused_join(member_id, GroupError::InconsistentGroupProtocol),
            );
        } else if member_id.is_unknown() {
            self.join_unknown(reply_to, request, cx);
        } else if request.instance_id.is_none() && self.remove_pending(member_id, cx) {
            self.join_new(reply_to, member_id, request, cx);
        } else {
            match self.validate(member_id, request.instance_id.as_ref()) {
                Ok(()) => self.join_again(reply_to, request, cx),
                Err(error) => cx.reply(reply_to, Reply::refused_join(member_id, error)),
            }
        }
    }

    /// Someone without an id: the next process of a static member, or someone new.
    fn join_unknown(&mut self, reply_to: ReplyTo, request: &JoinGroup, cx: &mut Context) {
        let name = request.instance_id.as_ref().map_or(&*request.client_id, |id| id.as_str());
        let new_id = MemberId::from(format!("{name}-{}", request.fresh_uuid));
        if self.members.contains_key(&new_id) || self.pending.contains(&new_id) {
            // A uuid that is not fresh would make one member of two. The next request brings another.
            let refusal =
                Reply::refused_join(&request.member_id, GroupError::CoordinatorNotAvailable);
            return cx.reply(reply_to, refusal);
        }
        match &request.instance_id {
            Some(instance_id) => match self.static_members.get(instance_id).cloned() {
                Some(old_id) => self.join_in_place_of(&old_id, &new_id, reply_to, request, cx),
                None => self.join_new(reply_to, &new_id, request, cx),
            },
            None if request.require_known_member_id => {
                cx.reply(reply_to, Reply::refused_join(&new_id, GroupError::MemberIdRequired));
                self.add_pending(new_id, request.session_timeout_ms, cx);
            }
            None => self.join_new(reply_to, &new_id, request, cx),
        }
    }

    /// A member that the group has not had.
    fn join_new(
        &mut self,
        reply_to: ReplyTo,
        id: &MemberId,
        request: &JoinGroup,
        cx: &mut Context,
    ) {
        self.add(id.clone(), request);
        self.park_join(id, reply_to, cx);
        self.refresh_session(id, cx);
        self.rebalance(|| with_reason(format!("new member {id}"), request.reason.as_ref()), cx);
    }

    /// A member joins again. It gets the current generation if that would not change for it: it may have
    /// missed the answer. A leader that joins a stable group has a reason, and gets a new one.
    fn join_again(&mut self, reply_to: ReplyTo, request: &JoinGroup, cx: &mut Context) {
        let id = &request.member_id;
        let unchanged = self.members.get(id).is_some_and(|m| m.protocols == request.protocols);
        let stays = match self.phase {
            Phase::Completing => unchanged,
            Phase::Stable => unchanged && !self.is_leader(id),
            Phase::Preparing { .. } | Phase::Empty => false,
        };
        if stays {
            return cx.reply(reply_to, Reply::JoinGroup(Ok(self.joined(id))));
        }
        self.update(id, request);
        self.park_join(id, reply_to, cx);
        self.rebalance(
            || with_reason(format!("member {id} joins again"), request.reason.as_ref()),
            cx,
        );
    }

    /// A static member came back as a new process.
    fn join_in_place_of(
        &mut self,
        old_id: &MemberId,
        new_id: &MemberId,
        reply_to: ReplyTo,
        request: &JoinGroup,
        cx: &mut Context,
    ) {
        let old_leader = self.leader.clone().unwrap_or_default();
        self.replace(old_id, new_id, request, cx);
        self.refresh_session(new_id, cx);
        if self.phase == Phase::Stable && self.keeps_generation(old_id, new_id, cx) {
            let joined = self.joined_in_place(new_id, old_leader, request);
            return cx.reply(reply_to, Reply::JoinGroup(Ok(joined)));
        }
        // While the leader assigns, it does so for the old id, so that the new one would get nothing.
        self.park_join(new_id, reply_to, cx);
        let what = format!("static member {new_id} replaces {old_id}");
        self.rebalance(|| with_reason(what, request.reason.as_ref()), cx);
    }

    /// True if the generation goes on with the new id, which is then written down.
    fn keeps_generation(&self, old_id: &MemberId, new_id: &MemberId, cx: &mut Context) -> bool {
        if self.select_protocol() != self.protocol {
            return false;
        }
        let assignment = |id: &MemberId| {
            let owner = if id == new_id { old_id } else { id };
            stored_assignment(cx.durable, &self.id, owner)
        };
        let metadata = self.metadata(assignment, cx);
        cx.write_or_report(&self.id, &Entry::Group(self.id.clone(), Some(metadata))).is_ok()
    }

    /// A static leader must not assign anew. Told so it gets the members, to watch their topics; before
    /// there was a way to tell, it is shown its own former id as the leader.
    fn joined_in_place(&self, id: &MemberId, old_leader: MemberId, request: &JoinGroup) -> Joined {
        let joined = self.joined(id);
        if request.supports_skip_assignment {
            return Joined { skip_assignment: self.is_leader(id), ..joined };
        }
        Joined { leader: old_leader, members: Vec::new(), ..joined }
    }
}
