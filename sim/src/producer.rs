//! A client that produces: sessions of batches, sent in windows, retried until they are acknowledged
//! or given up.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::BytesMut;
use thalweg_broker::{AppendOptions, Broker, BrokerError, InTransaction, ProducerError};
use thalweg_checker::{Event, Value};
use thalweg_env::Instant;
use thalweg_records::BatchBuilder;
use thalweg_types::{ProducerEpoch, ProducerId, Sequence, Timestamp};

use crate::connection::{Connection, REQUEST_TIMEOUT, Reply, ReplyTo, session};
use crate::payload::{self, Source};
use crate::scenario::{BODY_MAX, Kind, ProducerPlan};
use crate::stage::{Stage, Target};
use crate::transactor::{Weight, weigh_any};

/// Keys of a compacted topic.
const KEYS: u64 = 12;

/// How long it waits before it sends again.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// Produces until the stage's end, in one session after another.
pub(crate) async fn produce(
    stage: Stage,
    target: Target,
    plan: ProducerPlan,
    mut random: fastrand::Rng,
) {
    while !stage.stop.started() {
        let mut session = Producer::new(&stage, &target, plan, random.fork());
        session.run().await;
        if !stage.pause(RETRY_PAUSE).await {
            return;
        }
    }
}

/// One session. The checker knows it as a producer of its own.
pub(crate) struct Producer {
    stage: Stage,
    target: Target,
    plan: ProducerPlan,
    random: fastrand::Rng,
    number: u32,
    records: u32,
    identity: Option<Identity>,
    sequences: BTreeMap<i32, Sequence>,
    /// Partitions that have acknowledged their first batch: they know the producer from its beginning.
    known_in: BTreeSet<i32>,
    connection: Option<Connection>,
}

/// Who a producer is to the broker.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub id: ProducerId,
    pub epoch: ProducerEpoch,
    /// What its batches are part of.
    pub transaction: Option<InTransaction>,
}

/// A batch on its way.
struct Batch {
    partition: i32,
    /// True if no batch of the producer comes before it in its partition.
    is_first: bool,
    values: Vec<Value>,
    bytes: BytesMut,
    made: Instant,
    attempts: u32,
    /// True if an attempt may have been stored.
    is_unclear: bool,
}

/// What the broker said to one attempt.
enum Answer {
    /// The offset of the first record.
    Stored(i64),
    /// Certainly not stored.
    Refused(BrokerError),
    /// Accepted, and then something failed.
    Unclear(BrokerError),
}

/// A session is over: a client would begin anew.
#[derive(Debug)]
pub(crate) struct GivenUp;

impl Producer {
    pub fn new(stage: &Stage, target: &Target, plan: ProducerPlan, random: fastrand::Rng) -> Self {
        Self {
            stage: stage.clone(),
            target: target.clone(),
            plan,
            random,
            number: stage.history.new_producer(),
            records: 0,
            identity: None,
            sequences: BTreeMap::new(),
            known_in: BTreeSet::new(),
            connection: None,
        }
    }

    /// Its number in the history.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Goes on as somebody who has sent nothing yet.
    pub fn become_another(&mut self, identity: Identity) {
        self.identity = Some(identity);
        self.sequences.clear();
        self.known_in.clear();
    }

    fn is_transactional(&self) -> bool {
        self.identity.as_ref().is_some_and(|identity| identity.transaction.is_some())
    }

    async fn run(&mut self) {
        loop {
            let patience = Duration::from_secs(self.random.u64(4..30));
            let count = self.random.usize(1..=self.plan.window);
            let partitions: Vec<i32> =
                (0..count).map(|_| self.random.i32(0..self.target.partitions)).collect();
            if self.send(&partitions, patience).await.is_err() {
                return;
            }
            let pause = self.random.u64(..self.plan.pause_max.as_millis() as u64);
            if !self.stage.pause(Duration::from_millis(pause)).await || self.random.u8(..64) == 0 {
                return;
            }
        }
    }

    /// Sends a batch to each of `partitions`, and sees them through.
    pub async fn send(&mut self, partitions: &[i32], patience: Duration) -> Result<(), GivenUp> {
        let deadline = self.stage.env.now() + patience;
        while self.plan.idempotent && self.identity.is_none() {
            self.identity = self.new_id().await;
            if self.identity.is_none() && self.stage.env.now() >= deadline {
                return Err(GivenUp);
            }
        }
        let mut open = Vec::with_capacity(partitions.len());
        for partition in partitions {
            let count = self.random.usize(1..=self.plan.batch_records_max);
            open.push(self.batch(*partition, &vec![None; count]));
        }
        self.see_through(open, deadline).await
    }

