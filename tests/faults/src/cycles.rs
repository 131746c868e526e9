//! A fault, a restart, an audit, and again: on one data directory, with clients that live on.

use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Args;
use fastrand::Rng;
use rustix::process::Signal;

use crate::coverage::Coverage;
use crate::failure::Failure;
use crate::mount::Mount;
use crate::process::{Launch, Process};
use crate::stage::{Progress, Stage};
use crate::workload::Workload;

/// Longest time between the last acknowledgement waited for and the fault.
const DELAY_US_MAX: u64 = 20_000;
/// Time for what the stopped broker had given to the device before the power is cut.
const SETTLE: Duration = Duration::from_millis(50);
/// Size of a file system whose power is cut.
pub const IMAGE_MEBIBYTES: u64 = 2048;

/// How often, and after how much.
#[derive(Clone, Debug, Args)]
pub struct CycleArgs {
    /// Faults
    #[arg(long, default_value_t = 10)]
    pub cycles: u64,
    /// Acknowledged batches between two faults, at least
    #[arg(long, default_value_t = 10_000)]
    pub acks: u64,
}

/// What happens to the broker.
pub enum Fault {
    /// SIGKILL: what it had written stays.
    Kill,
    /// The power goes: only what was flushed stays.
    PowerCut(Mount),
}

impl Fault {
    fn name(&self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::PowerCut(_) => "power",
        }
    }

    /// Ends the broker.
    pub async fn strike(&mut self, broker: &mut Process) -> Result<(), Failure> {
        if let Self::PowerCut(mount) = self {
            // A flush that is under way during the cut could report success, and an acknowledgement
            // leave that no machine without power would have sent.
            broker.signal(Signal::STOP)?;
            tokio::time::sleep(SETTLE).await;
            mount.cut()?;
        }
        broker.kill().await?;
        match self {
            Self::Kill => Ok(()),
            Self::PowerCut(mount) => mount.remount(),
        }
    }
}

/// `thalweg-faults kill`: what was acknowledged is there afterwards, once, in order.
pub async fn kill(stage: &Stage, args: &CycleArgs) -> Result<bool, Failure> {
    let dir = stage.fresh_dir("kill")?;
    run(stage, args, &stage.launch(&dir)?, Fault::Kill).await
}

/// `thalweg-faults power`: the same where only flushed bytes survive.
pub async fn power(stage: &Stage, args: &CycleArgs) -> Result<bool, Failure> {
    let dir = stage.fresh_dir("power")?;
    let mount = Mount::create(&dir, IMAGE_MEBIBYTES)?;
    let mut launch = stage.launch(&dir)?;
    launch.data_dir = mount.path().join("data");
    run(stage, args, &launch, Fault::PowerCut(mount)).await
}

async fn run(
    stage: &Stage,
    args: &CycleArgs,
    launch: &Launch,
    mut fault: Fault,
) -> Result<bool, Failure> {
    let mut workload = Workload::new(stage.seed);
    let mut random = Rng::with_seed(stage.seed);
    let mut coverage = Coverage::default();
    let mut progress = Progress::new();
    let mut cycles = 0;
    while cycles < args.cycles && workload.history.is_clean() {
        let mut broker = launch.start().await?;
        if cycles == 0 {
            workload.prepare(broker.kafka).await.map_err(|failure| broker.explain(&failure))?;
        }
        workload.audit(broker.kafka).await.map_err(|failure| broker.explain(&failure))?;
        let running = workload.start(broker.kafka);
        workload.wait_for(args.acks + random.u64(..=args.acks / 10)).await?;
        tokio::time::sleep(Duration::from_micros(random.u64(..DELAY_US_MAX))).await;
        coverage.add(&broker.metrics().await?);
        fault.strike(&mut broker).await?;
        workload.take_back(running).await?;
        workload.crashed()?;
        check_panic(&broker, &workload);
        cycles += 1;
        progress.tell(|| {
            let (acked, read) = (workload.history.acked(), workload.audited());
            format!("{cycles}: {acked} records acknowledged, {read} audited; {coverage}")
        });
    }
    end(launch, &mut workload).await?;
    let deletions = workload.deletions.load(Ordering::Relaxed);
    let cuts = workload.cuts.load(Ordering::Relaxed);
    let audited = workload.audited();
    let outcome = workload.finish();
    println!("{outcome}");
    println!("{cycles} cycles had: {coverage}, {deletions} deletions of topics, {cuts} of records");
    println!(
        "summary: {}: {cycles} cycles, {} records in {} batches acknowledged, {audited} audited, \
         {} violations, {} s",
        fault.name(),
        outcome.report.acked,
        outcome.batches_acked,
        outcome.violations(),
        progress.seconds(),
    );
    Ok(outcome.is_clean())
}

/// The last audit, of everything, and an end in peace.
pub async fn end(launch: &Launch, workload: &mut Workload) -> Result<(), Failure> {
    let mut broker = launch.start().await?;
    workload.settle(broker.kafka).await.map_err(|failure| broker.explain(&failure))?;
    workload.audit_whole(broker.kafka).await.map_err(|failure| broker.explain(&failure))?;
    let status = broker.terminate().await?;
    if !status.success() {
        workload.history.accuse(format!("asked to end, the broker ended with {status}"));
    }
    check_panic(&broker, workload);
    Ok(())
}

/// A panic is wrong wherever it happens.
pub fn check_panic(broker: &Process, workload: &Workload) {
    if let Some(line) = broker.panic_line() {
        workload.history.accuse(line);
    }
}
