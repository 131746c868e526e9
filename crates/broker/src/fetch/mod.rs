//! Reading partitions, and waiting for them to have something.

mod read;
mod wait;

use std::time::Duration;

use thalweg_log::{AbortedTransaction, Slice, Watermark};
use thalweg_types::{LeaderEpoch, Offset};

use crate::metrics::count;
use crate::{Broker, BrokerError, MemoryPermit, Session, TopicKey};

pub(crate) use read::{check_epoch, load};

/// Bytes that a fetch still gets when the memory for fetches is used up.
pub const SMALL_FETCH_BYTES: usize = 64 << 10;

/// Which records a consumer sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// Everything below the high watermark.
    #[default]
    ReadUncommitted,
    /// Everything below the last stable offset. Consumers leave out what is aborted.
    ReadCommitted,
}

impl Isolation {
    /// How far it lets a consumer read.
    pub(crate) const fn watermark(self) -> Watermark {
        match self {
            Self::ReadUncommitted => Watermark::High,
            Self::ReadCommitted => Watermark::LastStable,
        }
    }
}

/// Asks for records of several partitions, in the order of preference.
#[derive(Clone, Debug)]
pub struct FetchRequest<'a> {
    /// Which, and from where.
    pub partitions: Vec<FetchPartition<'a>>,
    /// Less than this is worth waiting for more.
    pub bytes_min: usize,
    /// Most bytes of records in all, the first batch excepted (KIP-74).
    pub bytes_max: usize,
    /// How long to wait for `bytes_min`.
    pub wait_max: Duration,
    /// Which records are visible.
    pub isolation: Isolation,
}

/// Asks for records of one partition.
#[derive(Clone, Copy, Debug)]
pub struct FetchPartition<'a> {
    /// The topic.
    pub topic: TopicKey<'a>,
    /// The partition.
    pub partition: i32,
    /// The first offset wanted. A batch that begins before it comes whole.
    pub offset: Offset,
    /// Most bytes of its records, the first batch of the response excepted.
    pub bytes_max: usize,
    /// The epoch that the client believes in, or none.
    pub current_leader_epoch: LeaderEpoch,
    /// The epoch of the last record that the client has, or none (KIP-595).
    pub last_fetched_epoch: LeaderEpoch,
}

/// What a fetch found, in the order of the request.
#[derive(Debug)]
pub struct FetchResponse {
    /// One for each partition asked for.
    pub partitions: Vec<Result<Fetched, BrokerError>>,
    /// The memory that the records are accounted in. Keep it until they are sent.
    pub memory: MemoryPermit,
}

/// What one partition gave.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Whole batches, perhaps none.
    pub records: Slice,
    /// One past the last durable offset.
    pub high_watermark: Offset,
    /// One past the last offset that no open transaction holds back.
    pub last_stable_offset: Offset,
    /// The first offset that is kept.
    pub log_start: Offset,
    /// For readers of committed records: the aborted transactions among the records.
    pub aborted: Vec<AbortedTransaction>,
    /// Set if the client's last record is not of this log: the epoch it should know, and where that
    /// ends. No records come then.
    pub diverging_epoch: Option<EpochEnd>,
}

/// Where the batches of a leader epoch end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEnd {
    /// The largest known epoch that is not above the one asked for; or none.
    pub leader_epoch: LeaderEpoch,
    /// One past its last offset; or none.
    pub end_offset: Offset,
}

impl EpochEnd {
    /// Nothing is known of the epoch.
    pub const UNKNOWN: Self = Self { leader_epoch: LeaderEpoch::NONE, end_offset: Offset::NONE };
}

impl FetchResponse {
    /// Bytes of all records.
    pub fn bytes(&self) -> usize {
        self.partitions.iter().flatten().map(|fetched| fetched.records.len).sum()
    }

    /// True if the response should not wait for more records.
    fn is_worth_sending(&self, bytes_min: usize) -> bool {
        let urgent = |partition: &Result<Fetched, BrokerError>| {
            partition.as_ref().map_or(true, |fetched| fetched.diverging_epoch.is_some())
        };
        self.bytes() >= bytes_min || self.partitions.iter().any(urgent)
    }
}

impl Broker {
    /// Reads the partitions; if there is too little, waits for more as long as the client allows.
    /// An error of one partition is an answer of its own and ends the waiting.
    pub async fn fetch(&self, session: &Session, request: &FetchRequest<'_>) -> FetchResponse {
        let deadline = self.shared.env.now() + request.wait_max;
        let mut has_waited = false;
        loop {
            let response = self.read(session, request).await;
            let ready = request.partitions.is_empty()
                || response.is_worth_sending(request.bytes_min.min(request.bytes_max))
                || self.shared.env.now() >= deadline
                || self.shared.env.shutdown().started();
            if ready {
                self.count_out(request, &response);
                return response;
            }
            if !has_waited {
                has_waited = true;
                count(&self.shared.metrics.fetches_waited);
            }
            self.wait_for_more(request, response, deadline).await;
        }
    }

    fn count_out(&self, request: &FetchRequest<'_>, response: &FetchResponse) {
        let table = self.table();
        for (asked, fetched) in request.partitions.iter().zip(&response.partitions) {
            if let (Ok(topic), Ok(fetched)) = (table.topic(asked.topic), fetched) {
                crate::metrics::add(&topic.traffic.bytes_out, fetched.records.len);
            }
        }
    }
}
