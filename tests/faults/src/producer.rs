//! A producer that outlives brokers: what was not acknowledged when one died, an idempotent producer
//! sends again with the same sequence, as Kafka's clients do.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fastrand::Rng;
use thalweg_checker::{Event, Value};
use thalweg_kafka_wire::ErrorCode;
use thalweg_kafka_wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use thalweg_kafka_wire::messages::{
    InitProducerIdRequest, InitProducerIdResponse, ProduceRequest, ProduceResponse,
};
use thalweg_records::{BatchBuilder, Codec, Compression};
use thalweg_types::{ProducerEpoch, ProducerId, Sequence, Timestamp};

use crate::connection::Connection;
use crate::failure::Failure;
use crate::history::History;
use crate::payload;

/// Requests on their way at the same time: the most that keeps an idempotent producer's order.
const REQUESTS_MAX: usize = 5;
const RECORDS_MAX: u32 = 6;
const BACKOFF: Duration = Duration::from_millis(20);

/// A partition that a producer writes to.
#[derive(Clone, Debug)]
pub struct Lane {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// How many keys there are, in a compacted topic.
    pub keys: Option<u64>,
}

/// One client that sends records.
pub struct Producer {
    number: u32,
    idempotent: bool,
    identity: Option<(ProducerId, ProducerEpoch)>,
    lanes: Vec<LaneState>,
    records: u32,
    /// Sent without success, to be sent again, oldest first.
    waiting: VecDeque<Batch>,
    codec: Codec,
    random: Rng,
}

struct LaneState {
    lane: Lane,
    next_sequence: i32,
    /// The topic is gone.
    closed: bool,
}

#[derive(Clone, Debug)]
struct Batch {
    lane: usize,
    first: u32,
    count: u32,
    sequence: i32,
    attempts: u32,
}

/// When a producer ends.
#[derive(Clone, Debug)]
pub enum Until {
    /// With the broker, or when this is set.
    Stopped(Arc<AtomicBool>),
    /// When nothing waits to be sent again.
    Settled,
}

impl Producer {
    /// A producer known to the checker as `number`.
    pub fn new(number: u32, idempotent: bool, lanes: impl IntoIterator<Item = Lane>) -> Self {
        let mut random = Rng::with_seed(u64::from(number));
        let codec = Codec::from(Compression::ALL[random.usize(..Compression::ALL.len())]);
        let lanes = lanes.into_iter();
        let state = |lane| LaneState { lane, next_sequence: 0, closed: false };
        Self {
            number,
            idempotent,
            identity: None,
            lanes: lanes.map(state).collect(),
            records: 0,
            waiting: VecDeque::new(),
            codec,
            random,
        }
    }

    /// Sends to the broker at `address` until the time has come or the broker is gone.
    pub async fn run(
        &mut self,
        address: SocketAddr,
        history: &History,
        until: &Until,
    ) -> Result<(), Failure> {
        let mut on_the_way = VecDeque::new();
        let outcome = self.converse(address, history, until, &mut on_the_way).await;
        self.give_up(on_the_way.into_iter().flatten().collect(), history)?;
        match outcome {
            Err(failure) if failure.is_ended() => Ok(()),
            outcome => outcome,
        }
    }

    /// Sends nothing more to a topic that is gone.
    pub fn close_topic(&mut self, topic: &str, history: &History) -> Result<(), Failure> {
        for state in self.lanes.iter_mut().filter(|state| *state.lane.topic == *topic) {
            state.closed = true;
        }
        let waiting = self.waiting.drain(..).collect();
        self.give_up(waiting, history)
    }

    async fn converse(
        &mut self,
        address: SocketAddr,
        history: &History,
        until: &Until,
        on_the_way: &mut VecDeque<Vec<Batch>>,
    ) -> Result<(), Failure> {
        let mut connection = Connection::open(address).await?;
        self.register(&mut connection).await?;
        // After a refusal nothing new leaves until every answer has come: the order is kept that way.
        let mut holding = false;
        loop {
            while !holding && on_the_way.len() < REQUESTS_MAX && self.has_more(until) {
                let volley = self.next_volley(history)?;
                let request = self.request(&volley)?;
                on_the_way.push_back(volley);
                connection.send(&request).await?;
            }
            if on_the_way.is_empty() && !holding {
                return Ok(());
            }
            if on_the_way.is_empty() {
                if matches!(until, Until::Settled) && !history.is_clean() {
                    // What a broker has spoilt may never be accepted.
                    return Ok(());
                }
                holding = false;
                tokio::time::sleep(BACKOFF).await;
                continue;
            }
            let response = connection.receive::<ProduceRequest>().await?;
            let volley = on_the_way.pop_front().unwrap_or_default();
            holding |= self.settle(volley, &response, history)?;
        }
    }

