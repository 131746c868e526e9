//! The command line.

use clap::{Args, Parser, Subcommand};
use thalweg_env::{Env, Instant};

use crate::address::Address;
use crate::client::Client;
use crate::commands::{bench, config, consume, group, produce, topic, transaction, verify};
use crate::error::Failure;
use crate::logging;
use crate::serve::{self, ServeArgs};
use crate::version;

/// One durable log that unchanged Kafka clients use.
///
/// Without a command it serves.
#[derive(Debug, Parser)]
#[command(name = "thalweg", version = version::WITH_COMMIT, max_term_width = 100)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(flatten)]
    serve: ServeArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a broker (the default)
    Serve(ServeArgs),
    /// Create, list, describe, alter and delete topics
    #[command(subcommand)]
    Topic(topic::TopicCommand),
    /// List, describe, reset and delete consumer groups
    #[command(subcommand)]
    Group(group::GroupCommand),
    /// List, describe and abort transactions
    #[command(subcommand)]
    Transaction(transaction::TransactionCommand),
    /// Read and change configurations of topics, brokers and groups
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Send lines or JSON from standard input
    Produce(produce::ProduceArgs),
    /// Print records to standard output
    Consume(consume::ConsumeArgs),
    /// Measure a broker, this one or any other that speaks Kafka's protocol
    #[command(subcommand)]
    Bench(bench::BenchCommand),
    /// Check every checksum, index and invariant of a data directory that no broker has open
    Verify(verify::VerifyArgs),
}

/// Where the broker is.
#[derive(Clone, Debug, Args)]
pub struct Bootstrap {
    /// Brokers to connect to first, parted by commas
    #[arg(long, value_name = "HOST:PORT", value_delimiter = ',', default_value = "127.0.0.1:9092")]
    bootstrap: Vec<Address>,
}

impl Bootstrap {
    /// A client of that cluster.
    pub fn client(&self, env: &Env) -> Client {
        Client::new(env.clone(), self.bootstrap.clone())
    }
}

/// `name=value`.
pub fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err("write name=value".to_owned()),
    }
}

/// Runs what the command line asks for, in a process that began at `started`.
pub async fn run(env: &Env, started: Instant, cli: Cli) -> Result<(), Failure> {
    let command = cli.command.unwrap_or(Command::Serve(cli.serve));
    if !matches!(command, Command::Serve(_)) {
        logging::start_for_command()?;
    }
    match command {
        Command::Serve(args) => Box::pin(serve::run(env, started, &args)).await,
        Command::Topic(command) => Box::pin(topic::run(env, command)).await,
        Command::Group(command) => Box::pin(group::run(env, command)).await,
        Command::Transaction(command) => Box::pin(transaction::run(env, command)).await,
        Command::Config(command) => Box::pin(config::run(env, command)).await,
        Command::Produce(args) => Box::pin(produce::run(env, &args)).await,
        Command::Consume(args) => Box::pin(consume::run(env, &args)).await,
        Command::Bench(command) => Box::pin(bench::run(env, command)).await,
        Command::Verify(args) => Box::pin(verify::run(env, &args)).await,
    }
}
