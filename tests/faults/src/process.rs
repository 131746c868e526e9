//! The broker as a process: started, watched, killed.

use std::ffi::OsStr;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStderr, Command};

use crate::failure::Failure;

/// The line that says that a broker serves begins so.
pub const READY: &str = "ready in ";
const START_PATIENCE: Duration = Duration::from_mins(2);
const END_PATIENCE: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(2);
/// Lines of standard error that are kept in memory; all of them are in the file.
const LINES_MAX: usize = 10_000;
/// The last lines that say what was the matter.
const LINES_SHOWN: usize = 5;

/// How to start a broker.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The binary.
    pub program: PathBuf,
    /// Its data directory.
    pub data_dir: PathBuf,
    /// `name=value`, each passed on with `--set`.
    pub settings: Vec<String>,
    /// More of the environment.
    pub variables: Vec<(String, String)>,
    /// A configuration file.
    pub config: Option<PathBuf>,
    /// Where it listens, if not at a port that is free now.
    pub kafka: Option<String>,
    /// How many file descriptors it may have.
    pub descriptors: Option<u32>,
    /// Where standard error is appended to.
    pub log: PathBuf,
}

/// A broker that runs.
pub struct Process {
    child: Child,
    pid: Pid,
    /// Where Kafka clients connect to.
    pub kafka: SocketAddr,
    /// Where metrics are.
    pub http: SocketAddr,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Launch {
    /// Starts the broker and waits until it is ready.
    pub async fn start(&self) -> Result<Process, Failure> {
        let mut process = self.spawn()?;
        let deadline = tokio::time::Instant::now() + START_PATIENCE;
        while !process.has_line(READY) {
            if let Some(status) = process.try_wait()? {
                return Err(process.describe(&format!("the broker ended with {status}")));
            }
            if tokio::time::Instant::now() > deadline {
                process.kill().await?;
                return Err(process.describe("the broker does not become ready"));
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(process)
    }

    /// Starts the broker and does not wait.
    pub fn spawn(&self) -> Result<Process, Failure> {
        let (kafka, http) = (free_address()?, free_address()?);
        let mut command = self.command();
        let listen = self.kafka.clone().unwrap_or_else(|| kafka.to_string());
        command.arg("--data-dir").arg(&self.data_dir);
        command.args(["--kafka-listen", &listen, "--http-listen", &http.to_string()]);
        command
            .args(self.config.iter().flat_map(|file| [OsStr::new("--config"), file.as_os_str()]));
        command.args(self.settings.iter().flat_map(|setting| ["--set", setting]));
        command.envs(self.variables.iter().cloned());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        let name = self.program.display().to_string();
        let mut child = command.spawn().map_err(Failure::io(format!("starting {name}")))?;
        let gone = || Failure::Other("the broker is gone at once".into());
        let pid = child.id().and_then(|id| Pid::from_raw(id as i32)).ok_or_else(gone)?;
        let lines = Arc::default();
        let stderr = child.stderr.take().ok_or_else(gone)?;
        let mut log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)
            .map_err(Failure::io(format!("opening {}", self.log.display())))?;
        writeln!(log, "---- started as process {pid:?}").map_err(Failure::io("writing the log"))?;
        tokio::spawn(keep_lines(stderr, log, Arc::clone(&lines)));
        Ok(Process { child, pid, kafka, http, lines })
    }
}

impl Launch {
    /// The broker dies with the test, however that ends: one that lived on would write into the next test.
    fn command(&self) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        if let Some(descriptors) = self.descriptors {
            command.arg("prlimit").arg(format!("--nofile={descriptors}:{descriptors}"));
        }
        command.arg(&self.program);
        command
    }
}

impl Process {
    /// The process id of the broker.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// True if it said something with these words.
    pub fn has_line(&self, words: &str) -> bool {
        self.lines().iter().any(|line| line.contains(words))
    }

    /// What it said, as far as it is kept.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first line that no broker should ever write.
    pub fn panic_line(&self) -> Option<String> {
        self.lines().into_iter().find(|line| line.contains("panicked at"))
    }

    /// Sends a signal to the broker.
    pub fn signal(&self, signal: Signal) -> Result<(), Failure> {
        kill_process(self.pid, signal).map_err(|error| Failure::io("signalling")(error.into()))
    }

    /// Kills it as nothing can be killed more.
    pub async fn kill(&mut self) -> Result<(), Failure> {
        // It may be gone already; what matters is that it is gone afterwards.
        let _ = self.signal(Signal::KILL);
        self.child.wait().await.map_err(Failure::io("waiting for the broker"))?;
        Ok(())
    }

    /// Asks it to end, and waits.
    pub async fn terminate(&mut self) -> Result<ExitStatus, Failure> {
        self.signal(Signal::TERM)?;
        self.wait().await
    }

    /// Waits for its end.
    pub async fn wait(&mut self) -> Result<ExitStatus, Failure> {
        match tokio::time::timeout(END_PATIENCE, self.child.wait()).await {
            Ok(status) => status.map_err(Failure::io("waiting for the broker")),
            Err(_) => Err(self.describe("the broker does not end")),
        }
    }

    /// How it ended, if it did.
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>, Failure> {
        self.child.try_wait().map_err(Failure::io("waiting for the broker"))
    }

    /// The metrics, as text.
    pub async fn metrics(&self) -> Result<String, Failure> {
        get(self.http, "/metrics").await
    }

    /// Resident memory in bytes.
    pub fn resident_bytes(&self) -> Result<u64, Failure> {
        let path = format!("/proc/{}/status", self.pid.as_raw_pid());
        let status =
            std::fs::read_to_string(&path).map_err(Failure::io(format!("reading {path}")))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        kib.map(|kib| kib << 10).ok_or_else(|| Failure::Other(format!("no VmRSS in {path}")))
    }

    /// Says of a failure in what state the broker is. For moments at which it has to be there.
    pub fn explain(&mut self, failure: &Failure) -> Failure {
        let state = match self.try_wait() {
            Ok(None) => "the broker runs".to_owned(),
            Ok(Some(status)) => format!("the broker ended with {status}"),
            Err(unknown) => unknown.to_string(),
        };
        self.describe(&format!("{failure}; {state}"))
    }

    fn describe(&self, what: &str) -> Failure {
        let lines = self.lines();
        let last = lines[lines.len().saturating_sub(LINES_SHOWN)..].join("\n  ");
        Failure::Other(format!("{what}\n  {last}"))
    }
}

/// The body of what a broker answers over HTTP.
pub async fn get(address: SocketAddr, path: &str) -> Result<String, Failure> {
    let mut stream = TcpStream::connect(address).await.map_err(Failure::Ended)?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.map_err(Failure::Ended)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.map_err(Failure::Ended)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

async fn keep_lines(stderr: ChildStderr, mut log: std::fs::File, kept: Arc<Mutex<Vec<String>>>) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        // The log is for people who look into a failure; without it the test says the same.
        let _ = writeln!(log, "{line}");
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < LINES_MAX {
            kept.push(line);
        }
    }
}

/// An address on which nobody listens at the moment.
fn free_address() -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(Failure::io("finding a free port"))?;
    listener.local_addr().map_err(Failure::io("finding a free port"))
}