    async fn register(&mut self, connection: &mut Connection) -> Result<(), Failure> {
        if !self.idempotent || self.identity.is_some() {
            return Ok(());
        }
        let request = InitProducerIdRequest {
            transactional_id: None,
            transaction_timeout_ms: i32::MAX,
            producer_id: ProducerId::NONE.0,
            producer_epoch: ProducerEpoch::NONE.0,
            ..Default::default()
        };
        let code = |response: &InitProducerIdResponse| response.error_code;
        let response = connection.insist(&request, code).await?;
        let epoch = ProducerEpoch(response.producer_epoch);
        self.identity = Some((ProducerId(response.producer_id), epoch));
        Ok(())
    }

    fn has_more(&self, until: &Until) -> bool {
        match until {
            Until::Settled => !self.waiting.is_empty(),
            Until::Stopped(stop) => {
                !stop.load(Ordering::Relaxed) && self.lanes.iter().any(|lane| !lane.closed)
            }
        }
    }

    /// What waits, or else new records: at most one batch a partition.
    fn next_volley(&mut self, history: &History) -> Result<Vec<Batch>, Failure> {
        let mut volley: Vec<Batch> = Vec::new();
        while let Some(batch) = self.waiting.front() {
            if volley.iter().any(|other| other.lane == batch.lane) {
                break;
            }
            volley.extend(self.waiting.pop_front());
        }
        for batch in &mut volley {
            batch.attempts += 1;
            history.batches_retried.fetch_add(1, Ordering::Relaxed);
            history.observe_all(values(self.number, batch).map(|value| Event::Retry { value }))?;
        }
        if volley.is_empty() {
            volley = self.new_volley(history)?;
        }
        Ok(volley)
    }

    fn new_volley(&mut self, history: &History) -> Result<Vec<Batch>, Failure> {
        let mut lanes: Vec<usize> =
            (0..self.lanes.len()).filter(|lane| !self.lanes[*lane].closed).collect();
        self.random.shuffle(&mut lanes);
        lanes.truncate(self.random.usize(1..=lanes.len().max(1)));
        let mut volley = Vec::new();
        for lane in lanes {
            let count = self.random.u32(1..=RECORDS_MAX);
            let state = &mut self.lanes[lane];
            let batch = Batch {
                lane,
                first: self.records,
                count,
                sequence: state.next_sequence,
                attempts: 1,
            };
            self.records += count;
            state.next_sequence += count as i32;
            let Lane { topic, partition, keys } = &state.lane;
            history.observe_all(values(self.number, &batch).map(|value| {
                let key = keys.map(|keys| payload::key_of(value, keys));
                Event::Send {
                    value,
                    idempotent: self.idempotent,
                    key: key.map(|key| key.key),
                    tombstone: key.is_some_and(|key| key.tombstone),
                    topic: (&**topic).into(),
                    partition: *partition,
                }
            }))?;
            volley.push(batch);
        }
        Ok(volley)
    }

    fn request(&self, volley: &[Batch]) -> Result<ProduceRequest, Failure> {
        let mut topics: Vec<TopicProduceData> = Vec::new();
        for batch in volley {
            let lane = &self.lanes[batch.lane].lane;
            let partition =
                PartitionProduceData { index: lane.partition, records: Some(self.encode(batch)?) };
            match topics.iter_mut().find(|topic| *topic.name == *lane.topic) {
                Some(topic) => topic.partition_data.push(partition),
                None => topics.push(TopicProduceData {
                    name: lane.topic.to_string(),
                    partition_data: vec![partition],
                    ..Default::default()
                }),
            }
        }
        Ok(ProduceRequest {
            acks: -1,
            timeout_ms: 30_000,
            topic_data: topics,
            ..Default::default()
        })
    }

