//! `thalweg transaction`.

use clap::{Args, Subcommand};
use thalweg_env::Env;

use crate::cli::Bootstrap;
use crate::client::admin::{TransactionDescription, TransactionListing};
use crate::error::Failure;
use crate::output::{Row, print_json, print_line, print_rows};

/// What to do with transactions.
#[derive(Debug, Subcommand)]
pub enum TransactionCommand {
    /// List transactional ids and their states
    List(ListArgs),
    /// Show a transaction: its producer, since when it is open, and what it has written to
    Describe(DescribeArgs),
    /// Abort what is open under a transactional id, and fence its producer
    Abort(AbortArgs),
}

#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only transactions that have been open for longer, such as 10m
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    open_for: Option<std::time::Duration>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

#[derive(Debug, Args)]
pub struct DescribeArgs {
    /// Transactional id
    id: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

#[derive(Debug, Args)]
pub struct AbortArgs {
    /// Transactional id
    id: String,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

impl Row for TransactionListing {
    const TITLES: &'static [&'static str] = &["transaction", "state", "producer"];

    fn cells(&self) -> Vec<String> {
        vec![self.id.clone(), self.state.clone(), self.producer.to_string()]
    }
}

/// Runs the command.
pub async fn run(env: &Env, command: TransactionCommand) -> Result<(), Failure> {
    match command {
        TransactionCommand::List(args) => {
            let listed = args.bootstrap.client(env).transactions(args.open_for).await?;
            Ok(print_rows(args.json, &listed)?)
        }
        TransactionCommand::Describe(args) => {
            let described = args.bootstrap.client(env).describe_transaction(&args.id).await?;
            if args.json {
                return Ok(print_json(&described)?);
            }
            print_description(env, &described)
        }
        TransactionCommand::Abort(args) => {
            args.bootstrap.client(env).abort_transaction(&args.id).await?;
            Ok(print_line(false, &format!("nothing is open under '{}'", args.id))?)
        }
    }
}

fn print_description(env: &Env, described: &TransactionDescription) -> Result<(), Failure> {
    let TransactionDescription { id, state, producer, epoch, timeout_ms, .. } = described;
    print_line(false, &format!("{id}  {state}  producer {producer}, epoch {epoch}"))?;
    let timeout = f64::from(*timeout_ms) / 1000.0;
    let is_open = matches!(state.as_str(), "Ongoing" | "PrepareCommit" | "PrepareAbort");
    if let Some(started) = described.started_ms.filter(|_| is_open) {
        let open = (env.wall().0 - started).max(0) as f64 / 1000.0;
        print_line(false, &format!("open for {open:.1} s of {timeout} s"))?;
    }
    for (topic, partitions) in &described.partitions {
        print_line(false, &format!("{topic}{partitions:?}"))?;
    }
    Ok(())
}
