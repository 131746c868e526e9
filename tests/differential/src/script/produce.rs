//! Producing, with and without an identity, in and out of transactions.

use super::Script;
use super::writer::{Style, Writer};
use crate::answer::Answer;
use crate::apis::Place;
use crate::apis::produce::Produce;
use crate::apis::transactions::InitProducer;
use crate::batch::{Batch, Flaw};
use crate::failure::Failure;
use crate::names::Pid;

/// How many of a hundred batches have something wrong.
const WRONG: u32 = 30;
/// Where sequences wrap.
const SEQUENCE_MAX: i32 = i32::MAX;

impl Script {
    /// Records of nobody in particular.
    pub(super) async fn produce_plainly(&mut self) -> Result<(), Failure> {
        let mut batches = Vec::new();
        for place in self.places(Self::any_place) {
            let mut batch = self.batch(Pid::None, -1, -1);
            if self.chance(WRONG) {
                batch.flaw = Some(self.pick(&Flaw::ALL));
            } else if place.topic == "compacted" && self.chance(30) {
                batch.flaw = Some(Flaw::Keyless);
            } else {
                match self.rng.u8(..20) {
                    0 => batch.transactional = true,
                    1 => batch.sequence = self.pick(&[0, 7, -2]),
                    _ => {}
                }
            }
            batches.push((place, batch));
        }
        let is_sound = batches.iter().all(|(_, batch)| batch.flaw.is_none());
        let wrong_acks = is_sound && self.chance(7);
        let acks = if wrong_acks { self.pick(&[2, -2]) } else { self.pick(&[-1, 1]) };
        let id = self.chance(3).then(|| "nobody".to_owned());
        self.produce(3..=13, Produce { id, acks, batches }).await?;
        Ok(())
    }

    /// Records of an idempotent producer.
    pub(super) async fn produce_idempotently(&mut self) -> Result<(), Failure> {
        let at = self.rng.usize(super::TRANSACTIONAL..self.writers.len());
        if self.writers[at].producer == Pid::None || self.chance(4) {
            return self.init_idempotent(at).await;
        }
        let mut batches = Vec::new();
        for place in self.places(Self::place) {
            let batch = self.next_batch(at, &place);
            batches.push((place, batch));
        }
        let id = self.chance(2).then(|| "nobody".to_owned());
        let acks = self.pick(&[-1, -1, 1]);
        let produce = Produce { id, acks, batches };
        let answer = self.produce(3..=13, produce.clone()).await?;
        self.learn(at, &produce, &answer);
        Ok(())
    }

    async fn init_idempotent(&mut self, at: usize) -> Result<(), Failure> {
        let writer = &self.writers[at];
        let (producer, epoch) = (writer.producer, writer.epoch);
        let mut init =
            InitProducer { id: None, timeout_ms: 60_000, producer: Pid::None, epoch: -1 };
        if self.chance(40) {
            let other = self.rng.i16(-2..4);
            (init.producer, init.epoch) = self.pick(&[
                (producer, epoch),
                (producer, epoch.wrapping_add(1)),
                (producer, -1),
                (Pid::None, other),
                (Pid::Unknown, 0),
            ]);
        }
        let answer = self.step(init).await?;
        self.adopt(at, &answer);
        Ok(())
    }

    /// The writer becomes who the answer says it is.
    pub(super) fn adopt(&mut self, at: usize, answer: &Answer) {
        let number = answer.get("producer").and_then(|name| name.strip_prefix('p')?.parse().ok());
        if let (true, Some(nth), Some(epoch)) = (answer.ok("error"), number, answer.number("epoch"))
        {
            self.writers[at].becomes(Pid::Nth(nth), epoch as i16);
        }
    }

    /// What a transactional producer writes into its transaction.
    pub(super) async fn produce_in_transaction(&mut self, at: usize) -> Result<(), Failure> {
        let old = self.writers[at].style == Style::Old;
        let mut batches = Vec::new();
        for place in self.places(Self::place) {
            if old && !self.writers[at].added.contains(&place) && !self.chance(15) {
                return self.add_partitions(at, vec![place]).await;
            }
            let batch = self.next_batch(at, &place);
            batches.push((place, batch));
        }
        let id = self.writers[at].id.clone();
        let other = self.rng.usize(0..super::TRANSACTIONAL);
        let others = self.writers[other].id.clone();
        let id =
            if self.chance(4) { self.pick(&[None, Some("nobody".into()), others]) } else { id };
        let produce = Produce { id, acks: -1, batches };
        let versions = match (old, self.chance(3)) {
            (true, false) | (false, true) => 3..=11,
            _ => 12..=13,
        };
        let honest = produce.id == self.writers[at].id
            && produce.batches.iter().all(|(place, batch)| self.is_next(at, place, batch));
        let answer = if honest && self.chance(50) {
            self.step_eagerly(at, versions, produce.clone()).await?
        } else {
            self.step_in(versions, produce.clone()).await?
        };
        self.learn(at, &produce, &answer);
        self.writers[at].trouble += u32::from(honest && !answer.all_ok());
        Ok(())
    }

