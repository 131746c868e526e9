//! Every call of the write path fails now and then, and at last the power goes: nothing that was
//! acknowledged may have stood on a call that failed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::cycles::{Fault, IMAGE_MEBIBYTES, check_panic, end};
use crate::failure::Failure;
use crate::mount::Mount;
use crate::process::Process;
use crate::stage::{Progress, Stage};
use crate::workload::Workload;

/// The calls of the write path, and one in how many fails: few where a failure stops the writer
/// for a second, most where there are few.
const CALLS: [(&str, u32); 10] = [
    ("pwritev", 25),
    ("pwrite64", 3),
    ("fdatasync", 25),
    ("fsync", 3),
    ("fallocate", 3),
    ("openat", 5),
    ("rename", 2),
    ("link", 2),
    ("unlink", 2),
    ("ftruncate", 2),
];
const ERRORS: [&str; 2] = ["EIO", "ENOSPC"];
const POLL: Duration = Duration::from_millis(100);
/// Batches that have to be acknowledged once calls work again.
const BATCHES_AFTER: u64 = 200;

/// How much is tried.
#[derive(Clone, Debug, Args)]
pub struct ErrorsArgs {
    /// Failures of each call with each error, at least
    #[arg(long, default_value_t = 50)]
    pub fired: u64,
    /// Longest time for each call and error, after which fewer will do
    #[arg(long, default_value_t = 120)]
    pub seconds: u64,
    /// Only this call
    #[arg(long)]
    pub call: Option<String>,
}

/// Runs the test; true if nothing is wrong.
pub async fn run(stage: &Stage, args: &ErrorsArgs) -> Result<bool, Failure> {
    let dir = stage.fresh_dir("errors")?;
    let mount = Mount::create(&dir, IMAGE_MEBIBYTES)?;
    let mut launch = stage.launch(&dir)?;
    launch.data_dir = mount.path().join("data");
    let mut fault = Fault::PowerCut(mount);
    let mut workload = Workload::new(stage.seed);
    let mut progress = Progress::new();
    let mut prepared = false;
    let (mut total, mut short) = (0, Vec::new());
    for (call, step) in CALLS {
        for error in ERRORS {
            if args.call.as_ref().is_some_and(|only| only != call) || !workload.history.is_clean() {
                continue;
            }
            let mut broker = launch.start().await?;
            if !std::mem::replace(&mut prepared, true) {
                workload.prepare(broker.kafka).await?;
            }
            workload.audit(broker.kafka).await?;
            let injection = Injection { call, error, step, trace: dir.join("trace") };
            let running = workload.start(broker.kafka);
            let fired = inject(&injection, args, &mut broker, &workload).await?;
            total += fired;
            if fired < args.fired {
                short.push(format!("{call} {error}: {fired}"));
            }
            fault.strike(&mut broker).await?;
            workload.take_back(running).await?;
            workload.crashed()?;
            check_panic(&broker, &workload);
            progress.tell(|| format!("{call} {error}: {fired} failed"));
        }
    }
    end(&launch, &mut workload).await?;
    Ok(finish(workload, total, &short, &progress))
}

fn finish(workload: Workload, total: u64, short: &[String], progress: &Progress) -> bool {
    let outcome = workload.finish();
    println!("{outcome}");
    println!("fewer failures than wanted: {short:?}");
    println!(
        "summary: errors: {total} calls failed, {} records in {} batches acknowledged, \
         {} violations, {} s",
        outcome.report.acked,
        outcome.batches_acked,
        outcome.violations(),
        progress.seconds(),
    );
    outcome.is_clean()
}

/// Which call fails how.
struct Injection<'a> {
    call: &'a str,
    error: &'a str,
    step: u32,
    trace: PathBuf,
}

/// Lets calls fail while clients are at work, and waits until all is well again; returns how often.
async fn inject(
    injection: &Injection<'_>,
    args: &ErrorsArgs,
    broker: &mut Process,
    workload: &Workload,
) -> Result<u64, Failure> {
    workload.wait_for(BATCHES_AFTER).await?;
    let mut strace = attach(injection, broker)?;
    let began = tokio::time::Instant::now();
    while fired(&injection.trace) < args.fired
        && began.elapsed() < Duration::from_secs(args.seconds)
    {
        tokio::time::sleep(POLL).await;
        if let Some(status) = broker.try_wait()? {
            let Injection { call, error, .. } = injection;
            workload.history.accuse(format!("{call} {error}: the broker ended with {status}"));
            break;
        }
    }
    detach(&mut strace).await?;
    if broker.try_wait()?.is_none() {
        workload.wait_for(BATCHES_AFTER).await?;
    }
    Ok(fired(&injection.trace))
}

fn attach(injection: &Injection<'_>, broker: &Process) -> Result<Child, Failure> {
    let Injection { call, error, step, trace } = injection;
    // What was there is of another call.
    let _ = std::fs::remove_file(trace);
    Command::new("strace")
        .args(["-f", "-qq", "-p", &broker.pid().as_raw_nonzero().to_string()])
        .args(["-e", &format!("trace={call}")])
        .args(["-e", &format!("inject={call}:error={error}:when={step}+{step}")])
        .arg("-o")
        .arg(trace)
        .kill_on_drop(true)
        .spawn()
        .map_err(Failure::io("running strace; see tests/setup"))
}

async fn detach(strace: &mut Child) -> Result<(), Failure> {
    if let Some(pid) = strace.id().and_then(|id| Pid::from_raw(id as i32)) {
        // It may be gone with the broker.
        let _ = kill_process(pid, Signal::INT);
    }
    strace.wait().await.map_err(Failure::io("waiting for strace"))?;
    Ok(())
}

/// Failures so far.
fn fired(trace: &Path) -> u64 {
    let trace = std::fs::read_to_string(trace).unwrap_or_default();
    trace.lines().filter(|line| line.contains("(INJECTED)")).count() as u64
}
