//! Runs seeds of the simulation and says what they found.

use std::process::ExitCode;

use clap::Parser;
use thalweg_sim::{Campaign, Failure, Findings, run_seed};

/// A fifth of a seed's time is less than with the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Violations of one seed that are told; `--seed` tells all.
const VIOLATIONS_TOLD: usize = 5;

/// Seeded simulation of a broker, judged by the history checker.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    /// How many seeds to run.
    #[arg(long, default_value_t = 2000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Threads; as many as there are processors if not given.
    #[arg(long)]
    jobs: Option<usize>,
    /// Every seed divisible by this runs twice and must give the same trace; 0 for none.
    #[arg(long, default_value_t = 20)]
    again: u64,
    /// Run this seed alone.
    #[arg(long)]
    seed: Option<u64>,
    /// Tell everything that happens in it, with the broker's log.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// Plant each known bug in the broker and fail unless a seed finds it. Needs the feature
    /// `planted-bugs`.
    #[arg(long)]
    planted: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.trace {
        tracing_subscriber::fmt()
            .without_time()
            .with_ansi(false)
            .with_writer(std::io::stdout)
            .init();
    }
    let is_clean = match arguments.seed {
        Some(seed) => tell_one(seed, arguments.trace),
        None if arguments.planted => hunt(&arguments.campaign()),
        None => tell_all(&arguments.campaign()),
    };
    if is_clean { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Arguments {
    fn campaign(&self) -> Campaign {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Campaign {
            seeds: self.from..self.from.saturating_add(self.seeds),
            jobs: self.jobs.unwrap_or(processors),
            again: self.again,
            first_only: false,
        }
    }
}

fn tell_one(seed: u64, tells: bool) -> bool {
    let run = match run_seed(seed, tells) {
        Ok(run) => run,
        Err(error) => {
            eprintln!("seed {seed}: {error}");
            return false;
        }
    };
    let violations = run.violations();
    print!("{}", run.counts);
    println!("{}", run.judgement.report);
    for violation in &violations {
        println!("seed {seed}: {violation}");
    }
    println!(
        "summary: seed {seed}, {} violations, {} s simulated, trace {:016x}",
        violations.len(),
        run.simulated.as_secs(),
        run.judgement.trace
    );
    violations.is_empty()
}

fn tell_all(campaign: &Campaign) -> bool {
    let total = campaign.seeds.end - campaign.seeds.start;
    let findings = campaign.run(|done, failures| {
        failures.iter().for_each(tell_failure);
        if done.is_multiple_of(100) {
            eprintln!("{done} of {total} seeds");
        }
    });
    print!("{}", findings.counts);
    let missing = findings.counts.missing();
    if !missing.is_empty() {
        println!("never happened: {}", missing.join(", "));
    }
    println!("summary: {}", summary(&findings));
    findings.failures.is_empty() && missing.is_empty()
}

fn tell_failure(failure: &Failure) {
    let (told, more) = failure.violations.split_at(failure.violations.len().min(VIOLATIONS_TOLD));
    for violation in told {
        println!("seed {}: {violation}", failure.seed);
    }
    if !more.is_empty() {
        println!("seed {}: and {} more", failure.seed, more.len());
    }
}

fn summary(findings: &Findings) -> String {
    let counts = &findings.counts;
    let told = ["kills", "power cuts", "torn writes", "recoveries", "disk errors", "wall jumps"]
        .map(|name| format!("{} {name}", counts.get(name)));
    format!(
        "{} seeds, {} failed; {} h simulated, {}",
        counts.get("seeds"),
        findings.failures.len(),
        findings.simulated.as_secs() / 3600,
        told.join(", ")
    )
}

#[cfg(feature = "planted-bugs")]
fn hunt(campaign: &Campaign) -> bool {
    let (mut planted, mut caught) = (0, 0);
    thalweg_sim::hunt(campaign, |bug, failure| {
        planted += 1;
        match failure {
            Some(failure) => {
                caught += 1;
                let what = failure.violations.first().map_or("", String::as_str);
                let seeds = failure.seed - campaign.seeds.start + 1;
                println!("{bug:?}: caught within {seeds} seeds, by {}: {what}", failure.seed);
            }
            None => println!("{bug:?}: NOT CAUGHT by {:?}", campaign.seeds),
        }
    });
    println!("summary: {caught} of {planted} planted bugs caught");
    caught == planted
}

#[cfg(not(feature = "planted-bugs"))]
fn hunt(_: &Campaign) -> bool {
    eprintln!("--planted needs a build with --features planted-bugs");
    false
}
