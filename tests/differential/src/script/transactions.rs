//! Transactional producers.

use super::Script;
use super::writer::Style;
use crate::apis::groups::{Commit, Member, TxnCommitOffsets};
use crate::apis::inspect::DescribeTransactions;
use crate::apis::transactions::{AddOffsets, AddPartitions, EndTxn, InitProducer};
use crate::apis::{Claim, Place};
use crate::failure::Failure;
use crate::names::Pid;

/// How many of a hundred claims are wrong.
const WRONG: u32 = 12;
const TIMEOUT_MS: i32 = 10 * 60 * 1000;
/// Failures of what should work after which a producer begins anew.
const TROUBLE_MAX: u32 = 2;
/// A transaction that is left open is aborted after this, and by the next look at the clock.
const SHORT_TIMEOUT_MS: i32 = 100;

impl Script {
    /// What a transactional producer does next.
    pub(super) async fn transactional_step(&mut self, at: usize) -> Result<(), Failure> {
        let writer = &self.writers[at];
        if writer.producer == Pid::None || writer.trouble > TROUBLE_MAX {
            return self.init(at).await;
        }
        let (open, old) = (writer.open, writer.style == Style::Old);
        match self.rng.u32(0..100) {
            0..4 => self.init(at).await,
            4..8 if !old => self.add_some_partitions(at).await,
            4..20 if old => self.add_some_partitions(at).await,
            20..23 => self.verify_partitions(at).await,
            23..27 => self.add_offsets(at).await,
            27..40 => self.txn_commit_offsets(at).await,
            40..63 if open => self.end(at).await,
            40..43 => self.end(at).await,
            63..66 => self.end_again(at).await,
            _ => self.produce_in_transaction(at).await,
        }
    }

    async fn init(&mut self, at: usize) -> Result<(), Failure> {
        let claim = self.writers[at].claim();
        let mut init = InitProducer {
            id: self.writers[at].id.clone(),
            timeout_ms: TIMEOUT_MS,
            producer: Pid::None,
            epoch: -1,
        };
        if self.chance(45) {
            let Claim { producer, epoch, .. } = self.claim(at);
            (init.producer, init.epoch) = self.pick(&[
                (claim.producer, claim.epoch),
                (claim.producer, claim.epoch),
                (producer, epoch),
                (claim.producer, -1),
                (Pid::None, 0),
                (Pid::Unknown, claim.epoch),
            ]);
        } else if self.chance(10) {
            init.timeout_ms = self.pick(&[0, -1, i32::MAX, 3_600_001, 3_600_000]);
        } else if self.chance(4) {
            init.id = Some(String::new());
        }
        let own = init.id == self.writers[at].id;
        let answer = if self.chance(50) {
            self.step_eagerly(at, 0..=5, init).await?
        } else {
            self.step(init).await?
        };
        self.unsettled.clone_from(&self.writers[at].id);
        if own && answer.ok("error") {
            self.adopt(at, &answer);
            self.writers[at].ended();
            self.writers[at].trouble = 0;
        } else if self.chance(50) {
            // A failed one may have fenced the producer: it will learn so by itself, or begins anew.
            self.writers[at].trouble += TROUBLE_MAX;
        }
        Ok(())
    }

    /// Who the producer says that it is: now and then not who it is.
    fn claim(&mut self, at: usize) -> Claim {
        let mut claim = self.writers[at].claim();
        if !self.chance(WRONG) {
            return claim;
        }
        match self.rng.u32(0..7) {
            0 => claim.epoch = claim.epoch.wrapping_add(1),
            1 => claim.epoch = claim.epoch.wrapping_sub(1),
            2 => claim.epoch = self.pick(&[-1, 0, i16::MAX]),
            3 => claim.producer = Pid::Unknown,
            4 => claim.id = self.pick(&["nobody", ""]).into(),
            5 => {
                let other = self.rng.usize(0..super::TRANSACTIONAL);
                claim.id = self.writers[other].claim().id;
            }
            _ => {
                if let Some((producer, epoch)) = self.writers[at].stale.last() {
                    (claim.producer, claim.epoch) = (*producer, *epoch);
                }
            }
        }
        claim
    }

    async fn add_some_partitions(&mut self, at: usize) -> Result<(), Failure> {
        let places = self.places(Self::any_place);
        self.add_partitions(at, places).await
    }

    pub(super) async fn add_partitions(
        &mut self,
        at: usize,
        places: Vec<Place>,
    ) -> Result<(), Failure> {
        let claim = self.claim(at);
        let honest = claim == self.writers[at].claim();
        let transactions = vec![(claim, places.clone())];
        let ask = AddPartitions { transactions, verify_only: false };
        let versions = if self.chance(8) { 4..=5 } else { 0..=3 };
        let answer = if honest && self.chance(50) {
            self.step_eagerly(at, versions, ask).await?
        } else {
            self.step_in(versions, ask).await?
        };
        let writer = &mut self.writers[at];
        if honest && answer.all_ok() {
            writer.added.extend(places);
            writer.open = true;
        } else if honest
            && places.iter().all(|place| place.topic != "nowhere" && place.partition < 9)
        {
            writer.trouble += 1;
        }
        Ok(())
    }

