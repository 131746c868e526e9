//! The broker as a whole: opened once, cloned for every connection, closed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use thalweg_cluster::config::TopicConfig;
use thalweg_cluster::{ClusterState, Resource};
use thalweg_env::{DiskLock, Env, Task};
use thalweg_log::{Log, LogMetrics, LogOptions, PartitionConfig, RecoveryReport};
use thalweg_types::{BrokerId, LeaderEpoch, TopicPartition};
use tokio::sync::Semaphore;

use crate::clock::Clock;
use crate::configs::check_statics;
use crate::coordinators::World;
use crate::groups::{self, GroupContext, GroupCoordinators};
use crate::metadata::{ClusterTable, Driver, Followed, MetadataHandle, TableBuilder, TableCell};
use crate::metrics::BrokerMetrics;
use crate::producer_ids::ProducerIds;
use crate::topic::partition_config;
use crate::topics::{OFFSETS_TOPIC, TRANSACTION_TOPIC};
use crate::transactions::{self, Markers, TransactionContext, TransactionCoordinators};
use crate::{BrokerError, BrokerOptions, MemoryBudget, TopicKey, data_dir};

/// Longest time between two looks at retention, compaction and space.
const BACKGROUND_INTERVAL_MAX: Duration = Duration::from_secs(5);

/// The protocol-neutral service over one data directory. Cheap to clone.
#[derive(Clone)]
pub struct Broker {
    pub(crate) shared: Arc<Shared>,
}

/// What all requests share. Each lock in it is held alone and briefly.
pub(crate) struct Shared {
    pub env: Env,
    pub options: BrokerOptions,
    pub node: BrokerId,
    pub incarnation: u64,
    pub log: Arc<Log>,
    pub builder: Arc<TableBuilder>,
    pub table: Arc<TableCell>,
    pub metadata: MetadataHandle,
    pub groups: Arc<GroupCoordinators>,
    pub transactions: TransactionCoordinators,
    pub markers: Arc<Markers>,
    pub producer_ids: Arc<ProducerIds>,
    pub fetch_memory: MemoryBudget,
    /// Permits for decompressing.
    pub decompressions: Semaphore,
    /// Memory for decompressing what turns out to be large. It is kept: an allocator would hold on to
    /// some for every thread that ever needed it.
    pub large_memory: Arc<tokio::sync::Mutex<Vec<u8>>>,
    pub metrics: Arc<BrokerMetrics>,
    tasks: Mutex<Vec<Task<()>>>,
    lock: Mutex<Option<DiskLock>>,
}

/// What opening found.
#[derive(Clone, Debug)]
pub struct StartReport {
    /// How often this broker has started in this cluster, this time included.
    pub incarnation: u64,
    /// Topics that exist.
    pub topics: usize,
    /// Their partitions.
    pub partitions: i64,
    /// What the log had to do.
    pub recovery: RecoveryReport,
}

impl Broker {
    /// Opens the data directory of `options`, recovers what the last process left, and starts to
    /// serve. Coordinators of groups load in the background; their requests wait meanwhile.
    pub async fn open(
        env: &Env,
        mut options: BrokerOptions,
    ) -> Result<(Self, StartReport), BrokerError> {
        check_statics(&options.settings)?;
        options.data_dir = std::path::absolute(&options.data_dir)
            .map_err(BrokerError::data_dir("finding", &options.data_dir))?;
        let lock = lock_data_dir(env, &options.data_dir).await?;
        let mut followed = Followed::open(env, &options.data_dir).await?;
        let node = node_id(followed.state(), &options)?;
        let incarnation = followed.announce(env, node).await?;
        let (log, recovery) = open_log(env, &options, followed.state(), node, incarnation).await?;

        let builder = TableBuilder::new(log, node, options.settings.clone());
        let table = builder.build(followed.state().clone(), followed.len(), None);
        let report = StartReport {
            incarnation,
            topics: table.topics().len(),
            partitions: table.partition_count(),
            recovery,
        };
        let broker =
            Self::start(env, options, Opened { lock, followed, builder, table, incarnation });
        broker.start_coordinators();
        Ok((broker, report))
    }