    /// Sends copies to each of the partitions, and sees them through.
    pub async fn send_copies(
        &mut self,
        portions: &BTreeMap<i32, Vec<Source>>,
        patience: Duration,
    ) -> Result<(), GivenUp> {
        let deadline = self.stage.env.now() + patience;
        let mut open = Vec::new();
        for (partition, sources) in portions {
            let sources: Vec<_> = sources.iter().copied().map(Some).collect();
            for sources in sources.chunks(self.plan.batch_records_max) {
                open.push(self.batch(*partition, sources));
            }
        }
        self.see_through(open, deadline).await
    }

    async fn see_through(
        &mut self,
        mut open: Vec<Batch>,
        deadline: Instant,
    ) -> Result<(), GivenUp> {
        let outcome = loop {
            match self.attempt(&mut open).await {
                Ok(()) if open.is_empty() => return Ok(()),
                Ok(()) if self.stage.env.now() < deadline => {
                    self.stage.env.sleep(RETRY_PAUSE).await;
                }
                Ok(()) | Err(GivenUp) => break Err(GivenUp),
            }
        };
        self.abandon(open);
        outcome
    }

    async fn new_id(&mut self) -> Option<Identity> {
        let connection = self.connection().await?;
        let work = |broker: Broker| async move { broker.allocate_producer_id(&session()).await };
        let answer = connection.call(REQUEST_TIMEOUT, work).await;
        let Some(Ok((id, _))) = answer else {
            self.connection = None;
            self.stage.env.sleep(RETRY_PAUSE).await;
            return None;
        };
        if !self.stage.ledger.is_new_producer_id(id) {
            self.stage.history.complain(format_args!("producer id {id} was given out twice"));
        }
        Some(Identity { id, epoch: ProducerEpoch(0), transaction: None })
    }

    async fn connection(&mut self) -> Option<&Connection> {
        if self.connection.is_none() {
            self.connection = self.stage.address.connect_within(REQUEST_TIMEOUT).await;
        }
        self.connection.as_ref()
    }

    /// Makes a batch of a record for each of `sources` and tells the history of them.
    fn batch(&mut self, partition: i32, sources: &[Option<Source>]) -> Batch {
        let mut builder = BatchBuilder::new().codec(self.plan.codec);
        let mut is_first = false;
        if let Some(Identity { id, epoch, transaction }) = &self.identity {
            let next = self.sequences.entry(partition).or_insert(Sequence(0));
            is_first = *next == Sequence(0);
            builder = builder.producer(*id, *epoch, *next);
            *next = next.plus(sources.len() as i32);
            if transaction.is_some() {
                builder = builder.transactional();
            }
        }
        let records = sources.iter().map(|source| self.record(partition, *source, &mut builder));
        let values: Vec<Value> = records.collect();
        let bytes = match builder.build() {
            Ok(batch) => BytesMut::from(batch.as_bytes()),
            Err(error) => {
                self.stage.history.complain(format_args!("a batch cannot be built: {error}"));
                BytesMut::new()
            }
        };
        let made = self.stage.env.now();
        Batch { partition, is_first, values, bytes, made, attempts: 0, is_unclear: false }
    }

    fn record(
        &mut self,
        partition: i32,
        source: Option<Source>,
        builder: &mut BatchBuilder,
    ) -> Value {
        let value = Value { producer: self.number, number: self.records };
        self.records += 1;
        let key = (self.target.kind == Kind::Compacted).then(|| self.random.u64(..KEYS));
        let tombstone = key.is_some() && self.random.u8(..10) == 0;
        self.stage.history.add(&Event::Send {
            value,
            idempotent: self.plan.idempotent,
            key,
            tombstone,
            topic: (&*self.target.name).into(),
            partition,
        });
        let body = (!tombstone).then(|| payload::body(value, BODY_MAX));
        let headers = [Some(payload::header(value)), source.map(Source::header)];
        let headers: Vec<_> = headers.into_iter().flatten().collect();
        builder.push(
            Timestamp(self.stage.wall_ms()),
            key.map(u64::to_be_bytes).as_ref().map(|key| &key[..]),
            body.as_deref(),
            &headers,
        );
        value
    }

    /// Sends all open batches in order and takes out those that are acknowledged.
    async fn attempt(&mut self, open: &mut Vec<Batch>) -> Result<(), GivenUp> {
        if self.connection().await.is_none() {
            return Ok(());
        }
        let Some(connection) = self.connection.take() else { return Ok(()) };
        let mut replies = Vec::with_capacity(open.len());
        for batch in open.iter_mut() {
            self.note_retry(batch);
            replies.push(self.dispatch(&connection, batch).await);
        }
        let mut left: Vec<Batch> = Vec::new();
        let mut is_whole = true;
        let mut outcome = Ok(());
        for (mut batch, reply) in std::mem::take(open).into_iter().zip(replies) {
            let answer = connection.receive(reply, self.plan.patience).await;
            is_whole &= answer.is_some();
            match self.judge(&mut batch, answer, &left) {
                Ok(true) => {}
                Ok(false) => left.push(batch),
                Err(GivenUp) => {
                    left.push(batch);
                    outcome = Err(GivenUp);
                }
            }
        }
        *open = left;
        self.connection = is_whole.then_some(connection);
        outcome
    }