    /// Several transactions at once, of which some only ask.
    async fn verify_partitions(&mut self, at: usize) -> Result<(), Failure> {
        let mut transactions = vec![(self.claim(at), self.places(Self::any_place))];
        if self.chance(30) {
            let other = (at + 1) % super::TRANSACTIONAL;
            transactions.push((self.claim(other), self.places(Self::place)));
        }
        self.step(AddPartitions { transactions, verify_only: true }).await?;
        Ok(())
    }

    async fn add_offsets(&mut self, at: usize) -> Result<(), Failure> {
        let claim = self.claim(at);
        let honest = claim == self.writers[at].claim();
        let group = self.group();
        let answer = self.step(AddOffsets { claim, group: group.clone() }).await?;
        let writer = &mut self.writers[at];
        if honest && answer.ok("error") {
            writer.groups.insert(group);
            writer.open = true;
        } else if honest {
            writer.trouble += u32::from(!group.is_empty());
        }
        Ok(())
    }

    async fn txn_commit_offsets(&mut self, at: usize) -> Result<(), Failure> {
        let old = self.writers[at].style == Style::Old;
        let group = self.group();
        if old && !self.writers[at].groups.contains(&group) && !self.chance(25) {
            return self.add_offsets(at).await;
        }
        let claim = self.claim(at);
        let honest = claim == self.writers[at].claim();
        let member = self.member_of(&group);
        let places = self.places(Self::any_place);
        let commits: Vec<Commit> = places.into_iter().map(|place| self.commit(place)).collect();
        let ask = TxnCommitOffsets { claim, group: group.clone(), member, commits };
        let versions = match (old, self.chance(3)) {
            (true, false) | (false, true) if member == Member::NOBODY => 0..=4,
            (true, false) | (false, true) => 3..=4,
            _ => 5..=6,
        };
        let answer = self.step_in(versions, ask).await?;
        if honest && !old && answer.all_ok() {
            self.writers[at].groups.insert(group);
            self.writers[at].open = true;
        }
        Ok(())
    }

    async fn end(&mut self, at: usize) -> Result<(), Failure> {
        let claim = self.claim(at);
        let honest = claim == self.writers[at].claim();
        let end = EndTxn { claim, commit: self.chance(60) };
        let versions = match (self.writers[at].style, self.chance(3)) {
            (Style::Old, false) | (Style::New, true) => 0..=4,
            _ => 5..=5,
        };
        let bumps = *versions.start() == 5;
        let ended = end.claim.id.clone();
        let answer = self.step_in(versions, end.clone()).await?;
        self.unsettled = Some(ended);
        if honest && answer.ok("error") {
            if bumps {
                self.adopt(at, &answer);
            }
            self.writers[at].ended();
            self.writers[at].last_end = Some(end);
        } else if honest {
            self.writers[at].trouble += 1;
        }
        Ok(())
    }

    /// The end of the last transaction once more, as if its answer had been lost; or the other end.
    async fn end_again(&mut self, at: usize) -> Result<(), Failure> {
        let Some(mut end) = self.writers[at].last_end.clone() else { return self.end(at).await };
        if self.chance(30) {
            end.commit = !end.commit;
        }
        let versions = match self.writers[at].style {
            Style::Old => 0..=4,
            Style::New => 5..=5,
        };
        let id = end.claim.id.clone();
        let answer = if self.chance(50) {
            self.step_eagerly(at, versions, end.clone()).await?
        } else {
            self.step_in(versions, end.clone()).await?
        };
        self.unsettled = Some(id);
        if answer.ok("error") && end.claim == self.writers[at].claim() {
            self.writers[at].ended();
        }
        Ok(())
    }

    /// A producer that opens a transaction and falls silent until it is aborted.
    pub(super) async fn leave_open(&mut self) -> Result<(), Failure> {
        let at = self.rng.usize(0..super::TRANSACTIONAL);
        let Some(id) = self.writers[at].id.clone() else { return Ok(()) };
        let timeout_ms = SHORT_TIMEOUT_MS;
        let init =
            InitProducer { id: Some(id.clone()), timeout_ms, producer: Pid::None, epoch: -1 };
        let answer = self.step(init).await?;
        self.adopt(at, &answer);
        self.writers[at].ended();
        let claim = self.writers[at].claim();
        let places = vec![self.place()];
        let ask = AddPartitions { transactions: vec![(claim, places)], verify_only: false };
        self.step_in(0..=3, ask).await?;
        let ask = DescribeTransactions { ids: vec![id] };
        self.pair.settle(&ask, 0, DescribeTransactions::is_over).await?;
        self.step(ask).await?;
        // It does one more thing as one that does not know, and begins anew: with that timeout what it opens
        // could be aborted at any moment.
        self.end(at).await?;
        self.writers[at].trouble = TROUBLE_MAX + 1;
        Ok(())
    }
}
