//! `thalweg-faults`: runs one fault test; exit 1 if the broker did anything wrong.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use thalweg_faults::behaviour;
use thalweg_faults::cycles::{self, CycleArgs};
use thalweg_faults::errors::{self, ErrorsArgs};
use thalweg_faults::failure::Failure;
use thalweg_faults::flips::{self, FlipsArgs};
use thalweg_faults::full;
use thalweg_faults::hostile::{self, HostileArgs};
use thalweg_faults::planted::{self, PlantedArgs};
use thalweg_faults::stage::Stage;
use thalweg_faults::torn::{self, TornArgs};
use thalweg_faults::transactions::{self, TransactionsArgs};

/// Fault tests with the real binary.
#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    stage: Stage,
    #[command(subcommand)]
    test: Test,
}

#[derive(Debug, Subcommand)]
enum Test {
    /// Kill the broker at any moment
    Kill(CycleArgs),
    /// Cut the power of its device at any moment
    Power(CycleArgs),
    /// Cut the last chunk at every byte
    Torn(TornArgs),
    /// Flip bits
    Flips(FlipsArgs),
    /// Let calls of the write path fail
    Errors(ErrorsArgs),
    /// Send what no honest client sends
    Hostile(HostileArgs),
    /// Plant bugs in the broker, and have them caught
    Planted(PlantedArgs),
    /// Transactions, copies, compaction and plain records under four faults
    Transactions(TransactionsArgs),
    /// Fill the device
    Full,
    /// Look at exit codes, signals, refusals
    Behaviour,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match cli.test {
        Test::Hostile(_) => hostile::runtime(),
        _ => tokio::runtime::Runtime::new(),
    };
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run(&cli)),
        Err(error) => Err(Failure::io("starting a runtime")(error)),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(Cli { stage, test }: &Cli) -> Result<bool, Failure> {
    match test {
        Test::Kill(args) => cycles::kill(stage, args).await,
        Test::Hostile(args) => hostile::run(stage, args).await,
        Test::Planted(args) => planted::run(stage, args).await,
        Test::Transactions(args) => transactions::run(stage, args).await,
        Test::Full => full::run(stage).await,
        Test::Behaviour => behaviour::run(stage).await,
        Test::Errors(args) => errors::run(stage, args).await,
        Test::Flips(args) => flips::run(stage, args).await,
        Test::Torn(args) => torn::run(stage, args).await,
        Test::Power(args) => cycles::power(stage, args).await,
    }
}
