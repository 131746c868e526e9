//! `thalweg bench`: throughput and latency of any broker that speaks Kafka's protocol.

mod consume;
mod latency;
mod payload;
mod produce;
mod report;

use std::sync::Arc;

use clap::{Args, Subcommand};
use thalweg_env::Env;
use thalweg_kafka_wire::ErrorCode;

use crate::cli::Bootstrap;
use crate::client::admin::NewTopic;
use crate::client::{Client, ClientError};
use crate::error::Failure;

/// What to measure.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// How fast records are taken in, and how long their batches take to be acknowledged
    Produce(produce::ProduceBenchArgs),
    /// How fast records are read
    Consume(consume::ConsumeBenchArgs),
    /// How long single records take at a steady rate: to their acknowledgement, and to a consumer
    Latency(latency::LatencyBenchArgs),
}

/// What all benchmarks share.
#[derive(Clone, Debug, Args)]
struct BenchArgs {
    /// Topic to use; created if it does not exist
    #[arg(long, default_value = "thalweg-bench")]
    topic: String,
    /// Partitions of the topic, if it is created
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(i32).range(1..))]
    partitions: i32,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

impl BenchArgs {
    /// A client of its own: each has its own connections.
    fn client(&self, env: &Env) -> Arc<Client> {
        Arc::new(self.bootstrap.client(env))
    }

    async fn ensure_topic(&self, client: &Client) -> Result<(), ClientError> {
        let topic = NewTopic {
            name: self.topic.clone(),
            partitions: Some(self.partitions),
            replication_factor: None,
            configs: Vec::new(),
        };
        match client.create_topic(&topic).await {
            Err(error) if error.code() == Some(ErrorCode::TopicAlreadyExists) => Ok(()),
            created => created,
        }
    }
}

/// Runs the command.
pub async fn run(env: &Env, command: BenchCommand) -> Result<(), Failure> {
    match command {
        BenchCommand::Produce(args) => Box::pin(produce::run(env, &args)).await,
        BenchCommand::Consume(args) => Box::pin(consume::run(env, &args)).await,
        BenchCommand::Latency(args) => Box::pin(latency::run(env, &args)).await,
    }
}
