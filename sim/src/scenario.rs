//! What a seed decides before the run begins.

use std::time::Duration;

use thalweg_broker::BrokerOptions;
use thalweg_records::Compression;

use crate::connection::REQUEST_TIMEOUT;

/// The data directory on the simulated disk.
pub(crate) const DATA_DIR: &str = "/data";

/// Everything that one seed sets up.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub broker: BrokerOptions,
    pub topics: Vec<TopicPlan>,
    pub producers: Vec<ProducerPlan>,
    /// The topic that each reader follows.
    pub readers: Vec<usize>,
    pub groups: Vec<GroupPlan>,
    pub transactors: Vec<TransactorPlan>,
    pub faults: Faults,
    /// New files find what removed ones have left on the device.
    pub recycling: bool,
    /// How long the broker is tormented.
    pub torment: Duration,
}

/// What is special about a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It keeps everything, flushed.
    Plain,
    /// It keeps everything, as long as the power stays on.
    Os,
    /// It keeps the last record of each key.
    Compacted,
    /// Its records go by age.
    Expiring,
    /// Its records go by size.
    Bounded,
    /// Administrators delete records.
    Trimmed,
    /// It keeps everything: what a chain of transactions has made of another topic.
    Copied,
}

impl Kind {
    /// The age below which retention takes no record; `None` if it takes none at all.
    pub fn shortest_age(self) -> Option<Duration> {
        match self {
            Self::Expiring => Some(RETENTION),
            Self::Bounded => Some(Duration::ZERO),
            Self::Plain | Self::Os | Self::Compacted | Self::Trimmed | Self::Copied => None,
        }
    }

    /// True if nothing goes on its own, without an order.
    pub fn stands_still(self) -> bool {
        matches!(self, Self::Plain | Self::Os | Self::Trimmed | Self::Copied)
    }
}

/// A topic that lives as long as the run.
#[derive(Clone, Debug)]
pub(crate) struct TopicPlan {
    pub name: String,
    pub partitions: i32,
    pub kind: Kind,
    pub configs: Vec<(&'static str, String)>,
}

/// A client that produces.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProducerPlan {
    pub topic: usize,
    pub idempotent: bool,
    pub codec: Compression,
    pub batch_records_max: usize,
    pub window: usize,
    pub pause_max: Duration,
    /// How long the client waits for one answer.
    pub patience: Duration,
}

/// Clients that produce in transactions, all under one transactional id, so that each fences the others.
#[derive(Clone, Debug)]
pub(crate) struct TransactorPlan {
    pub transactional_id: String,
    pub clients: usize,
    /// The topic that they copy each record of once; without one they make records of their own.
    pub input: Option<usize>,
    pub output: usize,
    /// True if they know KIP-890: brokers add partitions, and every transaction has an epoch of its own.
    pub is_new: bool,
    /// How long a transaction may stay open.
    pub timeout: Duration,
    /// How long they wait for an answer.
    pub patience: Duration,
}

/// A group and its members.
#[derive(Clone, Debug)]
pub(crate) struct GroupPlan {
    pub name: String,
    pub topic: usize,
    pub members: usize,
    /// Whether members come back under the same instance id.
    pub is_static: bool,
}

/// Which faults a run has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Faults {
    pub power_cuts: bool,
    pub disk_errors: bool,
    pub wall_jumps: bool,
}

/// Retention of topics whose records go by age.
pub(crate) const RETENTION: Duration = Duration::from_secs(5);

/// Bytes kept of topics whose records go by size.
pub(crate) const RETENTION_BYTES: u64 = 64 << 10;

/// Longest payload of a record.
pub(crate) const BODY_MAX: usize = 1200;

impl Scenario {
    /// What `random` makes of it.
    pub fn new(random: &mut fastrand::Rng) -> Self {
        // A flush that fails, or a file that is given up, may cost a topic with os durability
        // records in the middle of its log: no client could tell which. Such topics get crashes only.
        let has_os = random.u8(..4) == 0;
        let has_chain = random.bool();
        let topics = topics(random, has_os, has_chain);
        let transactors = transactors(random, &topics);
        let producers = producers(random, &topics);
        let readers = (0..random.usize(1..=2)).map(|_| random.usize(..topics.len())).collect();
        let groups = groups(random, &topics);
        Self {
            broker: broker(random),
            topics,
            producers,
            readers,
            groups,
            transactors,
            faults: Faults {
                power_cuts: random.u8(..5) > 0,
                disk_errors: !has_os && random.bool(),
                wall_jumps: random.bool(),
            },
            recycling: random.bool(),
            torment: Duration::from_secs(random.u64(60..65)),
        }
    }
}

