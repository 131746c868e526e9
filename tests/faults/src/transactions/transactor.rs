//! A client that produces in transactions: sessions under one transactional id, of which each fences the
//! one before. Some copy another topic, with the offsets of what they have read in the transaction.

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;
use thalweg_checker::Event;

use super::chain::{Chain, Input};
use super::late_marker;
use super::line::Over;
use super::session::{Manner, Session};
use super::shared::{Counts, Shared};
use super::writer::{Batch, Output, Writer};
use crate::failure::Failure;
use crate::payload::Source;

/// Longest time between two sessions.
const SILENCE_MS_MAX: u64 = 50;
const TRANSACTIONS_A_SESSION_MAX: u32 = 40;

/// One transactional client.
pub struct Transactor {
    shared: Shared,
    manner: Manner,
    output: Output,
    input: Option<Input>,
    random: Rng,
}

/// What a client does with a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Commit,
    Abort,
    /// Its successor begins; then it tries to commit.
    Fenced,
    /// It is left alone.
    Abandoned,
    /// The same, or aborted, with batches on their way.
    GivenUp,
}

impl Ending {
    fn any(random: &mut Rng) -> Self {
        match random.u8(..32) {
            0 => Self::Abandoned,
            1 => Self::Fenced,
            2..4 => Self::GivenUp,
            4..12 => Self::Abort,
            _ => Self::Commit,
        }
    }
}

impl Transactor {
    /// A client that writes to `output`, copies of `input` if there is one.
    pub fn new(shared: &Shared, manner: Manner, output: Output, input: Option<Input>) -> Self {
        let random = Rng::with_seed(u64::from(shared.new_producer()));
        Self { shared: shared.clone(), manner, output, input, random }
    }

    /// One session after the other, until it is time to end.
    pub async fn run(&mut self) -> Result<(), Failure> {
        while !self.shared.is_stopped() {
            if let Err(Over::Failed(failure)) = self.live().await {
                return Err(failure);
            }
            tokio::time::sleep(Duration::from_millis(self.random.u64(..SILENCE_MS_MAX))).await;
        }
        Ok(())
    }

    async fn live(&mut self) -> Result<(), Over> {
        let mut session = Session::begin(&self.shared, &self.manner).await?;
        let chain = match &self.input {
            Some(input) => Some(Chain::begin(&self.shared, input, &mut session.line).await?),
            None => None,
        };
        let mut life = Life {
            shared: self.shared.clone(),
            session,
            writer: Writer::new(&self.shared, &self.output, &mut self.random),
            chain,
            begun: None,
            is_unclear: false,
            random: self.random.fork(),
        };
        for _ in 0..self.random.u32(1..TRANSACTIONS_A_SESSION_MAX) {
            if self.shared.is_stopped() {
                break;
            }
            life.transaction().await?;
        }
        Ok(())
    }
}

/// One session, and how far it has come.
struct Life {
    shared: Shared,
    session: Session,
    writer: Writer,
    chain: Option<Chain>,
    /// The transaction that has begun and written nothing yet.
    begun: Option<u32>,
    /// A batch may still be on its way.
    is_unclear: bool,
    random: Rng,
}

impl Life {
    async fn transaction(&mut self) -> Result<(), Over> {
        let number = self.begin()?;
        let batches = self.batches().await?;
        if batches.is_empty() {
            self.begun = Some(number);
            return Ok(());
        }
        let ending = Ending::any(&mut self.random);
        match self.write(number, batches, ending).await {
            Ok(()) => {}
            Err(Over::Failed(failure)) => return Err(Over::Failed(failure)),
            Err(over) if self.random.bool() => return Err(over),
            Err(_) => {
                self.is_unclear = true;
                return self.end(number, false).await;
            }
        }
        match ending {
            Ending::Commit => self.end(number, true).await,
            Ending::Abort => self.end(number, false).await,
            Ending::Fenced => self.let_successor_begin().await,
            Ending::Abandoned | Ending::GivenUp => {
                Counts::add(&self.shared.counts.abandoned);
                Err(Over::Refused)
            }
        }
    }

