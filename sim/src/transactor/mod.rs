//! A client that produces in transactions: sessions under one transactional id, each of which fences the
//! one before. Some copy another topic, with the offsets of what they have read in the transaction.

mod ask;
mod weight;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use thalweg_broker::{
    AddPartitions, Broker, EndTransaction, InTransaction, InitProducerId, Partitions, Producer,
    Purpose, TransactionVersion, TransactionalId,
};
use thalweg_checker::Event;
use thalweg_records::Compression;
use thalweg_types::{TopicName, TxnOutcome};

use self::ask::Failed;
pub(crate) use self::weight::{Weight, weigh_any};
use crate::chain::Chain;
use crate::connection::{Connection, session};
use crate::late_marker;
use crate::payload::Source;
use crate::producer::{self, Identity};
use crate::scenario::{ProducerPlan, TransactorPlan};
use crate::stage::{Stage, Target};

/// Time between two attempts.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a client tries to do one thing.
const DEADLINE: Duration = Duration::from_secs(20);

/// The session is over: its client was fenced, or has given up.
#[derive(Debug)]
pub(crate) struct Over;

/// Produces in transactions until the stage's end, in one session after another.
pub(crate) async fn transact(
    stage: Stage,
    targets: Vec<Target>,
    plan: TransactorPlan,
    mut random: fastrand::Rng,
) {
    while !stage.stop.started() {
        if let Some(mut session) = Session::new(&stage, &targets, &plan, random.fork()) {
            // However it ends, the next one begins anew.
            let _ = session.run().await;
        }
        let silence = Duration::from_millis(random.u64(100..6000));
        if !stage.pause(silence).await {
            return;
        }
    }
}

/// One session of a transactional client.
pub(crate) struct Session {
    stage: Stage,
    output: Target,
    plan: TransactorPlan,
    id: TransactionalId,
    random: fastrand::Rng,
    producer: producer::Producer,
    who: Option<Producer>,
    chain: Option<Chain>,
    /// The transaction that has begun and written nothing yet.
    begun: Option<u32>,
    /// A request had no answer, and may still be on its way.
    is_unclear: bool,
    connection: Option<Connection>,
}

impl Session {
    /// A client that nobody knows yet.
    pub fn new(
        stage: &Stage,
        targets: &[Target],
        plan: &TransactorPlan,
        mut random: fastrand::Rng,
    ) -> Option<Self> {
        let output = targets[plan.output].clone();
        let batches = ProducerPlan {
            topic: plan.output,
            idempotent: true,
            codec: Compression::None,
            batch_records_max: 4,
            window: 3,
            pause_max: Duration::ZERO,
            patience: plan.patience,
        };
        Some(Self {
            stage: stage.clone(),
            producer: producer::Producer::new(stage, &output, batches, random.fork()),
            output,
            plan: plan.clone(),
            id: TransactionalId::new(&plan.transactional_id).ok()?,
            random,
            who: None,
            chain: plan.input.map(|input| Chain::new(stage, &targets[input])),
            begun: None,
            is_unclear: false,
            connection: None,
        })
    }

