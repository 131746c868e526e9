//! The broker of a pass, and what happens to it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use fastrand::Rng;
use rustix::process::Signal;
use tokio::sync::watch;

use super::cell::{Cell, Fault};
use super::plan::{Plan, TIMEOUT_MS_MAX};
use super::shared::Shared;
use crate::coverage::Coverage;
use crate::cycles;
use crate::failure::Failure;
use crate::injection::{self, Injection};
use crate::mount::Mount;
use crate::process::{Launch, Process};
use crate::stage::Stage;

const IMAGE_MEBIBYTES: u64 = 512;
/// Longer than any session and any transaction may last.
const PAUSE: Duration = Duration::from_millis(TIMEOUT_MS_MAX as u64 + 300);
/// Settings that let clients have short sessions.
const SETTINGS: [&str; 2] = ["group.min.session.timeout.ms=100", "log.cleaner.backoff.ms=100"];
/// The calls that fail, and one in how many does.
const CALLS: [(&str, u32); 3] = [("pwritev", 25), ("fdatasync", 25), ("fallocate", 3)];
const ERRORS: [&str; 2] = ["EIO", "ENOSPC"];
/// Failures of a call before all fail, unless they are too rare.
const FAILURES: u64 = 2;
const FAILURES_PATIENCE: Duration = Duration::from_secs(1);
/// Transactions that have to end once calls work again.
const TRANSACTIONS_AFTER: u64 = 5;
/// At last all calls fail for so long, until the power goes.
const LAST: Duration = Duration::from_millis(200);
const POLL: Duration = Duration::from_millis(20);
/// Longest time between the last acknowledgement waited for and a fault.
const DELAY_US_MAX: u64 = 20_000;

/// A broker at a time, where clients find it.
pub struct Site {
    launch: Launch,
    broker: Process,
    address: watch::Sender<Option<SocketAddr>>,
    fault: Fault,
    end: cycles::Fault,
    trace: PathBuf,
    /// What brokers did, by their own counters.
    pub coverage: Coverage,
    /// What happened to them.
    pub strikes: u64,
}

impl Site {
    /// Starts a broker on an empty directory.
    pub async fn new(stage: &Stage, cell: Cell) -> Result<Self, Failure> {
        let dir = stage.fresh_dir("transactions")?;
        let mut launch = stage.launch(&dir)?;
        launch.settings.extend(SETTINGS.map(str::to_owned));
        let end = match cell.fault {
            Fault::Kill | Fault::Pause => cycles::Fault::Kill,
            Fault::Power | Fault::Errors => {
                let mount = Mount::create(&dir, IMAGE_MEBIBYTES)?;
                launch.data_dir = mount.path().join("data");
                cycles::Fault::PowerCut(mount)
            }
        };
        let broker = launch.start().await?;
        Ok(Self {
            address: watch::Sender::new(Some(broker.kafka)),
            launch,
            broker,
            fault: cell.fault,
            end,
            trace: dir.join("trace"),
            coverage: Coverage::default(),
            strikes: 0,
        })
    }

    /// Where the broker of the moment is.
    pub fn address(&self) -> watch::Receiver<Option<SocketAddr>> {
        self.address.subscribe()
    }

    /// The broker of the moment.
    pub fn broker(&mut self) -> &mut Process {
        &mut self.broker
    }

    /// Lets something go wrong; afterwards there is a broker again.
    pub async fn strike(
        &mut self,
        shared: &Shared,
        plan: &Plan,
        random: &mut Rng,
    ) -> Result<(), Failure> {
        tokio::time::sleep(Duration::from_micros(random.u64(..DELAY_US_MAX))).await;
        self.strikes += 1;
        match self.fault {
            Fault::Pause => {
                self.broker.signal(Signal::STOP)?;
                tokio::time::sleep(PAUSE).await;
                return self.broker.signal(Signal::CONT);
            }
            Fault::Kill | Fault::Power => self.end_broker(shared).await?,
            Fault::Errors => self.fail_calls(shared, plan, random).await?,
        }
        self.broker = self.launch.start().await?;
        self.address.send_replace(Some(self.broker.kafka));
        Ok(())
    }

    async fn end_broker(&mut self, shared: &Shared) -> Result<(), Failure> {
        if let Ok(metrics) = self.broker.metrics().await {
            self.coverage.add(&metrics);
        }
        self.address.send_replace(None);
        self.end.strike(&mut self.broker).await?;
        shared.history.observe(&thalweg_checker::Event::Crash)?;
        self.check_panic(shared);
        Ok(())
    }

    /// Lets a call fail now and then, and in the end always.
    async fn fail_calls(
        &mut self,
        shared: &Shared,
        plan: &Plan,
        random: &mut Rng,
    ) -> Result<(), Failure> {
        let (call, step) = CALLS[random.usize(..CALLS.len())];
        let error = ERRORS[random.usize(..ERRORS.len())];
        let injection = Injection { call, error, step };
        self.fail_now_and_then(injection, shared, plan).await?;
        // What was acknowledged in spite of a failure shows only if no success comes after it.
        let _strace = Injection { step: 1, ..injection }.attach(&self.broker, &self.trace)?;
        tokio::time::sleep(LAST).await;
        self.end_broker(shared).await
    }

    /// Lets a call fail while clients are at work, and waits until all is well again.
    async fn fail_now_and_then(
        &mut self,
        injection: Injection<'_>,
        shared: &Shared,
        plan: &Plan,
    ) -> Result<(), Failure> {
        let mut strace = injection.attach(&self.broker, &self.trace)?;
        let began = tokio::time::Instant::now();
        while injection::fired(&self.trace) < FAILURES && began.elapsed() < FAILURES_PATIENCE {
            tokio::time::sleep(POLL).await;
            if let Some(status) = self.broker.try_wait()? {
                shared.history.accuse(format!("{injection:?}: the broker ended with {status}"));
                break;
            }
        }
        injection::detach(&mut strace).await?;
        plan.wait_for(shared, TRANSACTIONS_AFTER).await
    }

    /// Ends the broker in peace.
    pub async fn finish(mut self, shared: &Shared) -> Result<Coverage, Failure> {
        if let Ok(metrics) = self.broker.metrics().await {
            self.coverage.add(&metrics);
        }
        let status = self.broker.terminate().await?;
        if !status.success() {
            shared.history.accuse(format!("asked to end, the broker ended with {status}"));
        }
        self.check_panic(shared);
        Ok(self.coverage)
    }

    fn check_panic(&self, shared: &Shared) {
        if let Some(line) = self.broker.panic_line() {
            shared.history.accuse(line);
        }
    }
}
