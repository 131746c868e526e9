//! `thalweg bench consume`.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use thalweg_env::Env;

use super::BenchArgs;
use super::report::{Latencies, Report};
use crate::client::{At, FetchOptions, Fetched, Fetcher};
use crate::error::Failure;
use crate::progress::Progress;

/// What to read.
#[derive(Debug, Args)]
pub struct ConsumeBenchArgs {
    /// Records to read; all that the topic has if not given
    #[arg(long, short = 'n')]
    records: Option<u64>,
    /// Decode every record, as an application would, instead of only checking the batches
    #[arg(long)]
    decode: bool,
    /// Most bytes of one answer
    #[arg(long, value_name = "BYTES", default_value_t = 16 << 20,
          value_parser = clap::value_parser!(i32).range(1..))]
    fetch_max_bytes: i32,
    /// Most bytes of one partition in an answer
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20,
          value_parser = clap::value_parser!(i32).range(1..))]
    partition_max_bytes: i32,
    #[command(flatten)]
    common: BenchArgs,
}

#[derive(Default)]
struct Tally {
    records: u64,
    bytes: u64,
}

/// Runs the benchmark.
pub async fn run(env: &Env, args: &ConsumeBenchArgs) -> Result<(), Failure> {
    let client = args.common.client(env);
    let topic = client.topic(&args.common.topic).await?;
    let partitions: Vec<i32> = topic.partitions.iter().map(|partition| partition.index).collect();
    let starts = client.offsets(&topic, &partitions, At::Start).await?;
    let ends = client.offsets(&topic, &partitions, At::End).await?;
    let there = ends.iter().map(|(p, end)| (end - starts.get(p).unwrap_or(&0)) as u64).sum();
    let goal = args.records.unwrap_or(there);
    let mut fetcher = Fetcher::new(
        &client,
        &topic.name,
        FetchOptions {
            max_bytes: args.fetch_max_bytes,
            partition_max_bytes: args.partition_max_bytes,
            ..Default::default()
        },
    );
    let open = |(partition, start): (&i32, &i64)| {
        (ends.get(partition) > Some(start)).then_some((*partition, *start))
    };
    fetcher.assign(starts.iter().filter_map(open).collect::<BTreeMap<_, _>>());
    let (latencies, mut tally) = (Latencies::new()?, Tally::default());
    let mut progress = Progress::records(env, Some(goal));
    let started = env.now();
    while tally.records < goal && !fetcher.is_idle() {
        let asked = env.now();
        let answer = fetcher.poll().await?;
        latencies.record(env.now() - asked, 1);
        for part in &answer {
            tally.add(part, args.decode)?;
            if ends.get(&part.partition).is_none_or(|end| part.next >= *end) {
                fetcher.drop_partition(part.partition);
            }
        }
        progress.set(tally.records);
    }
    let elapsed = (env.now() - started).max(Duration::from_micros(1));
    progress.finish();
    let report = Report::new(tally.records, tally.bytes, elapsed).latency("fetched", &latencies);
    Ok(report.print(args.common.json)?)
}

impl Tally {
    fn add(&mut self, fetched: &Fetched, decode: bool) -> Result<(), Failure> {
        if decode {
            for record in fetched.records() {
                let record = record?;
                let len = |field: &Option<Bytes>| field.as_ref().map_or(0, Bytes::len);
                self.records += 1;
                self.bytes += (len(&record.key) + len(&record.value)) as u64;
            }
            return Ok(());
        }
        for batch in &fetched.batches {
            self.records += batch.header().count as u64;
            self.bytes += batch.bytes().len() as u64;
        }
        Ok(())
    }
}
