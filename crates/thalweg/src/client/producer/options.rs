//! How a producer is to behave, and what it reports.

use std::sync::Arc;
use std::time::Duration;

use thalweg_env::Instant;
use thalweg_records::{Codec, Compression};

/// Who has to have a record before it counts as sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Acks {
    /// Nobody: no answer is waited for.
    #[value(name = "0")]
    None,
    /// The leader of its partition.
    #[value(name = "1")]
    Leader,
    /// All replicas that are in sync.
    All,
}

impl Acks {
    /// The number on the wire.
    pub const fn code(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Leader => 1,
            Self::All => -1,
        }
    }
}

/// Called for each batch that was acknowledged. It runs on the way of the records: keep it short.
pub type OnDelivery = Arc<dyn Fn(&Delivery) + Send + Sync>;

/// A batch that was acknowledged.
#[derive(Clone, Copy, Debug)]
pub struct Delivery {
    /// Its records.
    pub records: u32,
    /// When the first record was added.
    pub opened: Instant,
    /// When the acknowledgement arrived.
    pub acknowledged: Instant,
}

/// How a producer is to behave.
#[derive(Clone)]
pub struct ProducerOptions {
    /// Who has to have a record before it counts as sent.
    pub acks: Acks,
    /// Lets brokers drop what is sent twice, and refuse what comes out of order.
    pub idempotent: bool,
    /// Compression of batches.
    pub codec: Codec,
    /// A batch is sent when it has this many bytes, uncompressed.
    pub batch_bytes: usize,
    /// How long records may wait for others to share a batch with.
    pub linger: Duration,
    /// How long a batch is sent again before the producer gives up.
    pub delivery_timeout: Duration,
    /// Called for each acknowledged batch.
    pub on_delivery: OnDelivery,
}

impl Default for ProducerOptions {
    fn default() -> Self {
        Self {
            acks: Acks::All,
            idempotent: true,
            codec: Compression::None.into(),
            batch_bytes: 128 << 10,
            linger: Duration::from_millis(5),
            delivery_timeout: Duration::from_mins(2),
            on_delivery: Arc::new(|_| ()),
        }
    }
}
