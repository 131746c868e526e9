//! Calls that fail, by strace in the running broker.

use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::failure::Failure;
use crate::process::Process;

/// Which call fails how.
#[derive(Clone, Copy, Debug)]
pub struct Injection<'a> {
    /// The call's name.
    pub call: &'a str,
    /// The error's name.
    pub error: &'a str,
    /// One in how many calls of a thread fails.
    pub step: u32,
}

impl Injection<'_> {
    /// Lets calls fail until it is detached, or the broker is gone.
    pub fn attach(&self, broker: &Process, trace: &Path) -> Result<Child, Failure> {
        let Self { call, error, step } = self;
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
}

/// Lets all calls work again.
pub async fn detach(strace: &mut Child) -> Result<(), Failure> {
    if let Some(pid) = strace.id().and_then(|id| Pid::from_raw(id as i32)) {
        // It may be gone with the broker.
        let _ = kill_process(pid, Signal::INT);
    }
    strace.wait().await.map_err(Failure::io("waiting for strace"))?;
    Ok(())
}

/// Failures so far.
pub fn fired(trace: &Path) -> u64 {
    let trace = std::fs::read_to_string(trace).unwrap_or_default();
    trace.lines().filter(|line| line.contains("(INJECTED)")).count() as u64
}
