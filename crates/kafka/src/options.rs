//! What the door is started with.

use std::time::Duration;

use thalweg_broker::{Broker, config};

use crate::ConnectionLimits;

/// Limits of the door. The defaults are those of the settings of the same meaning, and fit a laptop.
#[derive(Clone, Debug)]
pub struct KafkaOptions {
    /// Largest request in bytes; who announces more is disconnected. `socket.request.max.bytes`,
    /// 100 MiB.
    pub request_bytes_max: usize,
    /// Memory for requests in flight. While it is used up, connections are not read.
    /// `queued.max.request.bytes`, 128 MiB.
    pub request_memory_bytes: usize,
    /// Requests of one connection that may have been handled, but not answered: produce requests
    /// that wait for the device, mostly. 64.
    pub pipeline_max: usize,
    /// Connections whose clients have sent more already, and that are served at the same time. Some for
    /// each processor keep it busy; the more there are, the longer the other clients wait. 4.
    pub turns_max: usize,
    /// Time after which a silent connection is closed. `connections.max.idle.ms`, 10 minutes.
    pub idle_max: Duration,
    /// How many connections there may be; `None` for what the broker's settings say at the time of
    /// each connection, since those may change while it runs.
    pub connection_limits: Option<ConnectionLimits>,
    /// Most bytes of records in one response to a fetch. `fetch.max.bytes`, 55 MiB.
    pub fetch_bytes_max: usize,
    /// Fetch sessions that are remembered. `max.incremental.fetch.session.cache.slots`, 1,000.
    pub fetch_sessions_max: usize,
    /// Partitions of all fetch sessions together; fetches beyond go without a session. 200,000.
    pub fetch_session_partitions_max: usize,
    /// Partitions in one response to `DescribeTopicPartitions`. `max.request.partition.size.limit`,
    /// 2,000.
    pub described_partitions_max: usize,
    /// Connections that may wait to be accepted. `socket.listen.backlog.size`, 50.
    pub backlog: u32,
    /// Receive buffer of a connection; `None` leaves it to the system, which adapts it.
    /// `socket.receive.buffer.bytes`, if that is set to anything but Kafka's default.
    pub receive_buffer_bytes: Option<u32>,
    /// Send buffer of a connection, likewise. `socket.send.buffer.bytes`.
    pub send_buffer_bytes: Option<u32>,
    /// How long [`Running::stop`](crate::Running::stop) waits for requests in flight. 10 s.
    pub stop_wait_max: Duration,
}

impl Default for KafkaOptions {
    fn default() -> Self {
        Self {
            request_bytes_max: 100 << 20,
            request_memory_bytes: 128 << 20,
            pipeline_max: 64,
            turns_max: 4,
            idle_max: Duration::from_mins(10),
            connection_limits: None,
            fetch_bytes_max: 55 << 20,
            fetch_sessions_max: 1000,
            fetch_session_partitions_max: 200_000,
            described_partitions_max: 2000,
            backlog: 50,
            receive_buffer_bytes: None,
            send_buffer_bytes: None,
            stop_wait_max: Duration::from_secs(10),
        }
    }
}

impl KafkaOptions {
    /// The options that the broker's settings give.
    pub fn of(broker: &Broker) -> Self {
        let number = |name: &str| broker.setting_int(name);
        let size = |name: &str| usize::try_from(number(name)).unwrap_or(usize::MAX);
        let buffer = |name: &str| {
            let default = config::find(config::Scope::Broker, name)?.default;
            let given = broker.setting(name).filter(|value| Some(value.as_str()) != default)?;
            given.parse().ok().filter(|bytes| *bytes > 0)
        };
        Self {
            request_bytes_max: size("socket.request.max.bytes"),
            request_memory_bytes: size("queued.max.request.bytes"),
            idle_max: u64::try_from(number("connections.max.idle.ms"))
                .map_or(Duration::MAX, Duration::from_millis),
            fetch_bytes_max: size("fetch.max.bytes"),
            fetch_sessions_max: size("max.incremental.fetch.session.cache.slots"),
            described_partitions_max: size("max.request.partition.size.limit"),
            backlog: u32::try_from(number("socket.listen.backlog.size")).unwrap_or(u32::MAX),
            receive_buffer_bytes: buffer("socket.receive.buffer.bytes"),
            send_buffer_bytes: buffer("socket.send.buffer.bytes"),
            ..Self::default()
        }
    }
}
