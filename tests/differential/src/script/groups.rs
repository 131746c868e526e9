//! Groups and their offsets.

use super::Script;
use crate::answer::Answer;
use crate::apis::Place;
use crate::apis::groups::{
    Commit, CommitOffsets, FetchOffsets, FindCoordinator, JoinGroup, Member, SyncGroup,
};
use crate::failure::Failure;

/// The group that has a member.
const WITH_MEMBER: &str = "members";
const GROUPS: [&str; 4] = ["simple-1", "simple-2", "simple-3", WITH_MEMBER];

impl Script {
    pub(super) async fn join_group(&mut self) -> Result<(), Failure> {
        let answer = self.step(JoinGroup { group: WITH_MEMBER.into() }).await?;
        let generation = answer.number("generation").unwrap_or(-1) as i32;
        self.member = Member { member: Some(0), generation };
        let member = self.member;
        self.step(SyncGroup { group: WITH_MEMBER.into(), member }).await?;
        Ok(())
    }

    /// A group, or now and then one without a name.
    pub(super) fn group(&mut self) -> String {
        if self.chance(2) { String::new() } else { self.pick(&GROUPS).into() }
    }

    /// As whom to commit: as one who may, or now and then as somebody else.
    pub(super) fn member_of(&mut self, group: &str) -> Member {
        let Member { member, generation } = self.member;
        if self.chance(15) {
            let strange = [
                Member { member, generation: generation + 1 },
                Member { member, generation: -1 },
                Member { member: Some(9), generation },
                Member { member: None, generation },
                Member::NOBODY,
            ];
            return self.pick(&strange);
        }
        if group == WITH_MEMBER { self.member } else { Member::NOBODY }
    }

    pub(super) fn commit(&mut self, place: Place) -> Commit {
        let metadata = if self.chance(5) { 5000 } else { self.rng.usize(0..5) };
        let offset = if self.chance(5) { -1 } else { self.offset(&place).max(0) };
        Commit { place, offset, metadata }
    }

    pub(super) async fn commit_offsets(&mut self) -> Result<(), Failure> {
        let group = self.group();
        let member = self.member_of(&group);
        let places = self.places(Self::any_place);
        let commits = places.into_iter().map(|place| self.commit(place)).collect();
        self.step(CommitOffsets { group, member, commits }).await?;
        Ok(())
    }

    pub(super) async fn fetch_offsets(&mut self) -> Result<(), Failure> {
        let group = if self.chance(5) { "nobody".into() } else { self.group() };
        let places = self.chance(60).then(|| self.places(Self::any_place));
        let stable = self.chance(50);
        self.step(FetchOffsets { group, places, stable }).await?;
        Ok(())
    }

    pub(super) async fn find_coordinator(&mut self) -> Result<(), Failure> {
        let kind = self.pick(&[0, 0, 1, 1, 9]);
        let key = if self.chance(10) { String::new() } else { self.pick(&GROUPS).into() };
        self.step(FindCoordinator { kind, key }).await?;
        Ok(())
    }

    /// Waits until both brokers have forgotten the offsets of a topic that is gone.
    pub(super) async fn settle_offsets(&mut self, gone: Place) -> Result<(), Failure> {
        for group in GROUPS {
            let places = Some(vec![gone.clone()]);
            let ask = FetchOffsets { group: group.into(), places, stable: false };
            let none = |answer: &Answer| answer.values("offset").all(|offset| offset == "-1");
            self.pair.settle(&ask, 7, none).await?;
        }
        Ok(())
    }
}