fn broker(random: &mut fastrand::Rng) -> BrokerOptions {
    BrokerOptions::new(DATA_DIR)
        .set("offsets.topic.num.partitions", &random.u8(1..=3).to_string())
        .set("transaction.state.log.num.partitions", &random.u8(1..=2).to_string())
        .set("group.initial.rebalance.delay.ms", &random.u32(..1000).to_string())
        .set("group.min.session.timeout.ms", "1000")
        .set("log.retention.check.interval.ms", &random.u32(500..3000).to_string())
        .set("offsets.retention.check.interval.ms", &random.u32(1000..20_000).to_string())
        .set("cache.max.bytes", "1048576")
        // Clients whose clock is right must be heard by a broker whose clock is not.
        .set("log.message.timestamp.after.max.ms", &i64::MAX.to_string())
        // Without a reserve, a full disk is met by every call, and not by the one who looks first.
        .set("disk.free.min.bytes", ["0", "1048576", "1048576"][random.usize(..3)])
        .set("wal.file.bytes", &(random.u64(4..=32) * (16 << 10)).to_string())
}

fn topics(random: &mut fastrand::Rng, has_os: bool, has_chain: bool) -> Vec<TopicPlan> {
    let mut kinds = vec![Kind::Plain, Kind::Compacted];
    for kind in [Kind::Expiring, Kind::Bounded, Kind::Trimmed] {
        if random.bool() {
            kinds.push(kind);
        }
    }
    if has_os {
        kinds.push(Kind::Os);
    }
    if has_chain {
        kinds.push(Kind::Copied);
    }
    kinds.into_iter().map(|kind| topic(random, kind)).collect()
}

fn topic(random: &mut fastrand::Rng, kind: Kind) -> TopicPlan {
    let mut configs = Vec::new();
    match kind {
        Kind::Plain | Kind::Trimmed | Kind::Copied => configs.push(("retention.ms", "-1".into())),
        Kind::Os => {
            configs.push(("retention.ms", "-1".into()));
            configs.push(("durability", "os".into()));
        }
        Kind::Compacted => configs.extend([
            ("cleanup.policy", "compact".to_owned()),
            ("segment.ms", random.u32(1000..10_000).to_string()),
            ("min.cleanable.dirty.ratio", "0.1".to_owned()),
            ("delete.retention.ms", random.u32(..20_000).to_string()),
        ]),
        Kind::Expiring => configs.extend([
            ("retention.ms", RETENTION.as_millis().to_string()),
            ("segment.ms", random.u32(500..5000).to_string()),
        ]),
        Kind::Bounded => configs.extend([
            ("retention.ms", "-1".to_owned()),
            ("retention.bytes", RETENTION_BYTES.to_string()),
            ("segment.ms", random.u32(500..5000).to_string()),
        ]),
    }
    if random.u8(..10) == 0 {
        let codecs = ["uncompressed", "gzip", "snappy", "lz4", "zstd"];
        configs.push(("compression.type", codecs[random.usize(..codecs.len())].to_owned()));
    }
    TopicPlan {
        name: format!("{kind:?}").to_lowercase(),
        partitions: random.i32(1..=3),
        kind,
        configs,
    }
}

fn producers(random: &mut fastrand::Rng, topics: &[TopicPlan]) -> Vec<ProducerPlan> {
    // Brokers pass batches on as they come: few need to be compressed to show that.
    let codecs = [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];
    let more = random.usize(1..=2);
    let is_written = |topic: &usize| topics[*topic].kind != Kind::Copied;
    let targets = (0..topics.len()).filter(is_written).chain((0..more).map(|_| 0));
    targets
        .map(|topic| ProducerPlan {
            topic,
            idempotent: random.u8(..3) > 0,
            codec: codecs.get(random.usize(..20)).copied().unwrap_or_default(),
            batch_records_max: random.usize(1..=8),
            window: random.usize(1..=5),
            pause_max: Duration::from_millis(random.u64(50..800)),
            patience: REQUEST_TIMEOUT,
        })
        .collect()
}

fn transactors(random: &mut fastrand::Rng, topics: &[TopicPlan]) -> Vec<TransactorPlan> {
    let find = |kind| topics.iter().position(|topic| topic.kind == kind);
    let mut plans = Vec::new();
    for (kind, clients_max) in [(Kind::Plain, 2), (Kind::Compacted, 1), (Kind::Copied, 2)] {
        let Some(output) = find(kind) else { continue };
        if kind != Kind::Copied && random.bool() {
            continue;
        }
        plans.push(TransactorPlan {
            transactional_id: format!("transactor-{output}"),
            clients: random.usize(1..=clients_max),
            input: if kind == Kind::Copied { find(Kind::Plain) } else { None },
            output,
            is_new: random.bool(),
            timeout: Duration::from_millis(random.u64(1000..10_000)),
            patience: Duration::from_millis(random.u64(100..2000)),
        });
    }
    plans
}

fn groups(random: &mut fastrand::Rng, topics: &[TopicPlan]) -> Vec<GroupPlan> {
    let plan = |number| GroupPlan {
        name: format!("group-{number}"),
        topic: random.usize(..topics.len()),
        members: random.usize(1..=3),
        is_static: random.u8(..4) == 0,
    };
    (0..2).map(plan).collect()
}