    async fn produce(
        &mut self,
        versions: std::ops::RangeInclusive<i16>,
        produce: Produce,
    ) -> Result<Answer, Failure> {
        let answer = self.step_in(versions, produce.clone()).await?;
        self.learn_ends(&produce, &answer);
        Ok(answer)
    }

    /// Takes over what the brokers took.
    fn learn(&mut self, at: usize, produce: &Produce, answer: &Answer) {
        self.learn_ends(produce, answer);
        for (place, batch) in &produce.batches {
            if answer.ok(&format!("{place:?}.error")) {
                self.writers[at].taken(place, batch);
            }
        }
    }

    fn learn_ends(&mut self, produce: &Produce, answer: &Answer) {
        for (place, batch) in &produce.batches {
            if let Some(base) = answer.number(&format!("{place:?}.base_offset"))
                && base >= 0
            {
                self.sees_end(place, base + i64::from(batch.records));
            }
        }
    }

    fn batch(&mut self, producer: Pid, epoch: i16, sequence: i32) -> Batch {
        let records = self.rng.i32(1..4);
        self.moment += 10;
        let back = if self.chance(10) { 200 } else { 0 };
        let moment = (self.moment - back).max(0);
        Batch { producer, epoch, sequence, records, transactional: false, moment, flaw: None }
    }

    fn is_next(&self, at: usize, place: &Place, batch: &Batch) -> bool {
        let writer = &self.writers[at];
        batch.flaw.is_none()
            && (batch.producer, batch.epoch) == (writer.producer, writer.epoch)
            && batch.sequence == writer.next_sequence(place)
            && batch.transactional == writer.id.is_some()
    }

    /// The next batch of a producer, or now and then one that it should not send.
    fn next_batch(&mut self, at: usize, place: &Place) -> Batch {
        let Writer { producer, epoch, .. } = self.writers[at];
        let sequence = self.writers[at].next_sequence(place);
        let mut batch = self.batch(producer, epoch, sequence);
        batch.transactional = self.writers[at].id.is_some();
        if self.chance(WRONG) {
            let sound = batch.clone();
            self.spoil(at, place, &mut batch);
            if self.writers.iter().any(|writer| writer.would_be_haunted(place, &batch)) {
                batch = sound;
            }
        }
        batch
    }

    fn spoil(&mut self, at: usize, place: &Place, batch: &mut Batch) {
        match self.rng.u32(0..13) {
            0 | 1 => {
                let back = self.rng.usize(0..7);
                if let Some(sent) = self.writers[at].sent_before(place, back) {
                    *batch = sent;
                }
            }
            2 => batch.records += 1,
            3 => {
                let more = self.pick(&[1, 1, 2, 100, -1, -2]);
                batch.sequence = batch.sequence.wrapping_add(more).max(0);
            }
            4 => batch.sequence = self.pick(&[0, 0, 5, SEQUENCE_MAX, SEQUENCE_MAX - 1]),
            // A transaction would not get over one: see the README.
            11 if !batch.transactional => batch.sequence = self.pick(&[-1, -2]),
            5 => {
                let more = self.pick(&[-1, 1, 2]);
                batch.epoch = batch.epoch.wrapping_add(more);
                batch.sequence = if self.chance(60) { 0 } else { batch.sequence };
            }
            6 => {
                if let Some((producer, epoch)) = self.writers[at].stale.last() {
                    (batch.producer, batch.epoch) = (*producer, *epoch);
                }
            }
            7 if batch.transactional => batch.producer = Pid::Stranger,
            7 => batch.producer = Pid::Unknown,
            8 => {
                let other = self.rng.usize(0..self.writers.len());
                (batch.producer, batch.epoch) =
                    (self.writers[other].producer, self.writers[other].epoch);
            }
            9 => batch.transactional = !batch.transactional,
            10 => batch.epoch = self.pick(&[-1, -2, i16::MAX]),
            _ => batch.flaw = Some(self.pick(&Flaw::ALL)),
        }
    }
}
