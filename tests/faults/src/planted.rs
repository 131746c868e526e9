//! Bugs planted in the broker on purpose: a check that does not catch them proves nothing.
//!
//! Wants a binary with the feature `planted-bugs` of thalweg-log.

use clap::Args;

use crate::admin;
use crate::connection::Connection;
use crate::cycles::{self, CycleArgs};
use crate::errors::{self, ErrorsArgs};
use crate::failure::Failure;
use crate::flips::{self, FlipsArgs};
use crate::stage::{Progress, Stage};
use crate::torn::{self, TornArgs};
use crate::transactions::cell::{Fault, Workload};
use crate::transactions::{self, TransactionsArgs};

/// The bugs, and the check that is to catch each. The others that can be planted are the simulation's:
/// they take moments that are rare here, or minutes.
const BUGS: [(&str, Check); 19] = [
    ("ack-before-flush", Check::Power),
    ("reuse-offset", Check::Kill),
    ("skip-checksum", Check::Flips),
    ("forget-sequence", Check::Kill),
    ("checkpoint-too-early", Check::Kill),
    ("trust-torn-tail", Check::Torn),
    ("ignore-flush-error", Check::Errors),
    ("remove-before-checkpoint", Check::Kill),
    ("drop-abort", Check::Transactions(Workload::Transactions, Fault::Kill)),
    ("forget-aborted", Check::Transactions(Workload::Transactions, Fault::Kill)),
    ("forget-open", Check::Transactions(Workload::Transactions, Fault::Kill)),
    ("stable-too-high", Check::Transactions(Workload::Transactions, Fault::Kill)),
    ("late-marker", Check::Transactions(Workload::Transactions, Fault::Kill)),
    ("marker-with-old-epoch", Check::Transactions(Workload::Transactions, Fault::Kill)),
    ("keep-epoch", Check::Transactions(Workload::Transactions, Fault::Kill)),
    ("abort-decided", Check::Transactions(Workload::Transactions, Fault::Kill)),
    ("act-before-durable", Check::Transactions(Workload::Transactions, Fault::Power)),
    ("pending-counts", Check::Transactions(Workload::Copies, Fault::Kill)),
    ("forget-pending", Check::Transactions(Workload::Copies, Fault::Kill)),
];
const SCRATCH: &str = "/dev/shm/thalweg-faults-planted";

#[derive(Clone, Copy, Debug)]
enum Check {
    Kill,
    Power,
    Torn,
    Flips,
    Errors,
    Transactions(Workload, Fault),
}

/// How long each check may look for its bug.
#[derive(Clone, Debug, Args)]
pub struct PlantedArgs {
    /// Kills and power cuts
    #[arg(long, default_value_t = 100)]
    pub cycles: u64,
    /// Acknowledged batches between two of them
    #[arg(long, default_value_t = 2_000)]
    pub acks: u64,
    /// Bits flipped, and torn tails
    #[arg(long, default_value_t = 1_000)]
    pub starts: u64,
    /// Passes of transactions
    #[arg(long, default_value_t = 20)]
    pub passes: u64,
    /// Only this bug
    #[arg(long)]
    pub only: Option<String>,
}

/// Runs the test; true if every bug is caught, and nothing is found without one.
pub async fn run(stage: &Stage, args: &PlantedArgs) -> Result<bool, Failure> {
    let progress = Progress::new();
    let sound = Stage { bug: None, ..stage.clone() };
    let clean = cycles::kill(&sound, &CycleArgs { cycles: 2, acks: args.acks }).await?;
    let mut results = Vec::new();
    let mut caught = 0;
    let bugs = BUGS.iter().filter(|(bug, _)| args.only.as_ref().is_none_or(|only| only == bug));
    for (bug, check) in bugs {
        let stage = Stage { bug: Some((*bug).to_owned()), ..stage.clone() };
        prove(&stage, bug).await?;
        let began = progress.seconds();
        let outcome = check.run(&stage, args).await;
        let seconds = progress.seconds() - began;
        caught += u32::from(!matches!(outcome, Ok(true)));
        results.push(match outcome {
            Ok(true) => format!("{bug}: NOT CAUGHT by {check:?} in {seconds} s"),
            Ok(false) => format!("{bug}: caught by {check:?} in {seconds} s"),
            Err(failure) => format!("{bug}: caught by {check:?} in {seconds} s: {failure}"),
        });
    }
    println!("{}", results.join("\n"));
    println!(
        "summary: planted: {caught} of {} bugs caught, {} without one, {} s",
        results.len(),
        if clean { "nothing found" } else { "VIOLATIONS" },
        progress.seconds()
    );
    Ok(clean && caught as usize == results.len())
}

/// The binary starts with the bug, and has it. Whatever fails after this fails because of the bug.
async fn prove(stage: &Stage, bug: &str) -> Result<(), Failure> {
    let dir = stage.fresh_dir("planted")?;
    let mut broker = stage.launch(&dir)?.start().await?;
    let mut connection = Connection::open(broker.kafka).await?;
    admin::create_topic(&mut connection, "first", 1, &[]).await?;
    broker.kill().await?;
    if broker.has_line(&format!("planted on purpose: {bug}")) {
        return Ok(());
    }
    let name = stage.binary.display();
    Err(Failure::Other(format!("{name} is not built with the feature planted-bugs of thalweg-log")))
}

impl Check {
    async fn run(self, stage: &Stage, args: &PlantedArgs) -> Result<bool, Failure> {
        let cycles = CycleArgs { cycles: args.cycles, acks: args.acks };
        match self {
            Self::Kill => cycles::kill(stage, &cycles).await,
            Self::Power => cycles::power(stage, &cycles).await,
            Self::Transactions(workload, fault) => {
                let args = TransactionsArgs {
                    passes: args.passes,
                    workload: vec![workload],
                    fault: vec![fault],
                    transactions: 40,
                    strikes: 6,
                    state: None,
                    commit: None,
                };
                transactions::run(stage, &args).await
            }
            Self::Torn => {
                let args =
                    TornArgs { step: u64::MAX, starts: args.starts, scratch: SCRATCH.into() };
                torn::run(stage, &args).await
            }
            Self::Flips => {
                let args =
                    FlipsArgs { flips: args.starts, start_every: 1, scratch: SCRATCH.into() };
                flips::run(stage, &args).await
            }
            Self::Errors => {
                let call = Some("fdatasync".to_owned());
                errors::run(stage, &ErrorsArgs { fired: 10, seconds: 60, call }).await
            }
        }
    }
}
