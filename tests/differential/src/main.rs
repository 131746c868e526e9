//! `thalweg-differential`: one script for both brokers; exit 1 if they differ in a way that is not known.

mod answer;
mod apis;
mod batch;
mod connection;
mod failure;
mod known;
mod names;
mod pair;
mod script;

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;

use crate::failure::Failure;
use crate::pair::Pair;
use crate::script::Script;

/// Asks Kafka and Thalweg the same, and compares the answers.
#[derive(Debug, Parser)]
struct Cli {
    /// Where Kafka listens
    #[arg(long)]
    kafka: SocketAddr,
    /// Where Thalweg listens
    #[arg(long)]
    thalweg: SocketAddr,
    /// What the script is made from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many requests it has at least
    #[arg(long, default_value_t = 3000)]
    requests: u64,
    /// Print every request and what Kafka answers
    #[arg(long)]
    verbose: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(&Cli::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: &Cli) -> Result<bool, Failure> {
    let pair = Pair::open(cli.kafka, cli.thalweg, cli.verbose).await?;
    let pair = Script::run(pair, cli.seed, cli.requests).await?;
    print_summary(cli.seed, &pair);
    Ok(pair.differing == 0)
}

fn print_summary(seed: u64, pair: &Pair) {
    for (api, count) in &pair.asked {
        let of_api = pair.codes.iter().filter(|((of, _), _)| of == api);
        let codes: Vec<_> = of_api.map(|((_, code), times)| format!("{code} {times}")).collect();
        println!("{api} {count}: {}", codes.join(", "));
    }
    let mut known = 0;
    for (entry, met) in pair.known().entries() {
        known += met;
        if met == 0 {
            println!("warning: not met: {} {}: {}", entry.api, entry.field, entry.why);
        }
    }
    println!(
        "summary: seed {seed}: {} requests of {} apis, {} with a difference, {known} known differences met",
        pair.requests(),
        pair.asked.len(),
        pair.differing,
    );
}
