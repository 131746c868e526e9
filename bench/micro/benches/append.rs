//! The log alone, on a real file system: what a batch costs from the partition's lock to the flush.

use std::path::PathBuf;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use thalweg_env::Env;
use thalweg_log::{Durability, Log, LogOptions, Partition, PartitionConfig};
use thalweg_micro::batch;
use thalweg_records::BatchMut;
use thalweg_types::{TopicId, TopicPartition};

/// Batches that are on their way at once: as many share a flush.
const IN_FLIGHT: usize = 64;
const SIZES: [usize; 2] = [1 << 10, 256_000];

struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn append(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let scratch =
        Scratch(std::env::temp_dir().join(format!("thalweg-append-{}", std::process::id())));
    std::fs::create_dir_all(&scratch.0).expect("a folder");
    let _guard = runtime.enter();
    let options = LogOptions::new(&scratch.0);
    let (log, _) = Log::open(&Env::real(), options, Default::default()).expect("opens");
    let mut group = criterion.benchmark_group("append");
    for (number, durability) in [Durability::Os, Durability::Flush].into_iter().enumerate() {
        let id = TopicPartition::new(TopicId::from_random([number as u8 + 1; 16]), 0);
        let partition = log.create(id, PartitionConfig { durability, ..Default::default() });
        for size in SIZES {
            let bytes = batch(1024, size);
            group.throughput(Throughput::Bytes((bytes.len() * IN_FLIGHT) as u64));
            group.bench_function(BenchmarkId::new(format!("{durability:?}"), size), |bencher| {
                bencher.iter(|| runtime.block_on(append_together(&partition, &bytes)));
            });
        }
    }
}

async fn append_together(partition: &Arc<Partition>, bytes: &[u8]) {
    let tickets: Vec<_> = (0..IN_FLIGHT)
        .map(|_| {
            let batch = BatchMut::from_client(bytes.into(), 2 << 20).expect("valid");
            partition.append(batch).expect("accepted").ticket
        })
        .collect();
    for ticket in tickets {
        ticket.wait().await.expect("durable");
    }
}

criterion_group!(log, append);
criterion_main!(log);
