//! `DescribeLogDirs`: what partitions take on disk.
//!
//! | version | |
//! |---|---|
//! | 1 | the oldest of Kafka 4 (KIP-896) |
//! | 2 | flexible |
//! | 3 | a top-level error |
//! | 4 | size of the volume and what is free (KIP-827); the size is not known here |
//! | 5 | whether the directory takes no new partitions (KIP-1066) |
//!
//! - The bytes are those of the batches, wherever in the log they lie. Space that is allocated in
//!   advance, and batches not yet removed, belong to no partition.

use std::collections::{BTreeMap, BTreeSet};

use thalweg_broker::PartitionSize;
use thalweg_kafka_wire::messages::describe_log_dirs_request::DescribableLogDirTopic;
use thalweg_kafka_wire::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use thalweg_kafka_wire::messages::{DescribeLogDirsRequest, DescribeLogDirsResponse};

use crate::call::Call;
use crate::error_code::AsErrorCode;

/// A number of bytes that is not known.
const UNKNOWN: i64 = -1;

pub(super) async fn handle(call: Call, request: DescribeLogDirsRequest) -> DescribeLogDirsResponse {
    let asked = request.topics.map(Asked::new);
    let dir = match call.broker().describe_log_dir(&call.session).await {
        Ok(dir) => dir,
        Err(error) => {
            let error_code = error.error_code().code();
            return DescribeLogDirsResponse { error_code, ..Default::default() };
        }
    };
    let mut topics: Vec<DescribeLogDirsTopic> = Vec::new();
    for size in dir.partitions {
        let name = size.topic.name().as_str();
        if asked.as_ref().is_some_and(|asked| !asked.has(name, size.partition)) {
            continue;
        }
        if topics.last().is_none_or(|last| last.name != name) {
            topics.push(DescribeLogDirsTopic { name: name.to_owned(), partitions: Vec::new() });
        }
        if let Some(last) = topics.last_mut() {
            last.partitions.push(partition(&size));
        }
    }
    let usable = dir.free_bytes.and_then(|bytes| i64::try_from(bytes).ok());
    let result = DescribeLogDirsResult {
        log_dir: dir.path.display().to_string(),
        topics,
        total_bytes: UNKNOWN,
        usable_bytes: usable.unwrap_or(UNKNOWN),
        ..Default::default()
    };
    DescribeLogDirsResponse { results: vec![result], ..Default::default() }
}

/// The partitions that a request names.
struct Asked(BTreeMap<String, BTreeSet<i32>>);

impl Asked {
    fn new(topics: Vec<DescribableLogDirTopic>) -> Self {
        let mut all: BTreeMap<String, BTreeSet<i32>> = BTreeMap::new();
        for topic in topics {
            all.entry(topic.topic).or_default().extend(topic.partitions);
        }
        Self(all)
    }

    fn has(&self, topic: &str, partition: i32) -> bool {
        self.0.get(topic).is_some_and(|partitions| partitions.contains(&partition))
    }
}

fn partition(size: &PartitionSize) -> DescribeLogDirsPartition {
    DescribeLogDirsPartition {
        partition_index: size.partition,
        partition_size: i64::try_from(size.bytes).unwrap_or(i64::MAX),
        offset_lag: 0,
        is_future_key: false,
    }
}
