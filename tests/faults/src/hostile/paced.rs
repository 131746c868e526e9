//! An honest client at a steady pace beside the hostile ones.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use thalweg_checker::{Event, Value};
use thalweg_kafka_wire::messages::ProduceRequest;
use thalweg_kafka_wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use thalweg_records::BatchBuilder;
use thalweg_types::Timestamp;
use tokio::task::JoinHandle;

use crate::connection::Connection;
use crate::failure::Failure;
use crate::history::History;
use crate::payload;

/// The topic it writes to.
pub const TOPIC: &str = "paced";
const PRODUCER: u32 = 0;
const PAUSE: Duration = Duration::from_millis(5);

/// The client.
pub struct Paced {
    address: SocketAddr,
    history: Arc<History>,
    sent: u32,
}

impl Paced {
    /// A client of the broker at `address`.
    pub fn new(address: SocketAddr, history: Arc<History>) -> Self {
        Self { address, history, sent: 0 }
    }

    /// Sets it to work, on a thread of its own: that the hostile clients of this process are busy
    /// says nothing about the broker.
    pub fn start(mut self) -> Working {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let task = tokio::task::spawn_blocking(move || {
            Schedule::Normal.apply();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let times = match runtime.map_err(Failure::io("starting a runtime")) {
                Ok(runtime) => runtime.block_on(self.run(&stopped)),
                Err(failure) => Err(failure),
            };
            (self, times)
        });
        Working { stop, task }
    }

    /// Sends records until `stop`; returns how long each took, sorted.
    async fn run(&mut self, stop: &AtomicBool) -> Result<Vec<Duration>, Failure> {
        let mut connection = Connection::open(self.address).await?;
        let mut times = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let value = Value { producer: PRODUCER, number: self.sent };
            self.sent += 1;
            self.history.observe(&Event::Send {
                value,
                idempotent: false,
                key: None,
                tombstone: false,
                topic: TOPIC.into(),
                partition: 0,
            })?;
            let request = request(value)?;
            let began = Instant::now();
            let response = connection.call(&request).await?;
            times.push(began.elapsed());
            let mut answers =
                response.responses.iter().flat_map(|topic| &topic.partition_responses);
            let answer = answers.next().ok_or_else(|| Failure::Other("an empty answer".into()))?;
            Failure::check("Produce of the paced client", answer.error_code)?;
            self.history.observe(&Event::Acked { value, offset: Some(answer.base_offset) })?;
            tokio::time::sleep(PAUSE).await;
        }
        times.sort_unstable();
        Ok(times)
    }
}

/// The client at work.
pub struct Working {
    stop: Arc<AtomicBool>,
    task: JoinHandle<(Paced, Result<Vec<Duration>, Failure>)>,
}

impl Working {
    /// Stops it; returns it with the times of its requests.
    pub async fn stop(self) -> Result<(Paced, Vec<Duration>), Failure> {
        self.stop.store(true, Ordering::Relaxed);
        let joined = self.task.await;
        let (paced, times) = joined.map_err(|error| Failure::Other(error.to_string()))?;
        Ok((paced, times?))
    }
}

/// How a thread is scheduled. Hostile clients live elsewhere: the processors that they take here are no
/// measure of what the broker spends on them.
#[derive(Clone, Copy, Debug)]
pub enum Schedule {
    /// Like the broker.
    Normal,
    /// When nobody else wants to run. Being merely nice, a thread would keep its slice to the end.
    Idle,
}

impl Schedule {
    /// Schedules this thread so. Without the right to do so all are as before.
    pub fn apply(self) {
        let policy = match self {
            Self::Normal => "--other",
            Self::Idle => "--idle",
        };
        let thread = rustix::thread::gettid().as_raw_nonzero().to_string();
        let _ = Command::new("chrt").args([policy, "--pid", "0", &thread]).status();
    }
}

fn request(value: Value) -> Result<ProduceRequest, Failure> {
    let mut builder = BatchBuilder::new();
    payload::push(&mut builder, Timestamp(0), value, None);
    let records = Some(builder.build()?.as_bytes().into());
    let data = TopicProduceData {
        name: TOPIC.to_owned(),
        partition_data: vec![PartitionProduceData { index: 0, records }],
        ..Default::default()
    };
    Ok(ProduceRequest {
        acks: -1,
        timeout_ms: 30_000,
        topic_data: vec![data],
        ..Default::default()
    })
}

/// The time that this share of requests took at most; of sorted times.
pub fn quantile(times: &[Duration], percent: usize) -> Duration {
    times.get(times.len() * percent / 100).or(times.last()).copied().unwrap_or_default()
}