    fn begin(&mut self) -> Result<u32, Over> {
        if let Some(number) = self.begun.take() {
            return Ok(number);
        }
        let transaction = self.shared.new_transaction();
        self.shared.history.observe(&Event::TxnBegin {
            transaction,
            producer: self.writer.number(),
            consumer: self.chain.as_ref().map(Chain::consumer),
        })?;
        Ok(transaction)
    }

    /// What the transaction is to write: nothing if there is nothing to be copied.
    async fn batches(&mut self) -> Result<Vec<Batch>, Over> {
        let who = self.session.who;
        let partitions = self.writer.output().partitions;
        let Some(chain) = &mut self.chain else {
            let mut chosen: Vec<i32> = (0..partitions).collect();
            self.random.shuffle(&mut chosen);
            chosen.truncate(self.random.usize(1..=chosen.len()));
            let (writer, random) = (&mut self.writer, &mut self.random);
            let batches = chosen.into_iter().map(|partition| writer.batch(who, partition, random));
            return batches.collect();
        };
        let mut copies: BTreeMap<i32, Vec<Source>> = BTreeMap::new();
        for source in chain.poll(&mut self.session.line, &mut self.random).await? {
            copies.entry(self.random.i32(0..partitions)).or_default().push(source);
        }
        let writer = &mut self.writer;
        let batches = copies.into_iter();
        batches.map(|(partition, sources)| writer.copies(who, partition, sources)).collect()
    }

    /// Everything that a transaction consists of.
    async fn write(
        &mut self,
        number: u32,
        batches: Vec<Batch>,
        ending: Ending,
    ) -> Result<(), Over> {
        let topic = self.writer.output().topic.clone();
        let partitions: Vec<i32> = batches.iter().map(Batch::partition).collect();
        self.session.add_partitions(&topic, &partitions).await?;
        if ending == Ending::GivenUp {
            let request = self.writer.request(&self.session, &batches)?;
            self.session.leave_on_its_way(&request).await?;
            return Err(Over::Unclear);
        }
        self.writer.send(&mut self.session, batches).await?;
        if !self.session.manner.before_kip_890 && self.random.u8(..8) == 0 {
            late_marker::send(&mut self.session, &topic, &partitions, &self.shared.counts).await?;
        }
        match &self.chain {
            Some(chain) => chain.commit(&mut self.session, number).await,
            None => Ok(()),
        }
    }

    /// Ends the transaction, and goes on as whoever it is in the next one.
    async fn end(&mut self, transaction: u32, is_commit: bool) -> Result<(), Over> {
        let history = self.shared.history.clone();
        if is_commit {
            history.observe(&Event::TxnCommit { transaction })?;
        }
        let ended = self.session.end(is_commit).await;
        match &ended {
            Ok(_) if is_commit => history.observe(&Event::TxnCommitted { transaction })?,
            Err(Over::Unclear | Over::Failed(_)) if is_commit => {}
            // Nobody has asked for a commit, or nobody was heard.
            _ => history.observe(&Event::TxnAborted { transaction })?,
        }
        let is_another = ended?;
        Counts::add(&self.shared.counts.ended);
        if let Some(chain) = &mut self.chain {
            if is_commit { chain.keep() } else { chain.rewind()? }
        }
        // Clients before KIP-890 have the same epoch in the next transaction, and nobody could tell what
        // comes late from what belongs there (KIP-360). Some come back as nobody in particular.
        if std::mem::take(&mut self.is_unclear) && !is_another {
            if self.random.bool() {
                return Err(Over::Unclear);
            }
            self.session.resume(self.session.who).await?;
        }
        Ok(())
    }

    /// A session under the same id begins, and this one asks for a commit all the same.
    async fn let_successor_begin(&mut self) -> Result<(), Over> {
        Session::begin(&self.shared, &self.session.manner).await?;
        if self.session.is_fenced().await? {
            Counts::add(&self.shared.counts.fenced);
        } else {
            let id = &self.session.manner.transactional_id;
            self.shared.history.accuse(format!("{id} was fenced, and has committed"));
        }
        Err(Over::Refused)
    }
}
