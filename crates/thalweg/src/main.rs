//! Thalweg: one durable log that unchanged Kafka clients use, and the tools around it, in one binary.

mod address;
mod cli;
mod client;
mod commands;
mod error;
mod interrupt;
mod logging;
mod output;
mod progress;
mod serve;
mod settings;
mod version;

use std::process::ExitCode;

use clap::Parser;
use thalweg_env::Env;

/// Batches are allocated by one thread and freed by another, all the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let env = Env::real();
    let started = env.now();
    let cli = cli::Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start the runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(cli::run(&env, started, cli));
    // What still waits on a device or for a peer does not keep a finished command from ending.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.is_silent() {
                eprintln!("error: {failure}");
            }
            failure.exit_code()
        }
    }
}
