//! `thalweg bench produce`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::Args;
use thalweg_env::{Env, Instant};

use super::BenchArgs;
use super::payload::Payload;
use super::report::{Latencies, Report};
use crate::client::{ClientError, Delivery, Producer, ProducerOptions, ProducerRecord};
use crate::commands::produce::SendingArgs;
use crate::error::Failure;
use crate::progress::Progress;

const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);
/// Records between two looks at the clock, when a rate is to be kept.
const PACE_EVERY: u64 = 64;

/// What to send.
#[derive(Debug, Args)]
pub struct ProduceBenchArgs {
    /// Records to send
    #[arg(long, short = 'n', default_value_t = 1_000_000)]
    records: u64,
    /// Bytes of a value
    #[arg(long, short = 's', default_value_t = 1024,
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=16 << 20))]
    size: usize,
    /// Producers at the same time, each with its own connection
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1024))]
    clients: u64,
    /// Records a second, all producers together; as fast as possible if not given
    #[arg(long)]
    rate: Option<u64>,
    #[command(flatten)]
    sending: SendingArgs,
    #[command(flatten)]
    common: BenchArgs,
}

/// What one producer does.
struct Share {
    records: u64,
    size: usize,
    /// Records a second.
    rate: Option<f64>,
    started: Instant,
}

/// Runs the benchmark.
pub async fn run(env: &Env, args: &ProduceBenchArgs) -> Result<(), Failure> {
    args.common.ensure_topic(&args.common.client(env)).await?;
    let (latencies, sent) = (Latencies::new()?, Arc::new(AtomicU64::new(0)));
    let mut options = args.sending.options();
    options.on_delivery = {
        let (latencies, sent) = (latencies.clone(), Arc::clone(&sent));
        Arc::new(move |delivery: &Delivery| {
            latencies.record(delivery.acknowledged - delivery.opened, delivery.records.into());
            sent.fetch_add(delivery.records.into(), Ordering::Relaxed);
        })
    };
    let mut producers = Vec::new();
    for _ in 0..args.clients {
        let client = args.common.client(env);
        producers.push(Producer::start(&client, &args.common.topic, options.clone()).await?);
    }
    let started = env.now();
    let tasks: Vec<_> = (0..)
        .zip(producers)
        .map(|(index, producer)| {
            let share = Share {
                records: args.records / args.clients
                    + u64::from(index < args.records % args.clients),
                size: args.size,
                rate: args.rate.map(|rate| rate as f64 / args.clients as f64),
                started,
            };
            let (env, options) = (env.clone(), options.clone());
            let task_env = env.clone();
            env.spawn("bench", async move { produce(&task_env, producer, &share, &options).await })
        })
        .collect();
    let watcher = env.spawn("progress", watch(env.clone(), args.records, sent, latencies.clone()));
    for task in tasks {
        task.join().await.unwrap_or(Err(ClientError::Interrupted))?;
    }
    let elapsed = env.now() - started;
    watcher.abort();
    let bytes = args.records * args.size as u64;
    let report = Report::new(args.records, bytes, elapsed).latency("acknowledged", &latencies);
    Ok(report.print(args.common.json)?)
}

async fn produce(
    env: &Env,
    mut producer: Producer,
    share: &Share,
    options: &ProducerOptions,
) -> Result<(), ClientError> {
    let mut payload = Payload::new(env, share.size);
    for sent in 0..share.records {
        if let Some(rate) = share.rate
            && sent % PACE_EVERY.min(1 + rate as u64 / 1000) == 0
        {
            let due = share.started + Duration::from_secs_f64(sent as f64 / rate);
            if due > env.now() + options.linger {
                producer.seal_all().await?;
            }
            env.sleep_until(due).await;
        }
        let value = Some(payload.next());
        producer.send(&ProducerRecord { value, ..Default::default() }).await?;
    }
    producer.close().await
}

async fn watch(env: Env, goal: u64, sent: Arc<AtomicU64>, latencies: Latencies) {
    let mut progress = Progress::records(&env, Some(goal));
    while sent.load(Ordering::Relaxed) < goal {
        env.sleep(PROGRESS_INTERVAL).await;
        progress.set(sent.load(Ordering::Relaxed));
        if let Some(percentiles) = latencies.percentiles() {
            progress.note(percentiles.to_string());
        }
    }
    progress.finish();
}
