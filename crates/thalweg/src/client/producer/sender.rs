//! The task that gets sealed batches to the leaders of their partitions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use thalweg_env::{Env, Instant};
use thalweg_kafka_wire::ErrorCode;
use thalweg_kafka_wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use thalweg_kafka_wire::messages::produce_response::PartitionProduceResponse;
use thalweg_kafka_wire::messages::{ProduceRequest, ProduceResponse};
use tokio::sync::mpsc;

use super::window::{Number, Sealed, Window};
use super::{Acks, Delivery, ProducerOptions};
use crate::client::{Client, ClientError, Topic};

/// Requests to one broker on their way at a time.
const REQUESTS_MAX: usize = 5;
/// Bytes of batches in one request, unless a single one is larger.
const REQUEST_BYTES: usize = 1 << 20;
/// Bytes of batches that are not acknowledged; then no more are taken.
const UNACKNOWLEDGED_BYTES_MAX: usize = 32 << 20;
const BACKOFF: Duration = Duration::from_millis(100);
/// How long a broker may take for a request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The batches of a request.
type Sent = Vec<(i32, Number)>;

struct Completion {
    broker: i32,
    sent: Sent,
    answer: Result<ProduceResponse, ClientError>,
}

pub(super) struct Sender {
    client: Arc<Client>,
    env: Env,
    topic: String,
    options: ProducerOptions,
    windows: Vec<Window>,
    leaders: Vec<Option<i32>>,
    /// Requests on their way, by broker.
    requests: BTreeMap<i32, usize>,
    unacknowledged_bytes: usize,
    input: mpsc::Receiver<Sealed>,
    input_ended: bool,
    completions: (mpsc::Sender<Completion>, mpsc::Receiver<Completion>),
    /// After a failure: when to ask for the leaders and go on.
    retry_at: Option<Instant>,
    failing_since: Option<Instant>,
}

impl Sender {
    pub fn new(
        client: &Arc<Client>,
        topic: &Topic,
        options: ProducerOptions,
        input: mpsc::Receiver<Sealed>,
    ) -> Self {
        Self {
            client: Arc::clone(client),
            env: client.env().clone(),
            topic: topic.name.clone(),
            options,
            windows: topic.partitions.iter().map(|_| Window::default()).collect(),
            leaders: topic.partitions.iter().map(|partition| partition.leader).collect(),
            requests: BTreeMap::new(),
            unacknowledged_bytes: 0,
            input,
            input_ended: false,
            completions: mpsc::channel(REQUESTS_MAX),
            retry_at: None,
            failing_since: None,
        }
    }

    /// Sends batches until the input ends and all are acknowledged, or one fails for good.
    pub async fn run(mut self) -> Result<(), ClientError> {
        loop {
            if self.retry_at.is_none() {
                self.dispatch().await?;
            }
            if self.input_ended && self.windows.iter().all(Window::is_empty) {
                return Ok(());
            }
            let has_room = self.unacknowledged_bytes < UNACKNOWLEDGED_BYTES_MAX;
            let wake = self.retry_at.unwrap_or_else(|| self.env.now());
            tokio::select! {
                Some(completion) = self.completions.1.recv() => self.complete(completion)?,
                sealed = self.input.recv(), if has_room && !self.input_ended => match sealed {
                    Some(batch) => self.accept(batch),
                    None => self.input_ended = true,
                },
                () = self.env.sleep_until(wake), if self.retry_at.is_some() => {
                    self.find_leaders().await?;
                }
            }
        }
    }

    fn accept(&mut self, batch: Sealed) {
        self.unacknowledged_bytes += batch.bytes.len();
        self.windows[batch.partition as usize].push(batch);
    }

    /// Sends what may be sent, to every leader.
    async fn dispatch(&mut self) -> Result<(), ClientError> {
        let stuck =
            |(window, leader): (&Window, &Option<i32>)| leader.is_none() && !window.is_empty();
        if let Some(partition) = self.windows.iter().zip(&self.leaders).position(stuck) {
            let (topic, partition) = (self.topic.clone(), partition as i32);
            self.retry_later(ClientError::NoLeader { topic, partition })?;
        }
        let mut brokers: Vec<i32> = self.leaders.iter().flatten().copied().collect();
        brokers.sort_unstable();
        brokers.dedup();
        for broker in brokers {
            while self.requests.get(&broker).is_none_or(|count| *count < REQUESTS_MAX) {
                let (sent, data) = self.gather(broker);
                if sent.is_empty() {
                    break;
                }
                self.send(broker, sent, data).await?;
            }
        }
        Ok(())
    }

    /// The next batch of each partition that the broker leads.
    fn gather(&mut self, broker: i32) -> (Sent, Vec<PartitionProduceData>) {
        let (mut sent, mut data, mut bytes) = (Vec::new(), Vec::new(), 0);
        for (window, leader) in self.windows.iter_mut().zip(&self.leaders) {
            if *leader != Some(broker) || bytes >= REQUEST_BYTES {
                continue;
            }
            let Some((number, batch)) = window.start() else { continue };
            bytes += batch.bytes.len();
            sent.push((batch.partition, number));
            data.push(PartitionProduceData {
                index: batch.partition,
                records: Some(batch.bytes.clone()),
            });
        }
        (sent, data)
    }

