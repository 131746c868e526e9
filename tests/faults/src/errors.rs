//! Every call of the write path fails now and then, and at last the power goes: nothing that was
//! acknowledged may have stood on a call that failed.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::admin;
use crate::connection::Connection;
use crate::cycles::{Fault, IMAGE_MEBIBYTES, check_panic, end};
use crate::failure::Failure;
use crate::injection::{self, Injection};
use crate::mount::Mount;
use crate::process::{Launch, Process};
use crate::stage::{Progress, Stage};
use crate::workload::Workload;

/// The calls of the write path, and one in how many fails: few where a failure stops the writer
/// for a second, most where there are few.
const CALLS: [(&str, u32); 9] = [
    ("pwritev", 25),
    ("fdatasync", 25),
    ("fsync", 3),
    ("fallocate", 3),
    ("openat", 5),
    ("rename", 2),
    ("linkat", 2),
    ("unlink", 2),
    ("ftruncate", 2),
];
const ERRORS: [&str; 2] = ["EIO", "ENOSPC"];
const POLL: Duration = Duration::from_millis(100);
/// Batches that have to be acknowledged once calls work again.
const BATCHES_AFTER: u64 = 200;
/// At last all calls fail for so long, until the power goes.
const LAST: Duration = Duration::from_millis(300);

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
    let mut scene = Scene {
        launch,
        fault: Fault::PowerCut(mount),
        workload: Workload::new(stage.seed),
        trace: dir.join("trace"),
        prepared: false,
    };
    let mut progress = Progress::new();
    let (mut total, mut short) = (0, Vec::new());
    for (call, error, step) in
        CALLS.iter().flat_map(|(call, step)| ERRORS.map(|e| (*call, e, *step)))
    {
        let wanted = args.call.as_ref().is_none_or(|only| only == call);
        if !wanted || !scene.workload.history.is_clean() {
            continue;
        }
        let fired = scene.fail(&Injection { call, error, step }, args).await?;
        total += fired;
        if fired == 0 {
            scene.workload.history.accuse(format!("{call} {error}: it never failed"));
        }
        if fired < args.fired {
            short.push(format!("{call} {error}: {fired}"));
        }
        progress.tell(|| format!("{call} {error}: {fired} failed"));
    }
    end(&scene.launch, &mut scene.workload).await?;
    Ok(finish(scene.workload, total, &short, &progress))
}

/// A broker at a time, and clients that outlive it.
struct Scene {
    launch: Launch,
    fault: Fault,
    workload: Workload,
    trace: PathBuf,
    prepared: bool,
}

impl Scene {
    /// Lets a call fail now and then, then always, and cuts the power; returns how often it failed
    /// while clients were served.
    async fn fail(&mut self, injection: &Injection<'_>, args: &ErrorsArgs) -> Result<u64, Failure> {
        let mut broker = self.launch.start().await?;
        if !std::mem::replace(&mut self.prepared, true) {
            let prepared = self.workload.prepare(broker.kafka).await;
            prepared.map_err(|failure| broker.explain(&failure))?;
        }
        self.workload.audit(broker.kafka).await.map_err(|failure| broker.explain(&failure))?;
        let running = self.workload.start(broker.kafka);
        let metadata = tokio::spawn(change_metadata(broker.kafka));
        let fired = self.inject(injection, args, &mut broker).await?;
        // What was acknowledged in spite of a failure shows only if no success comes after it.
        let _strace = Injection { step: 1, ..*injection }.attach(&broker, &self.trace)?;
        tokio::time::sleep(LAST).await;
        self.fault.strike(&mut broker).await?;
        metadata.abort();
        self.workload.take_back(running).await?;
        self.workload.crashed()?;
        check_panic(&broker, &self.workload);
        Ok(fired)
    }

    /// Lets calls fail while clients are at work, and waits until all is well again.
    async fn inject(
        &self,
        injection: &Injection<'_>,
        args: &ErrorsArgs,
        broker: &mut Process,
    ) -> Result<u64, Failure> {
        self.workload.wait_for(BATCHES_AFTER).await?;
        let mut strace = injection.attach(broker, &self.trace)?;
        let began = tokio::time::Instant::now();
        let time_max = Duration::from_secs(args.seconds);
        while injection::fired(&self.trace) < args.fired && began.elapsed() < time_max {
            tokio::time::sleep(POLL).await;
            if let Some(status) = broker.try_wait()? {
                let Injection { call, error, .. } = injection;
                let what = format!("{call} {error}: the broker ended with {status}");
                self.workload.history.accuse(what);
                break;
            }
        }
        injection::detach(&mut strace).await?;
        if broker.try_wait()?.is_none() {
            self.workload.wait_for(BATCHES_AFTER).await?;
        }
        Ok(injection::fired(&self.trace))
    }
}

/// Has the broker write to its metadata chain again and again.
async fn change_metadata(address: SocketAddr) -> Result<(), Failure> {
    let mut connection = Connection::open(address).await?;
    for level in ["1", "2"].into_iter().cycle() {
        match admin::set_for_all_brokers(&mut connection, "compression.gzip.level", level).await {
            Err(failure) if !failure.is_ended() => {}
            outcome => outcome?,
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(())
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