    async fn run(&mut self) -> Result<(), Over> {
        self.begin_session(None).await?;
        for _ in 0..self.random.u8(1..16) {
            let gives_up = self.random.u8(..16) == 0;
            let outcome =
                if self.random.u8(..4) == 0 { TxnOutcome::Abort } else { TxnOutcome::Commit };
            self.transaction((!gives_up).then_some(outcome)).await?;
            let pause = Duration::from_millis(self.random.u64(50..1200));
            if !self.stage.pause(pause).await {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Shows that transactions can be committed: two, as the second needs what the first has left.
    pub async fn prove(&mut self) -> Result<(), Over> {
        self.begin_session(None).await?;
        self.transaction(Some(TxnOutcome::Commit)).await?;
        self.transaction(Some(TxnOutcome::Commit)).await
    }

    /// Learns who it is, or goes on as the successor of who it was.
    async fn begin_session(&mut self, expected: Option<Producer>) -> Result<(), Over> {
        let request = InitProducerId {
            transactional_id: self.id.clone(),
            timeout_ms: self.plan.timeout.as_millis() as i32,
            expected,
        };
        let init = move |broker: Broker| {
            let request = request.clone();
            async move { broker.init_transactions(&session(), request).await }
        };
        let who = self.insist("begins a session", init).await?;
        self.become_another(who);
        let Some(mut chain) = self.chain.take() else { return Ok(()) };
        let deadline = self.deadline();
        let mut is_placed = false;
        while !is_placed && self.stage.env.now() < deadline {
            is_placed = match self.connection().await {
                Some(connection) => chain.begin(connection).await,
                None => false,
            };
            if !is_placed {
                self.connection = None;
                self.stage.env.sleep(PAUSE).await;
            }
        }
        self.chain = Some(chain);
        is_placed.then_some(()).ok_or(Over)
    }

    fn become_another(&mut self, who: Producer) {
        if self.plan.is_new {
            self.stage.ledger.bumps(who.id);
        }
        let transaction =
            InTransaction { transactional_id: self.id.clone(), implicit: self.plan.is_new };
        let Producer { id, epoch } = who;
        let is_other = self.who != Some(who);
        self.who = Some(who);
        if is_other {
            self.producer.become_another(Identity { id, epoch, transaction: Some(transaction) });
        }
    }

    /// One transaction. Without an `outcome` it is left alone.
    async fn transaction(&mut self, outcome: Option<TxnOutcome>) -> Result<(), Over> {
        let number = self.begin();
        let mut outcome = outcome;
        match self.write(number).await {
            Ok(true) => {}
            Ok(false) => {
                self.begun = Some(number);
                return Ok(());
            }
            Err(Over) if self.random.bool() => return Err(Over),
            Err(Over) => {
                self.is_unclear = true;
                outcome = outcome.and(Some(TxnOutcome::Abort));
            }
        }
        let Some(chosen) = outcome else {
            self.stage.ledger.count("transactions abandoned");
            return Err(Over);
        };
        self.end(number, chosen).await
    }

    fn begin(&mut self) -> u32 {
        self.begun.take().unwrap_or_else(|| {
            let history = &self.stage.history;
            let transaction = history.new_transaction();
            history.add(&Event::TxnBegin {
                transaction,
                producer: self.producer.number(),
                consumer: self.chain.as_ref().map(Chain::consumer),
            });
            transaction
        })
    }

    /// Everything that a transaction consists of; false if there was nothing to do.
    async fn write(&mut self, number: u32) -> Result<bool, Over> {
        let mut copies: BTreeMap<i32, Vec<Source>> = BTreeMap::new();
        if let Some(mut chain) = self.chain.take() {
            let bytes_max = self.random.usize(1..4096);
            let sources = match self.connection().await {
                Some(connection) => chain.poll(connection, bytes_max).await,
                None => None,
            };
            self.chain = Some(chain);
            let Some(sources) = sources else {
                self.connection = None;
                return Err(Over);
            };
            if sources.is_empty() {
                return Ok(false);
            }
            for source in sources {
                let partition = self.random.i32(0..self.output.partitions);
                copies.entry(partition).or_default().push(source);
            }
        }
        let batches = self.random.usize(1..=3);
        let own: Vec<i32> =
            (0..batches).map(|_| self.random.i32(0..self.output.partitions)).collect();
        let partitions = if copies.is_empty() { own } else { copies.keys().copied().collect() };
        self.add_partitions(&partitions).await?;
        // Who gives up early leaves batches on their way.
        let patience = if self.random.bool() { self.plan.patience } else { DEADLINE };
        let sent = if copies.is_empty() {
            self.producer.send(&partitions, patience).await
        } else {
            self.producer.send_copies(&copies, patience).await
        };
        sent.map_err(|_| Over)?;
        self.stage.ledger.count("transactions written");
        copies.values().flatten().for_each(|_| self.stage.ledger.count("records copied"));
        self.send_late_marker(&partitions).await;
        self.commit_offsets(number).await.map(|()| true)
    }

    /// Tells the coordinator where the transaction writes to, as clients do that do not know KIP-890.
    async fn add_partitions(&mut self, partitions: &[i32]) -> Result<(), Over> {
        if self.plan.is_new {
            return Ok(());
        }
        let name = TopicName::new(&self.output.name).map_err(|_| Over)?;
        let request = AddPartitions {
            transactional_id: self.id.clone(),
            producer: self.who.ok_or(Over)?,
            partitions: Partitions::from([(name, partitions.iter().copied().collect())]),
            purpose: Purpose::Add(TransactionVersion::V0),
        };
        let add = move |broker: Broker| {
            let request = request.clone();
            async move {
                let added = broker.add_to_transaction(request).await?;
                added.partitions.into_iter().try_for_each(|(_, _, result)| result)
            }
        };
        Ok(self.insist("adds partitions", add).await?)
    }

    /// Now and then a marker of the transaction before comes late.
    async fn send_late_marker(&mut self, partitions: &[i32]) {
        let (true, Some(who)) = (self.plan.is_new && self.random.u8(..4) == 0, self.who) else {
            return;
        };
        let partitions: BTreeSet<i32> = partitions.iter().copied().collect();
        let target = self.output.clone();
        let work = move |broker: Broker| async move {
            late_marker::send(&broker, &target, who, partitions).await
        };
        let refused = self.ask(work).await.unwrap_or_default();
        (0..refused).for_each(|_| self.stage.ledger.count("late markers refused"));
    }

    /// Makes how far the chain has read a part of the transaction.
    async fn commit_offsets(&mut self, number: u32) -> Result<(), Over> {
        let (Some(chain), Some(who)) = (self.chain.take(), self.who) else { return Ok(()) };
        let deadline = self.deadline();
        let transaction =
            InTransaction { transactional_id: self.id.clone(), implicit: self.plan.is_new };
        chain.note_offsets(number);
        let mut outcome = Err(Weight::Later);
        while outcome == Err(Weight::Later) && self.stage.env.now() < deadline {
            if let Some(connection) = self.connection().await {
                outcome = chain.commit(connection, &transaction, who).await;
            }
            if outcome.is_err() {
                self.lose_connection();
                self.stage.env.sleep(PAUSE).await;
            }
        }
        self.chain = Some(chain);
        outcome.map_err(|_| Over)
    }

    /// Ends the transaction, and learns who it is in the next one.
    async fn end(&mut self, number: u32, outcome: TxnOutcome) -> Result<(), Over> {
        if outcome == TxnOutcome::Commit {
            self.stage.history.add(&Event::TxnCommit { transaction: number });
        }
        let version =
            if self.plan.is_new { TransactionVersion::V2 } else { TransactionVersion::V0 };
        let request = EndTransaction {
            transactional_id: self.id.clone(),
            producer: self.who.ok_or(Over)?,
            outcome,
            version,
        };
        let end = move |broker: Broker| {
            let request = request.clone();
            async move { broker.end_transaction(&session(), request).await }
        };
        let ended = self.insist("ends a transaction", end).await;
        let transaction = number;
        let event = match (ended, outcome) {
            (Ok(_), TxnOutcome::Commit) => Some(Event::TxnCommitted { transaction }),
            (Err(Failed::Unclear), TxnOutcome::Commit) => None,
            // Nobody has asked for a commit, or nobody was heard.
            (_, TxnOutcome::Abort) | (Err(Failed::Refused), _) => {
                Some(Event::TxnAborted { transaction })
            }
        };
        if let Some(event) = event {
            self.stage.history.add(&event);
        }
        self.go_on(ended?, outcome).await
    }

    /// Goes on after a transaction, as `next` if the broker has said so.
    async fn go_on(&mut self, next: Option<Producer>, outcome: TxnOutcome) -> Result<(), Over> {
        if let Some(chain) = &mut self.chain {
            match outcome {
                TxnOutcome::Commit => chain.keep(),
                TxnOutcome::Abort => chain.rewind(),
            }
        }
        match (next, outcome) {
            (Some(next), _) => self.become_another(next),
            // Clients before KIP-890 have the same epoch in the next transaction, and nobody could tell
            // what comes late from what belongs there (KIP-360). Some come back after a while only.
            (None, _) if self.is_unclear && self.random.bool() => return Err(Over),
            (None, _) if self.is_unclear => self.begin_session(self.who).await?,
            (None, _) => {}
        }
        self.is_unclear = false;
        Ok(())
    }
}