    async fn send(
        &mut self,
        broker: i32,
        sent: Sent,
        partition_data: Vec<PartitionProduceData>,
    ) -> Result<(), ClientError> {
        let request = ProduceRequest {
            acks: self.options.acks.code(),
            timeout_ms: REQUEST_TIMEOUT.as_millis() as i32,
            topic_data: vec![TopicProduceData {
                name: self.topic.clone(),
                partition_data,
                ..Default::default()
            }],
            ..Default::default()
        };
        let failure = match self.start(broker, &request, &sent).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        for (partition, _) in &sent {
            self.windows[*partition as usize].failed();
        }
        self.retry_later(failure)
    }

    /// Puts a request on its way; its completion comes through the channel.
    async fn start(
        &mut self,
        broker: i32,
        request: &ProduceRequest,
        sent: &Sent,
    ) -> Result<(), ClientError> {
        let connection = self.client.broker(broker).await?;
        if self.options.acks == Acks::None {
            connection.tell(request).await?;
            for (partition, number) in sent {
                self.delivered(*partition, *number);
            }
            return Ok(());
        }
        let pending = connection.start(request).await?;
        *self.requests.entry(broker).or_default() += 1;
        let (done, sent) = (self.completions.0.clone(), sent.clone());
        self.env.spawn("produce", async move {
            let answer = pending.answer(REQUEST_TIMEOUT).await;
            // Fails only if the sender has given up.
            let _ = done.send(Completion { broker, sent, answer }).await;
        });
        Ok(())
    }

    fn complete(&mut self, completion: Completion) -> Result<(), ClientError> {
        let Completion { broker, sent, answer } = completion;
        if let Some(count) = self.requests.get_mut(&broker) {
            *count -= 1;
        }
        let response = match answer {
            Ok(response) => response,
            Err(error) => {
                for (partition, _) in &sent {
                    self.windows[*partition as usize].failed();
                }
                return self.retry_later(error);
            }
        };
        let topics = response.responses.into_iter();
        let answers: BTreeMap<i32, PartitionProduceResponse> =
            topics.flat_map(|topic| topic.partition_responses).map(|p| (p.index, p)).collect();
        for (partition, number) in sent {
            match self.outcome(partition, answers.get(&partition)) {
                Ok(()) => self.delivered(partition, number),
                Err(error) => self.refused(partition, number, error)?,
            }
        }
        Ok(())
    }

    fn refused(
        &mut self,
        partition: i32,
        number: Number,
        error: ClientError,
    ) -> Result<(), ClientError> {
        let window = &mut self.windows[partition as usize];
        // Behind a batch that failed the next ones come out of order: they are sent again too.
        // Answers may be seen in another order than they came.
        let follows =
            error.code() == Some(ErrorCode::OutOfOrderSequenceNumber) && !window.is_first(number);
        window.failed();
        if follows { Ok(()) } else { self.retry_later(error) }
    }

    /// What the answer means for the partition's batch.
    fn outcome(
        &self,
        partition: i32,
        answer: Option<&PartitionProduceResponse>,
    ) -> Result<(), ClientError> {
        let what = || format!("cannot write to partition {partition} of topic '{}'", self.topic);
        let Some(answer) = answer else {
            return Err(ClientError::refused(what(), ErrorCode::UnknownServerError.code(), None));
        };
        if answer.error_code == ErrorCode::DuplicateSequenceNumber.code() {
            return Ok(()); // it arrived the time before
        }
        ClientError::check(answer.error_code, answer.error_message.clone(), what)
    }

    fn delivered(&mut self, partition: i32, number: Number) {
        self.failing_since = None;
        if let Some(batch) = self.windows[partition as usize].acknowledged(number) {
            self.unacknowledged_bytes -= batch.bytes.len();
            (self.options.on_delivery)(&Delivery {
                records: batch.records,
                opened: batch.opened,
                acknowledged: self.env.now(),
            });
        }
    }

    /// Goes on after a while, unless the error is final or has lasted too long.
    fn retry_later(&mut self, error: ClientError) -> Result<(), ClientError> {
        if !error.retriable() && !matches!(error, ClientError::Unreachable { .. }) {
            return Err(error);
        }
        let since = *self.failing_since.get_or_insert_with(|| self.env.now());
        if self.env.now() - since >= self.options.delivery_timeout {
            return Err(error);
        }
        tracing::debug!(%error, "sending again");
        self.retry_at.get_or_insert_with(|| self.env.now() + BACKOFF);
        Ok(())
    }

    async fn find_leaders(&mut self) -> Result<(), ClientError> {
        self.retry_at = None;
        let topic = match self.client.topic(&self.topic).await {
            Ok(topic) => topic,
            Err(error) => return self.retry_later(error),
        };
        for partition in topic.partitions {
            if let Some(leader) = self.leaders.get_mut(partition.index as usize) {
                *leader = partition.leader;
            }
        }
        Ok(())
    }
}
