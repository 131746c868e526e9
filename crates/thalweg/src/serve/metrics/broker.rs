//! Topics, groups, and what the broker does with requests.

use std::collections::BTreeMap;

use thalweg_broker::{Broker, GroupLag, Topic};

use super::exposition::{Family, Kind, Sample, Value};
use super::{counter, gauge, get};

/// Most topics with samples of their own; the first by name.
const TOPICS_MAX: usize = 1_000;
/// Most partitions of groups with samples of their own.
const LAGS_MAX: usize = 10_000;

pub(super) async fn families(broker: &Broker) -> Vec<Family> {
    let dir = broker.log_dir().await;
    let mut sizes: BTreeMap<String, u64> = BTreeMap::new();
    for partition in &dir.partitions {
        *sizes.entry(partition.topic.name().to_string()).or_default() += partition.bytes;
    }
    let writable = if broker.trouble().is_none() { 1.0 } else { 0.0 };
    let mut families = vec![
        gauge("writable", "1 if writes are accepted, 0 if not; the log says why", writable),
        gauge("partitions", "Partitions of all topics", broker.table().partition_count() as f64),
    ];
    families.extend(dir.free_bytes.map(|free| {
        gauge("disk_free_bytes", "Space left on the data directory's device", free as f64)
    }));
    families.push(gauge(
        "transaction_open_seconds_max",
        "Age of the oldest open transaction: for so long readers of committed records are held back",
        broker.oldest_open_transaction().unwrap_or_default().as_secs_f64(),
    ));
    families.extend(topics(broker));
    families.push(Family {
        name: "topic_size_bytes",
        help: "Bytes of batches that a topic keeps",
        kind: Kind::Gauge,
        samples: sizes
            .into_iter()
            .take(TOPICS_MAX)
            .map(|(topic, bytes)| sample("topic", topic, Value::Level(bytes as f64)))
            .collect(),
    });
    families.push(lags(broker.group_lags(LAGS_MAX).await));
    families.extend(counters(broker));
    families
}

fn topics(broker: &Broker) -> [Family; 3] {
    let table = broker.table();
    let per_topic = |name, help, count: fn(&Topic) -> u64| Family {
        name,
        help,
        kind: Kind::Counter,
        samples: table
            .topics()
            .take(TOPICS_MAX)
            .map(|topic| sample("topic", topic.name().to_string(), Value::Count(count(topic))))
            .collect(),
    };
    [
        per_topic("topic_received_bytes", "Bytes of batches accepted", |topic| {
            get(&topic.traffic().bytes_in)
        }),
        per_topic("topic_received_records", "Records accepted", |topic| {
            get(&topic.traffic().records_in)
        }),
        per_topic("topic_sent_bytes", "Bytes of batches handed to consumers", |topic| {
            get(&topic.traffic().bytes_out)
        }),
    ]
}

fn sample(label: &'static str, name: String, value: Value) -> Sample {
    Sample { labels: vec![(label, name)], value }
}

fn lags(lags: Vec<GroupLag>) -> Family {
    let samples = lags.into_iter().map(|lag| Sample {
        value: Value::Level(lag.records() as f64),
        labels: vec![
            ("group", lag.group_id.to_string()),
            ("topic", lag.topic.to_string()),
            ("partition", lag.partition.to_string()),
        ],
    });
    Family {
        name: "group_lag",
        help: "Offsets between what a group has committed and the end of a partition",
        kind: Kind::Gauge,
        samples: samples.collect(),
    }
}

fn counters(broker: &Broker) -> Vec<Family> {
    let metrics = broker.metrics();
    vec![
        counter("appends_refused", "Batches refused", &metrics.appends_refused),
        counter(
            "appends_duplicate",
            "Batches that were there already: retries of idempotent producers",
            &metrics.appends_duplicate,
        ),
        counter(
            "appends_rewritten",
            "Batches that had to be compressed or numbered anew",
            &metrics.appends_rewritten,
        ),
        counter("reads_cold", "Reads of a partition that went to a file", &metrics.reads_cold),
        counter(
            "reads_corrupt",
            "Reads of a partition that failed on damaged data",
            &metrics.reads_corrupt,
        ),
        counter(
            "reads_cut_short",
            "Reads of a partition cut short because the memory for fetches was used up",
            &metrics.reads_cut_short,
        ),
        counter("fetches_waited", "Fetches that waited for records", &metrics.fetches_waited),
        counter(
            "metadata_entries",
            "Entries appended to the metadata chain",
            &metrics.metadata_entries,
        ),
        counter(
            "coordinators_loaded",
            "Coordinators of groups and transactions loaded, at the start or after a failed write",
            &metrics.coordinators_loaded,
        ),
        counter("group_generations", "Generations that groups began", &metrics.group_generations),
        counter(
            "group_members_removed",
            "Members removed because they were silent",
            &metrics.group_members_removed,
        ),
        counter(
            "group_offsets_expired",
            "Committed offsets that expired",
            &metrics.group_offsets_expired,
        ),
        counter(
            "transactions_completed",
            "Transactions that ended in all their partitions",
            &metrics.transactions_completed,
        ),
        counter(
            "transaction_markers_failed",
            "Attempts to write markers that failed and are repeated",
            &metrics.transaction_markers_failed,
        ),
    ]
}