    fn note_retry(&self, batch: &mut Batch) {
        if batch.attempts > 0 {
            batch.values.iter().for_each(|value| {
                self.stage.history.add(&Event::Retry { value: *value });
            });
        }
        batch.attempts += 1;
    }

    async fn dispatch(&self, connection: &Connection, batch: &Batch) -> Reply<Answer> {
        let (target, partition) = (self.target.clone(), batch.partition);
        let bytes = batch.bytes.clone();
        let transaction = self.identity.as_ref().and_then(|known| known.transaction.clone());
        let options = AppendOptions { transaction, ..AppendOptions::default() };
        let work = move |broker: Broker, reply_to: ReplyTo<Answer>| async move {
            append(&broker, &target, partition, (bytes, options), reply_to).await;
        };
        connection.send(work).await
    }

    /// Notes what became of an attempt: true if the batch is acknowledged.
    fn judge(
        &mut self,
        batch: &mut Batch,
        answer: Option<Answer>,
        left: &[Batch],
    ) -> Result<bool, GivenUp> {
        match answer {
            Some(Answer::Stored(base)) => {
                self.note_stored(batch, base);
                if batch.is_first {
                    self.known_in.insert(batch.partition);
                }
                Ok(true)
            }
            None => {
                batch.is_unclear = true;
                Ok(false)
            }
            Some(Answer::Unclear(error)) => {
                batch.is_unclear = true;
                self.go_on_after(&error, batch, left).map(|()| false)
            }
            Some(Answer::Refused(error)) => self.go_on_after(&error, batch, left).map(|()| false),
        }
    }

    fn note_stored(&self, batch: &Batch, base: i64) {
        let history = &self.stage.history;
        for (value, offset) in batch.values.iter().zip(base..) {
            history.add(&Event::Acked { value: *value, offset: Some(offset) });
        }
        let last = base + batch.values.len() as i64 - 1;
        history.trims(|trims| trims.stored(&self.target.name, batch.partition, last, batch.made));
    }

    /// Whether a client sends `batch` again after `error`, with `left` before it.
    fn go_on_after(
        &self,
        error: &BrokerError,
        batch: &Batch,
        left: &[Batch],
    ) -> Result<(), GivenUp> {
        let is_first = left.iter().all(|earlier| earlier.partition != batch.partition);
        let history = &self.stage.history;
        history.note(format_args!("producer {} is told: {error}", self.number));
        match error {
            BrokerError::Storage(_) | BrokerError::Closing => Ok(()),
            // One before it was not stored.
            BrokerError::Producer(ProducerError::OutOfOrder { .. }) if !is_first => Ok(()),
            BrokerError::Producer(ProducerError::OutOfOrder { .. })
                if self.may_be_out_of_order(batch.partition) =>
            {
                Err(GivenUp)
            }
            BrokerError::UnknownTopicOrPartition | BrokerError::UnknownTopicId
                if self.target.id.is_some() =>
            {
                Err(GivenUp)
            }
            error if self.is_transactional() && weigh_any(error) != Weight::Wrong => {
                if weigh_any(error) == Weight::Later { Ok(()) } else { Err(GivenUp) }
            }
            _ => {
                let (producer, topic) = (self.number, &self.target.name);
                history.complain(format_args!("producer {producer} of {topic} is told: {error}"));
                Err(GivenUp)
            }
        }
    }

    /// True if the partition may have forgotten batches, or have begun behind the first one: if it
    /// knows nothing of a producer it takes any sequence, as Kafka's do. So when the first batch of a
    /// window is refused and one behind it is not, the first can never follow.
    fn may_be_out_of_order(&self, partition: i32) -> bool {
        self.stage.may_be_cut(&self.target) || !self.known_in.contains(&partition)
    }

    /// Leaves batches as they are: nobody will know.
    fn abandon(&self, open: Vec<Batch>) {
        for batch in open {
            for value in batch.values {
                self.stage.history.add(&if batch.is_unclear || batch.attempts == 0 {
                    Event::Unknown { value }
                } else {
                    Event::Failed { value }
                });
            }
        }
    }
}

/// The broker's side of an attempt: the next request need not wait until it is durable.
async fn append(
    broker: &Broker,
    target: &Target,
    partition: i32,
    (bytes, options): (BytesMut, AppendOptions),
    reply_to: ReplyTo<Answer>,
) {
    match broker.append(&session(), target.key(), partition, bytes, &options).await {
        Err(error) => reply_to.send(Answer::Refused(error)),
        Ok(appended) => {
            let base = appended.base_offset.0;
            broker.env().spawn("acknowledge", async move {
                reply_to.send(match appended.durable.wait().await {
                    Ok(()) => Answer::Stored(base),
                    Err(error) => Answer::Unclear(error),
                });
            });
        }
    }
}