    fn start(env: &Env, options: BrokerOptions, opened: Opened) -> Self {
        let Opened { lock, followed, builder, table, incarnation } = opened;
        let metrics = Arc::new(BrokerMetrics::default());
        let (node, log) = (builder.node, builder.log.clone());
        let own = Resource::Broker(node);
        let layers = table.state.layers(&own, node, &table.statics);
        let (of_groups, of_transactions) =
            (groups::settings(&layers), transactions::settings(&layers));
        let (builder, table) = (Arc::new(builder), Arc::new(TableCell::new(table)));
        let world = Arc::new(World {
            env: env.clone(),
            clock: Clock::start(env, log.clone()),
            metrics: metrics.clone(),
            queue_max: options.group_queue_max.max(1),
        });
        let context = GroupContext { settings: of_groups, table: table.clone() };
        let groups = Arc::new(GroupCoordinators::new(world.clone(), context));
        let driver = Driver {
            env: env.clone(),
            followed,
            builder: builder.clone(),
            table: table.clone(),
            groups: groups.clone(),
            metrics: metrics.clone(),
        };
        let (metadata, task) = driver.start();
        let producer_ids = Arc::new(ProducerIds::new(metadata.clone()));
        let markers = Arc::new(Markers { table: table.clone(), groups: groups.clone() });
        let context = TransactionContext::new(of_transactions, &producer_ids, &markers);
        let transactions = TransactionCoordinators::new(world, context);
        let shared = Shared {
            env: env.clone(),
            node,
            incarnation,
            log,
            builder,
            table,
            metadata,
            groups,
            transactions,
            markers,
            producer_ids,
            fetch_memory: MemoryBudget::new(options.fetch_memory_bytes),
            decompressions: Semaphore::new(options.decompressions_max.max(1)),
            large_memory: Arc::default(),
            metrics,
            tasks: Mutex::new(vec![task]),
            lock: Mutex::new(Some(lock)),
            options,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Groups that exist have members to miss and offsets to expire, and transactions have to be ended,
    /// whether anyone asks or not.
    fn start_coordinators(&self) {
        let table = self.table();
        if let Ok(topic) = table.topic(TopicKey::Name(OFFSETS_TOPIC)) {
            self.shared.groups.start(&topic.partitions);
        }
        if let Ok(topic) = table.topic(TopicKey::Name(TRANSACTION_TOPIC)) {
            self.shared.transactions.start(&topic.partitions);
        }
    }

    /// The cluster as it is now. Never waits.
    pub fn table(&self) -> Arc<ClusterTable> {
        self.shared.table.get()
    }

    /// This broker's number.
    pub fn node(&self) -> BrokerId {
        self.shared.node
    }

    /// How often this broker has started in this cluster; Kafka's broker epoch.
    pub fn incarnation(&self) -> u64 {
        self.shared.incarnation
    }

    /// The epoch under which this broker owns its partitions.
    pub fn leader_epoch(&self) -> LeaderEpoch {
        LeaderEpoch(self.shared.incarnation as i32)
    }

    /// Why writes are refused, in words; `None` if they are accepted.
    pub fn trouble(&self) -> Option<String> {
        self.shared.log.trouble()
    }

    /// What the broker counts.
    pub fn metrics(&self) -> &BrokerMetrics {
        &self.shared.metrics
    }

    /// What the log counts.
    pub fn log_metrics(&self) -> &LogMetrics {
        self.shared.log.metrics()
    }

    /// The environment that the broker runs in.
    pub fn env(&self) -> &Env {
        &self.shared.env
    }

    /// Finishes what is under way, makes everything accepted durable, and gives the data directory
    /// back. Raises the shutdown of the environment, if nobody has yet.
    pub async fn close(&self) {
        self.shared.env.shutdown().start();
        let tasks =
            std::mem::take(&mut *self.shared.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            task.join().await;
        }
        let coordinators = self.shared.groups.take_tasks().into_iter();
        for task in coordinators.chain(self.shared.transactions.take_tasks()) {
            task.join().await;
        }
        self.shared.log.close().await;
        self.shared.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// What [`Broker::open`] has put together.
struct Opened {
    lock: DiskLock,
    followed: Followed,
    builder: TableBuilder,
    table: ClusterTable,
    incarnation: u64,
}

async fn lock_data_dir(env: &Env, dir: &Path) -> Result<DiskLock, BrokerError> {
    let (disk, dir) = (env.disk(), dir.to_owned());
    env.blocking(move || data_dir::open(disk.as_ref(), &dir)).await
}

/// Who this is, which stays so as long as the directory lives: another number would begin to count
/// its incarnations, and with them the leader epochs, anew.
fn node_id(state: &ClusterState, options: &BrokerOptions) -> Result<BrokerId, BrokerError> {
    // Nobody is anybody yet: only file, environment and flags can say.
    let layers = state.layers(&Resource::AllBrokers, BrokerId(-1), &options.settings);
    let node = BrokerId(layers.broker_int("node.id") as i32);
    match state.brokers().find(|(known, _)| *known != node) {
        Some((owner, _)) => Err(BrokerError::OtherNode { owner, node }),
        None => Ok(node),
    }
}

async fn open_log(
    env: &Env,
    options: &BrokerOptions,
    state: &ClusterState,
    node: BrokerId,
    incarnation: u64,
) -> Result<(Arc<Log>, RecoveryReport), BrokerError> {
    let log_options = log_options(options, state, node, incarnation);
    let live = live_partitions(options, state, node);
    let opening = env.clone();
    let opened = env.blocking(move || Log::open(&opening, log_options, live)).await;
    let (log, recovery) = opened?;
    Ok((Arc::new(log), recovery))
}

fn live_partitions(
    options: &BrokerOptions,
    state: &ClusterState,
    node: BrokerId,
) -> BTreeMap<TopicPartition, PartitionConfig> {
    let mut live = BTreeMap::new();
    for topic in state.topics() {
        let resource = Resource::Topic(topic.name.clone());
        let layers = state.layers(&resource, node, &options.settings);
        let config = partition_config(&TopicConfig::resolve(&layers));
        let ids = (0..topic.partitions).map(|number| TopicPartition::new(topic.id, number));
        live.extend(ids.map(|id| (id, config.clone())));
    }
    live
}

fn log_options(
    options: &BrokerOptions,
    state: &ClusterState,
    node: BrokerId,
    incarnation: u64,
) -> LogOptions {
    let layers = state.layers(&Resource::Broker(node), node, &options.settings);
    let number = |name: &str| u64::try_from(layers.broker_int(name)).unwrap_or_default();
    let check_interval = Duration::from_millis(number("log.retention.check.interval.ms"));
    LogOptions {
        incarnation: incarnation as u32,
        wal_file_bytes: number("wal.file.bytes"),
        scattered_run_bytes: number("wal.scattered.run.bytes"),
        scattered_files: number("wal.scattered.files") as usize,
        cache_bytes: number("cache.max.bytes"),
        free_bytes_min: number("disk.free.min.bytes"),
        background_interval: check_interval.min(BACKGROUND_INTERVAL_MAX),
        producer_expiration: Duration::from_millis(number("producer.id.expiration.ms")),
        ..LogOptions::new(&options.data_dir)
    }
}