    /// The same records every time: they follow from their numbers.
    fn encode(&self, batch: &Batch) -> Result<bytes::BytesMut, Failure> {
        let mut builder = BatchBuilder::new().codec(self.codec);
        if let Some((id, epoch)) = self.identity {
            builder = builder.producer(id, epoch, Sequence(batch.sequence));
        }
        let keys = self.lanes[batch.lane].lane.keys;
        for value in values(self.number, batch) {
            let key = keys.map(|keys| payload::key_of(value, keys));
            payload::push(&mut builder, now(), value, key);
        }
        Ok(bytes::BytesMut::from(builder.build()?.as_bytes()))
    }

    /// Notes what the broker says of each batch; true if one has to be sent again.
    fn settle(
        &mut self,
        volley: Vec<Batch>,
        response: &ProduceResponse,
        history: &History,
    ) -> Result<bool, Failure> {
        let mut refused = Vec::new();
        for batch in volley {
            let lane = &self.lanes[batch.lane].lane;
            let topics = response.responses.iter().filter(|topic| *topic.name == *lane.topic);
            let answer = topics
                .flat_map(|topic| &topic.partition_responses)
                .find(|partition| partition.index == lane.partition)
                .ok_or_else(|| Failure::Other("a partition is missing in the answer".into()))?;
            match ErrorCode::from_code(answer.error_code) {
                Some(ErrorCode::None) => {
                    self.acknowledge(&batch, Some(answer.base_offset), history)?;
                }
                Some(ErrorCode::DuplicateSequenceNumber) => {
                    self.acknowledge(&batch, None, history)?;
                }
                code => {
                    self.judge_refusal(&batch, code, &refused, history);
                    refused.push(batch);
                }
            }
        }
        let any = !refused.is_empty();
        self.give_up(refused, history)?;
        Ok(any)
    }

    fn acknowledge(
        &self,
        batch: &Batch,
        base_offset: Option<i64>,
        history: &History,
    ) -> Result<(), Failure> {
        history.batches_acked.fetch_add(1, Ordering::Relaxed);
        let base_offset = base_offset.filter(|offset| *offset >= 0);
        history.observe_all(
            values(self.number, batch)
                .zip(0..)
                .map(|(value, n)| Event::Acked { value, offset: base_offset.map(|base| base + n) }),
        )?;
        Ok(())
    }

    /// A refusal that no fault excuses.
    fn judge_refusal(
        &mut self,
        batch: &Batch,
        code: Option<ErrorCode>,
        refused: &[Batch],
        history: &History,
    ) {
        let same_lane = |other: &Batch| other.lane == batch.lane;
        let first = !self.waiting.iter().chain(refused).any(same_lane);
        let state = &mut self.lanes[batch.lane];
        let code = code.unwrap_or(ErrorCode::UnknownServerError);
        match code {
            ErrorCode::UnknownTopicOrPartition | ErrorCode::UnknownTopicId => state.closed = true,
            // Behind another refusal a gap in the sequence is what it should be.
            ErrorCode::OutOfOrderSequenceNumber if !first => {}
            code if code.retriable() && code != ErrorCode::CorruptMessage => {}
            code => history.accuse(format!(
                "producer {}, attempt {} at records {} to {} for {}-{}: {code}",
                self.number,
                batch.attempts,
                batch.first,
                batch.first + batch.count - 1,
                state.lane.topic,
                state.lane.partition,
            )),
        }
    }

    /// Batches without success: an idempotent producer sends them again, a plain one some of them.
    fn give_up(&mut self, batches: Vec<Batch>, history: &History) -> Result<(), Failure> {
        for batch in batches {
            let again = !self.lanes[batch.lane].closed && (self.idempotent || self.random.bool());
            if again {
                self.waiting.push_back(batch);
            } else {
                let unknown = values(self.number, &batch).map(|value| Event::Unknown { value });
                history.observe_all(unknown)?;
            }
        }
        let closed = |batch: &Batch| self.lanes[batch.lane].closed;
        self.waiting.retain(|batch| !closed(batch));
        // Of what waited already, some may be younger than what comes back from a broker that died.
        self.waiting.make_contiguous().sort_unstable_by_key(|batch| batch.first);
        Ok(())
    }
}

fn values(producer: u32, batch: &Batch) -> impl Iterator<Item = Value> + use<> {
    (batch.first..batch.first + batch.count).map(move |number| Value { producer, number })
}

/// The time for a new record.
pub fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Timestamp(since.unwrap_or_default().as_millis() as i64)
}
