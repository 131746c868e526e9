//! Transactions, copies of topics, compaction and plain records while something goes wrong: the checker's
//! classes over workloads and faults, so many passes for each pair.

pub mod cell;
mod chain;
mod client;
mod closing;
mod late_marker;
mod line;
mod pass;
mod plan;
mod reader;
mod session;
mod shared;
mod site;
mod tally;
mod transactor;
mod writer;

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::Ordering;

use clap::Args;

use self::cell::{Cell, Fault, Workload};
use self::pass::{Load, Passed};
use self::tally::Tally;
use crate::failure::Failure;
use crate::stage::{Progress, Stage};

/// How much is tried.
#[derive(Clone, Debug, Args)]
pub struct TransactionsArgs {
    /// Passes of each workload with each fault, those of earlier runs with them
    #[arg(long, default_value_t = 20)]
    pub passes: u64,
    /// Only these workloads
    #[arg(long)]
    pub workload: Vec<Workload>,
    /// Only these faults
    #[arg(long)]
    pub fault: Vec<Fault>,
    /// Transactions before each fault and after the last; where there are none, as much else
    #[arg(long, default_value_t = 40)]
    pub transactions: u64,
    /// Kills in a pass; of what takes longer there are fewer
    #[arg(long, default_value_t = 6)]
    pub strikes: u64,
    /// Where passes are counted, so that a run goes on where the last one stopped
    #[arg(long)]
    pub state: Option<PathBuf>,
    /// Under which name they are counted, if not the binary's version
    #[arg(long)]
    pub commit: Option<String>,
}

/// Runs the passes that are missing; true if nothing is wrong.
pub async fn run(stage: &Stage, args: &TransactionsArgs) -> Result<bool, Failure> {
    let build = args.commit.clone().map_or_else(|| version_of(stage), Ok)?;
    let mut tally = Tally::open(args.state.as_deref(), &build)?;
    let mut total = Total::default();
    let progress = Progress::new();
    let wanted = |cell: &Cell| {
        (args.workload.is_empty() || args.workload.contains(&cell.workload))
            && (args.fault.is_empty() || args.fault.contains(&cell.fault))
    };
    let cells: Vec<Cell> = Cell::all().filter(wanted).collect();
    // Every cell has its first pass before any has its second.
    for round in 0..args.passes {
        let missing = cells.iter().filter(|cell| tally.passes(**cell) <= round);
        for cell in missing.copied().collect::<Vec<_>>() {
            let seed = stage.seed + tally.passes(cell);
            let passed = pass::run(&Stage { seed, ..stage.clone() }, cell, args.load()).await?;
            println!("{:5} s  {cell} with seed {seed}: {passed}", progress.seconds());
            total.add(&passed);
            if !passed.outcome.is_clean() {
                println!("{}", passed.outcome);
                println!("{}", total.summary(&cells, &tally, &progress));
                return Ok(false);
            }
            tally.add(cell)?;
        }
    }
    print!("{tally}");
    println!("{}", total.summary(&cells, &tally, &progress));
    Ok(true)
}

impl TransactionsArgs {
    fn load(&self) -> Load {
        Load { transactions: self.transactions, strikes: self.strikes }
    }
}

/// What the binary says of itself.
fn version_of(stage: &Stage) -> Result<String, Failure> {
    let name = stage.binary.display();
    let output = Command::new(&stage.binary).arg("--version").output();
    let output = output.map_err(Failure::io(format!("asking {name} for its version")))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// What the passes of a run came to.
#[derive(Default)]
struct Total {
    passes: u64,
    strikes: u64,
    committed: u64,
    aborted: u64,
    acked: u64,
    audited: u64,
    violations: u64,
}

impl Total {
    fn add(&mut self, passed: &Passed) {
        let report = &passed.outcome.report;
        self.passes += 1;
        self.strikes += passed.strikes;
        self.committed += report.committed;
        self.aborted += report.aborted;
        self.acked += report.acked;
        self.audited += passed.audited;
        self.violations += passed.outcome.violations();
    }

    fn summary(&self, cells: &[Cell], tally: &Tally, progress: &Progress) -> String {
        let fewest = cells.iter().map(|cell| tally.passes(*cell)).min().unwrap_or_default();
        format!(
            "summary: transactions: {} passes of {} cells with {} faults, {} transactions committed, \
             {} aborted, {} records acknowledged, {} audited, {} violations, {} s; every cell has {fewest} \
             passes over {} builds",
            self.passes,
            cells.len(),
            self.strikes,
            self.committed,
            self.aborted,
            self.acked,
            self.audited,
            self.violations,
            progress.seconds(),
            tally.builds(),
        )
    }
}

impl std::fmt::Display for Passed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { outcome, counts, coverage, audited, strikes } = self;
        let report = &outcome.report;
        write!(
            f,
            "{strikes} faults, {} records acknowledged, {audited} audited, {} transactions committed, \
             {} aborted, {} abandoned, {} fenced, {} late markers refused, {} records copied; {coverage}; \
             {} violations",
            report.acked,
            report.committed,
            report.aborted,
            counts.abandoned.load(Ordering::Relaxed),
            counts.fenced.load(Ordering::Relaxed),
            counts.late_markers.load(Ordering::Relaxed),
            counts.copied.load(Ordering::Relaxed),
            outcome.violations(),
        )
    }
}
