//! `thalweg bench latency`: single records at a steady rate.
//!
//! Records are due at fixed times and carry theirs. A record that is late because the one before
//! it was slow counts as late: nothing is left out because the broker was busy.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use thalweg_env::{Env, Instant};

use super::BenchArgs;
use super::payload::Payload;
use super::report::{Latencies, Report};
use crate::client::{
    At, ClientError, Delivery, FetchOptions, Fetcher, Producer, ProducerOptions, ProducerRecord,
};
use crate::error::Failure;
use crate::progress::Progress;

/// How long to wait for records that were sent last.
const TAIL: Duration = Duration::from_secs(30);
/// The time at which a record was due, in nanoseconds since the start, is its first bytes.
const STAMP: usize = 8;

/// What to send.
#[derive(Debug, Args)]
pub struct LatencyBenchArgs {
    /// Records a second
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    rate: u64,
    /// How long, in seconds
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Bytes of a value
    #[arg(long, short = 's', default_value_t = 1024,
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(STAMP as u64..=16 << 20))]
    size: usize,
    #[command(flatten)]
    common: BenchArgs,
}

/// Runs the benchmark.
pub async fn run(env: &Env, args: &LatencyBenchArgs) -> Result<(), Failure> {
    let client = args.common.client(env);
    args.common.ensure_topic(&client).await?;
    let topic = client.topic_or_create(&args.common.topic).await?;
    let partitions: Vec<i32> = topic.partitions.iter().map(|partition| partition.index).collect();
    let ends = client.offsets(&topic, &partitions, At::End).await?;
    let mut fetcher = Fetcher::new(&client, &topic.name, FetchOptions::default());
    fetcher.assign(ends);
    let (acknowledged, consumed) = (Latencies::new()?, Latencies::new()?);
    let options = ProducerOptions {
        linger: Duration::ZERO,
        on_delivery: {
            let acknowledged = acknowledged.clone();
            Arc::new(move |delivery: &Delivery| {
                acknowledged
                    .record(delivery.acknowledged - delivery.opened, delivery.records.into());
            })
        },
        ..Default::default()
    };
    // A client of its own: a long poll would hold up what shares its connection.
    let producer = Producer::start(&args.common.client(env), &topic.name, options).await?;
    let total = args.rate * args.seconds;
    let started = env.now();
    let sender = env.spawn("bench", {
        let (env, rate, size) = (env.clone(), args.rate, args.size);
        async move { produce(&env, producer, Pace { rate, total, size, started }).await }
    });
    consume(env, &mut fetcher, total, started, &consumed).await?;
    let elapsed = env.now() - started;
    sender.join().await.unwrap_or(Err(ClientError::Interrupted))?;
    let report = Report::new(total, total * args.size as u64, elapsed)
        .latency("acknowledged", &acknowledged)
        .latency("consumed", &consumed);
    Ok(report.print(args.common.json)?)
}

/// When which records are due.
struct Pace {
    /// Records a second.
    rate: u64,
    total: u64,
    size: usize,
    started: Instant,
}

async fn produce(env: &Env, mut producer: Producer, pace: Pace) -> Result<(), ClientError> {
    let mut payload = Payload::new(env, pace.size);
    let mut value = vec![0; pace.size];
    for number in 0..pace.total {
        let after = Duration::from_nanos(number * 1_000_000_000 / pace.rate);
        env.sleep_until(pace.started + after).await;
        value.copy_from_slice(payload.next());
        value[..STAMP].copy_from_slice(&(after.as_nanos() as u64).to_be_bytes());
        producer.send(&ProducerRecord { value: Some(&value), ..Default::default() }).await?;
    }
    producer.close().await
}

async fn consume(
    env: &Env,
    fetcher: &mut Fetcher,
    total: u64,
    started: Instant,
    latencies: &Latencies,
) -> Result<(), Failure> {
    let mut progress = Progress::records(env, Some(total));
    let mut seen = 0;
    while seen < total {
        let Ok(answer) = env.timeout(TAIL, fetcher.poll()).await else {
            return Err(Failure::Failed(format!("{} records did not arrive", total - seen)));
        };
        let now = env.now();
        for part in answer? {
            for record in part.records() {
                let value = record?.value.unwrap_or_default();
                let Some(stamp) = value.first_chunk::<STAMP>() else { continue };
                let due = started + Duration::from_nanos(u64::from_be_bytes(*stamp));
                latencies.record(now.saturating_duration_since(due), 1);
                seen += 1;
            }
        }
        progress.set(seen);
        if let Some(percentiles) = latencies.percentiles() {
            progress.note(percentiles.to_string());
        }
    }
    progress.finish();
    Ok(())
}
